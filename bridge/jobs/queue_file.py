# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue's database as a file: checked at its opening, backed up, and saved from damage as far as it can be."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.common import files
from bridge.common.errors import BadInput
from bridge.jobs.checks import JOB_ID
from bridge.jobs.migrations import STEPS, migrate

Row = dict[str, Any]
DAMAGED = "end the bridge and start it again; it then saves what can be read."


def opened(path: Path) -> tuple[sqlite3.Connection, str]:
    """The database, whole and of the newest version, and one sentence if it had to be saved from damage.

    Raises:
        BadInput: a newer Beatboard's, or so damaged that nothing of it can be read.
    """
    if not path.exists():
        files.open_private(path).close()
    notice = ""
    if fault := _fault_of(path):
        notice = _save(path, fault)
    db = connect(path)
    files.open_private(path).close()
    try:
        db.execute("PRAGMA journal_mode = WAL")
        migrate(db)
    except sqlite3.DatabaseError as error:
        db.close()
        raise _lost(path, str(error)) from None
    except BaseException:
        db.close()
        raise
    return db, notice


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection that any thread may use, and that reads text even if its bytes are none."""
    db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.text_factory = lambda data: str(data, "utf-8", "replace")
    return db


def backup_of(path: Path) -> Path:
    """Where the copy is that `back_up` makes."""
    return path.with_name(f"{path.stem}-backup{path.suffix}")


def back_up(path: Path) -> None:
    """Copies the database as it is now beside it, whole or not at all.

    Raises:
        BadInput: it was damaged meanwhile; the former copy, which is whole, stays.
    """
    beside = backup_of(path).with_name(f"{backup_of(path).name}~")
    beside.unlink(missing_ok=True)
    files.open_private(beside).close()
    with contextlib.closing(connect(path)) as source, contextlib.closing(connect(beside)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    if fault := _fault_of(beside):
        beside.unlink()
        raise BadInput(f"{path} is damaged ({fault}): {DAMAGED}")
    beside.replace(backup_of(path))


def _fault_of(path: Path) -> str:
    """What is wrong with the file; empty if nothing is.

    Raises:
        BadInput: a newer Beatboard wrote it.
    """
    try:
        with contextlib.closing(connect(path)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(STEPS):
                migrate(db)  # refuses it
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict == "ok" and version:
                db.execute("SELECT jobs.engine, count FROM jobs, waiting LIMIT 1").fetchone()  # no older layout's
            return "" if verdict == "ok" else verdict
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL):
            raise
        return str(error)


def _save(path: Path, fault: str) -> str:
    """Puts a new database in place of a damaged one, with every job that can still be read here or in the backup."""
    here = _readable(path)
    older = _readable(backup_of(path))
    jobs = older | here
    if not jobs and not backup_of(path).exists():
        raise _lost(path, fault)
    beside = path.with_name(f"{path.name}~")
    beside.unlink(missing_ok=True)
    files.open_private(beside).close()
    with contextlib.closing(connect(beside)) as db:
        migrate(db)
        _fill(db, list(jobs.values()))
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    _rename(path, aside)
    beside.replace(path)
    from_backup = len(jobs.keys() - here.keys())
    return (
        f"The queue's database was damaged ({fault[:120]}): {len(here)} jobs were read from it and {from_backup} from"
        f" its backup; what was damaged is kept as {aside.name}."
    )


def _rename(path: Path, aside: Path) -> None:
    """Leaves the damaged file where it is until the new one takes its place, but not its journals: they aren't ours."""
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    with contextlib.suppress(OSError):
        os.link(path, aside)


def _fill(db: sqlite3.Connection, jobs: list[Row]) -> None:
    """Writes these jobs, each with a revision of its own, above all that any client can know."""
    columns = [row["name"] for row in db.execute("PRAGMA table_info(jobs)")]
    numbers = [job["revision"] for job in jobs if isinstance(job.get("revision"), int)]
    revision = max([0, *(number for number in numbers if number < 2**52)]) + 1_000_000
    db.execute("BEGIN IMMEDIATE")
    for job in sorted(jobs, key=lambda job: job["revision"] if isinstance(job.get("revision"), int) else 0):
        revision += 1
        known = {name: job[name] for name in columns if job.get(name) is not None} | {"revision": revision}
        names = ", ".join(known)
        db.execute(f"INSERT INTO jobs ({names}) VALUES ({', '.join('?' * len(known))})", tuple(known.values()))
    db.execute("UPDATE settings SET value = ? WHERE name = 'revision_ceiling'", (revision,))
    db.execute("COMMIT")


_NEEDED = ("id", "position", "kind", "state", "request")


def _readable(path: Path) -> dict[str, Row]:
    """Every job that can be read from a damaged database: from both ends of its table, then one by one."""
    found: dict[str, Row] = {}
    if not path.exists():
        return found
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(path)) as db:
        for order in ("", " DESC"):
            _take(db, f"SELECT * FROM jobs NOT INDEXED ORDER BY id{order}", (), found)
        ids: set[str] = set()
        for index in ("jobs_by_revision", "jobs_by_state"):
            for order in ("", " DESC"):
                statement = f"SELECT id FROM jobs INDEXED BY {index} ORDER BY revision{order}"
                ids.update(row["id"] for row in _rows(db, statement, ()) if isinstance(row["id"], str))
        for job_id in ids - found.keys():
            _take(db, "SELECT * FROM jobs WHERE id = ?", (job_id,), found)
    return found


def _take(db: sqlite3.Connection, statement: str, values: tuple, found: dict[str, Row]) -> None:
    for row in _rows(db, statement, values):
        job = dict(row)
        if all(job.get(name) is not None for name in _NEEDED) and JOB_ID.fullmatch(str(job["id"])):
            found.setdefault(job["id"], job)


def _rows(db: sqlite3.Connection, statement: str, values: tuple) -> Iterator[sqlite3.Row]:
    """The rows up to the first that can't be read."""
    with contextlib.suppress(sqlite3.Error):
        yield from db.execute(statement, values)


def _lost(path: Path, fault: str) -> BadInput:
    return BadInput(
        f"The queue's database {path} is damaged ({fault}). Move it away and start again: finished clips are"
        " in the store, only the queue is lost."
    )
