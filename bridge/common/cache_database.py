# SPDX-License-Identifier: GPL-3.0-or-later
"""A small SQLite database of what can be made again. One that is damaged is set aside and made anew, whenever it is
noticed: at its opening, or in the middle of the work.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bridge.common import files

log = logging.getLogger(__name__)
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""also what another program's or an older layout of ours gives: there is no such column"""
_LOCK_PAUSE_S = 0.02


class CacheDatabase:
    """One open database. From any thread.

    Args:
        schema: SQL that makes the tables, if they aren't there.
        synchronous: SQLite's; what is lost in a power failure is made again.
        worth_saving: tables whose rows are taken over from a damaged file, as far as they can be read.
    """

    def __init__(self, path: Path, schema: str, *, synchronous: str = "OFF", worth_saving: Sequence[str] = ()) -> None:
        self._path = path
        self._schema = schema
        self._synchronous = synchronous
        self._worth_saving = worth_saving
        self._lock = threading.RLock()
        try:
            self._db = self._opened()
        except sqlite3.DatabaseError as error:
            self._db = self._mended(error)

    def close(self) -> None:
        """Closes it."""
        with self._lock:
            self._db.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple]:
        """Runs one statement and gives its rows."""
        with self._lock:
            try:
                return self._db.execute(statement, values).fetchall()
            except sqlite3.DatabaseError as error:
                self._db = self._mended(error)
                return self._db.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator["CacheDatabase"]:
        """One transaction that holds the write lock from its start, against other processes too."""
        with self._lock:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            if self._db.in_transaction:  # else it was made anew in the middle: the rest is in the new one
                self._db.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=30.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {self._synchronous}")
            ((verdict,),) = db.execute("PRAGMA quick_check(1)")
            if verdict != "ok":
                raise _damaged(verdict)
            db.executescript(self._schema)
        except BaseException:
            db.close()
            raise
        return db

    def _mended(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """A new database in place of the damaged one.

        Raises:
            sqlite3.DatabaseError: it was no damage, but a full disk or the like.
        """
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
            raise error
        if hasattr(self, "_db"):
            self._db.close()
        with files.locked(self._path.with_name(f"{self._path.name}.lock"), lambda: None, _LOCK_PAUSE_S):
            with contextlib.suppress(sqlite3.DatabaseError):
                return self._opened()  # another process was faster
            saved = {table: self._readable(table) for table in self._worth_saving}
            aside = set_aside(self._path)
            log.warning("%s was damaged (%s): it is now %s, and made anew", self._path, error, aside.name)
            db = self._opened()
        for table, rows in saved.items():
            for row in rows:
                db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        return db

    def _readable(self, table: str) -> list[tuple]:
        rows: list[tuple] = []
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self._path)) as db:
            rows.extend(db.execute(f"SELECT * FROM {table}"))
        return rows


def set_aside(path: Path) -> Path:
    """Renames a damaged database, its journals with it, and gives its new place. Only the last one is kept."""
    aside = path.with_name(f"{path.name}.damaged")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    return aside


def _damaged(verdict: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(verdict)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
