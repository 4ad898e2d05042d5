# SPDX-License-Identifier: GPL-3.0-or-later
"""Files by the SHA-256 of what they hold, and which clip or keyframe was made for which request.

    ROOT/files/ab/abcd...    a file, named by its hash; it is whole or it isn't there
    ROOT/incoming/           being written
    ROOT/index.db            clips and keyframes by key, and pins (SQLite)

Any number of processes may use one store at once. How long ago a file was used is its access time, which the
store sets itself.
"""

import contextlib
import hashlib
import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.types import Clip
from bridge.common.errors import BadInput

SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS clips (key TEXT PRIMARY KEY, sha256 TEXT NOT NULL, clip TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clips_by_file ON clips (sha256);
CREATE TABLE IF NOT EXISTS pins (sha256 TEXT, owner TEXT, PRIMARY KEY (sha256, owner)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pins_by_owner ON pins (owner);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the store, as eviction sees it."""

    sha256: str
    size_bytes: int
    used_at_s: float


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A painted still, a file in the store, and what was found out about it."""

    sha256: str
    seed: int
    """that it was painted from: the request's, unless it was painted again"""
    likeness: float | None = None
    """0-1 to the character's sheet or, without one, to the other keyframes; None if it was not compared"""
    seconds_taken: float = 0.0
    """its share of the time that painting and comparing took"""


class Store:
    """A folder of files by content.

    Args:
        root: the folder; made if it isn't there.
        limit_bytes: `trim` brings the store below it; None for no limit.
        grace_s: what was used this recently is never evicted: someone may be about to use it again.
    """

    def __init__(self, root: Path, *, limit_bytes: int | None = None, grace_s: float = 60.0) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self.grace_s = grace_s
        self._files = root / "files"
        self._incoming = root / "incoming"
        for folder in (self._files, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)
        self._verified: dict[str, tuple[int, int]] = {}
        self._lock = threading.RLock()
        self._db = sqlite3.connect(root / "index.db", timeout=30.0, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a lost index entry is made again; a file never depends on it
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the index. The store can't be used afterwards."""
        with self._lock:
            self._db.close()

    # Files

    def put(self, path: Path) -> str:
        """Copies a file into the store and gives its hash.

        Raises:
            BadInput: it cannot be read.
        """
        try:
            with path.open("rb") as source, self.incoming() as incoming:
                while chunk := source.read(_CHUNK_BYTES):
                    incoming.write(chunk)
                return incoming.keep()
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise BadInput(f"Cannot read {path}: {error.strerror}. Choose another file.") from None

    def put_bytes(self, data: bytes) -> str:
        """Keeps these bytes as a file and gives their hash."""
        with self.incoming() as incoming:
            incoming.write(data)
            return incoming.keep()

    @contextlib.contextmanager
    def incoming(self) -> Iterator["Incoming"]:
        """A file to be written piece by piece; call `keep` at the end, or nothing of it stays."""
        incoming = Incoming(self)
        try:
            yield incoming
        finally:
            incoming.discard()

    def path(self, sha256: str) -> Path:
        """Where the file with this content is; marks it as used now.

        The content is hashed again on this process's first read, and whenever the file's size or time of change
        differ from the last read's. A damaged file is removed.

        Raises:
            BadInput: it isn't there, or it was damaged.
        """
        path = self._place(sha256)
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise BadInput(
                f"The store has no file {sha256[:12]}…; upload it (again), or make the clip again."
            ) from None
        stamp = (stat.st_size, stat.st_mtime_ns)
        if self._verified.get(sha256) != stamp:
            self._verify(path, sha256)
            self._verified[sha256] = stamp
        self._touch(path, stat.st_mtime_ns)
        return path

    def __contains__(self, sha256: str) -> bool:
        return bool(SHA256.fullmatch(sha256)) and self._place(sha256).is_file()

    def files(self) -> Iterator[Kept]:
        """Every file, in no particular order."""
        for folder in os.scandir(self._files):
            for entry in os.scandir(folder.path):
                with contextlib.suppress(FileNotFoundError):  # evicted meanwhile, by another process
                    stat = entry.stat()
                    yield Kept(entry.name, stat.st_size, stat.st_atime)

    # Clips and keyframes

    def clip_for(self, key: str) -> Clip | None:
        """The clip that was made for this key, if its file is still there and whole."""
        text = self._record_for(key)
        return codec.loads(Clip, text) if text else None

    def remember(self, key: str, clip: Clip) -> None:
        """Notes that this clip, whose file is in the store, was made for this key.

        Raises:
            BadInput: the clip's file is not in the store.
        """
        self._record(key, clip.sha256, codec.dumps(clip))

    def keyframe_for(self, key: str) -> Keyframe | None:
        """The keyframe that was painted for this key, if its file is still there and whole."""
        text = self._record_for(key)
        return codec.loads(Keyframe, text) if text else None

    def remember_keyframe(self, key: str, keyframe: Keyframe) -> None:
        """Notes that this keyframe, whose file is in the store, was painted for this key.

        Raises:
            BadInput: its file is not in the store.
        """
        self._record(key, keyframe.sha256, codec.dumps(keyframe))

    def _record_for(self, key: str) -> str | None:
        with self._lock:
            row = self._db.execute("SELECT sha256, clip FROM clips WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            self.path(row[0])
        except BadInput:
            return None
        return row[1]

    def _record(self, key: str, sha256: str, text: str) -> None:
        self.path(sha256)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO clips (key, sha256, clip) VALUES (?, ?, ?)", (key, sha256, text))

    # Pins and eviction

    def pin(self, sha256: str, owner: str) -> None:
        """Keeps a file from eviction until its owner lets go. Pinning twice is pinning once.

        Raises:
            BadInput: it isn't there.
        """
        self.pin_all([(sha256, owner)])

    def pin_all(self, pins: Iterable[tuple[str, str]]) -> None:
        """Pins many files, each for its owner; all of them or, on an error, none.

        Raises:
            BadInput: one isn't there.
        """
        with self._writing() as db:
            for sha256, owner in pins:
                if sha256 not in self:
                    raise BadInput(f"The store has no file {sha256[:12]}…; upload it first.")
                db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (sha256, owner))

    def hold(self, sha256s: Iterable[str], owner: str) -> None:
        """Makes these the files that the owner pins, and no others.

        Raises:
            BadInput: one isn't there; the owner's pins stay as they were.
        """
        with self._writing() as db:
            db.execute("DELETE FROM pins WHERE owner = ?", (owner,))
            for sha256 in sha256s:
                if sha256 not in self:
                    raise BadInput(f"The store has no file {sha256[:12]}…; upload it first.")
                db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (sha256, owner))

    def unpin(self, owner: str) -> None:
        """The owner lets go of all its files."""
        with self._lock:
            self._db.execute("DELETE FROM pins WHERE owner = ?", (owner,))

    def owners(self) -> set[str]:
        """Everyone who pins something."""
        with self._lock:
            return {owner for (owner,) in self._db.execute("SELECT DISTINCT owner FROM pins")}

    def trim(self) -> int:
        """Removes the least recently used files until the store is within its limit; gives the bytes freed.

        What is pinned, or was used within `grace_s`, stays, even if the store remains too large.
        """
        self._sweep_incoming()
        if self.limit_bytes is None:
            return 0
        kept = sorted(self.files(), key=lambda file: file.used_at_s)
        excess = sum(file.size_bytes for file in kept) - self.limit_bytes
        freed = 0
        if excess > 0:
            with self._writing() as db:  # nobody can pin meanwhile
                pinned = {sha256 for (sha256,) in db.execute("SELECT DISTINCT sha256 FROM pins")}
                for file in kept:
                    if freed >= excess or file.used_at_s > time.time() - self.grace_s:
                        break
                    if file.sha256 not in pinned:
                        self._drop(db, file.sha256)
                        freed += file.size_bytes
        return freed

    # Inside

    def _place(self, sha256: str) -> Path:
        if not SHA256.fullmatch(sha256):
            raise BadInput(f"{sha256[:80]!r} is not a SHA-256: 64 digits of 0-9 and a-f.")
        return self._files / sha256[:2] / sha256

    def _verify(self, path: Path, sha256: str) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            with self._writing() as db:
                self._drop(db, sha256)
            raise BadInput(f"The stored file {sha256[:12]}… was damaged and is removed; upload or make it again.")

    def _touch(self, path: Path, mtime_ns: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, ns=(time.time_ns(), mtime_ns))

    def _drop(self, db: sqlite3.Connection, sha256: str) -> None:
        db.execute("DELETE FROM clips WHERE sha256 = ?", (sha256,))
        self._verified.pop(sha256, None)
        self._place(sha256).unlink(missing_ok=True)

    def _sweep_incoming(self) -> None:
        """Removes what a killed process left half-written; an hour is longer than any file takes."""
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - 3600:
                    path.unlink()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start, against other processes too."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


class Incoming:
    """A file on its way into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        descriptor, name = tempfile.mkstemp(dir=store.root / "incoming")
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Adds to the end."""
        self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def keep(self) -> str:
        """Puts the file in its place, safe against power loss, and gives its hash."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sha256 = self.sha256
        place = self._store._place(sha256)
        if not place.parent.is_dir():
            place.parent.mkdir(exist_ok=True)
            _fsync_folder(place.parent.parent)
        self._path.replace(place)
        _fsync_folder(place.parent)
        return sha256

    def discard(self) -> None:
        """Removes what was not kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _fsync_folder(folder: Path) -> None:
    """Makes a rename in this folder last; Windows neither needs nor allows it."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
