# SPDX-License-Identifier: GPL-3.0-or-later
"""Files by the SHA-256 of what they hold, and which clip or keyframe was made for which request.

    ROOT/files/ab/abcd...    a file, named by its hash; it is whole or it isn't there
    ROOT/incoming/           being written
    ROOT/making/             a lock for each clip that is being made
    ROOT/index.db            clips and keyframes by key, and pins (SQLite)

Any number of processes may use one store at once. How long ago a file was used is its access time, which the
store sets itself.
"""

import contextlib
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from blender_addon.core import codec
from blender_addon.core.types import Clip
from bridge.common import files
from bridge.common.cache_database import CacheDatabase
from bridge.common.errors import BadInput

T = TypeVar("T")
SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_MAKING_PAUSE_S = 0.05
_CLOCK_SLACK_S = 60.0
"""how far two machines' clocks on one store may differ"""
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
        self._making = root / "making"
        for folder in (self._files, self._incoming, self._making):
            folder.mkdir(parents=True, exist_ok=True)
        self._db = CacheDatabase(root / "index.db", _SCHEMA, synchronous="NORMAL", worth_saving=("pins",))
        self._size_bytes: int | None = None
        """as last counted, with the uploads since; other processes add to it too"""

    def close(self) -> None:
        """Closes the index. The store can't be used afterwards."""
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
        """Where the file with this content is, for someone who reads it now; marks it as used.

        The content is hashed again, for disks forget. A damaged file is removed.

        Raises:
            BadInput: it isn't there, or it was damaged.
        """
        path = self.place(sha256)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return self.place(sha256)  # evicted in this moment: that says so
        if found != sha256:
            with self._db.writing():
                self._drop(sha256)
            raise BadInput(f"The stored file {sha256[:12]}… was damaged and is removed; upload or make it again.")
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return path

    def place(self, sha256: str) -> Path:
        """Where the file with this content is, without a look into it.

        Raises:
            BadInput: it isn't there.
        """
        path = self._place(sha256)
        if not path.is_file():
            raise BadInput(f"The store has no file {sha256[:12]}…; upload it (again), or make the clip again.")
        return path

    def __contains__(self, sha256: str) -> bool:
        return bool(SHA256.fullmatch(sha256)) and self._place(sha256).is_file()

    def files(self) -> Iterator[Kept]:
        """Every file, in no particular order."""
        for folder in os.scandir(self._files):
            for entry in os.scandir(folder.path):
                with contextlib.suppress(FileNotFoundError):  # evicted meanwhile, by another process
                    stat = entry.stat()
                    yield Kept(entry.name, stat.st_size, _used_at_s(stat))

    # Clips and keyframes

    def clip_for(self, key: str) -> Clip | None:
        """The clip that was made for this key, if its file is still there and whole."""
        return self._record_for(key, Clip)

    @contextlib.contextmanager
    def making(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Makes sure that a clip is made once: whoever comes to make it meanwhile waits, and then finds it.

        The lock ends with its process, however that ends: a worker that outlives its bridge holds it to its own end.

        Args:
            key: the clip's, of letters, digits and hyphens.
            waiting: called again and again while another makes it; what it raises ends the waiting.
        """
        with files.locked(self._making / f"{key}.lock", waiting, _MAKING_PAUSE_S):
            yield

    def remember(self, key: str, clip: Clip) -> None:
        """Notes that this clip, whose file is in the store, was made for this key.

        Raises:
            BadInput: the clip's file is not in the store.
        """
        self._record(key, clip.sha256, codec.dumps(clip))

    def keyframe_for(self, key: str) -> Keyframe | None:
        """The keyframe that was painted for this key, if its file is still there and whole."""
        return self._record_for(key, Keyframe)

    def remember_keyframe(self, key: str, keyframe: Keyframe) -> None:
        """Notes that this keyframe, whose file is in the store, was painted for this key.

        Raises:
            BadInput: its file is not in the store.
        """
        self._record(key, keyframe.sha256, codec.dumps(keyframe))

    def _record_for(self, key: str, kind: type[T]) -> T | None:
        for sha256, text in self._db.execute("SELECT sha256, clip FROM clips WHERE key = ?", (key,)):
            with contextlib.suppress(BadInput, codec.DecodeError):  # the record may be another version's
                self.path(sha256)
                return codec.loads(kind, text)
        return None

    def _record(self, key: str, sha256: str, text: str) -> None:
        self.place(sha256)
        self._db.execute("INSERT OR REPLACE INTO clips (key, sha256, clip) VALUES (?, ?, ?)", (key, sha256, text))

    def forget(self, sha256: str) -> None:
        """This file is not what it was made for: the next request for it makes another."""
        self._db.execute("DELETE FROM clips WHERE sha256 = ?", (sha256,))

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
        with self._db.writing() as db:
            for sha256, owner in pins:
                if sha256 not in self:
                    raise BadInput(f"The store has no file {sha256[:12]}…; upload it first.")
                db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (sha256, owner))

    def hold(self, sha256s: Iterable[str], owner: str) -> None:
        """Makes these the files that the owner pins, and no others.

        Raises:
            BadInput: one isn't there; the owner's pins stay as they were.
        """
        with self._db.writing() as db:
            db.execute("DELETE FROM pins WHERE owner = ?", (owner,))
            for sha256 in sha256s:
                if sha256 not in self:
                    raise BadInput(f"The store has no file {sha256[:12]}…; upload it first.")
                db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (sha256, owner))

    def unpin(self, owner: str) -> None:
        """The owner lets go of all its files."""
        self._db.execute("DELETE FROM pins WHERE owner = ?", (owner,))

    def owners(self) -> set[str]:
        """Everyone who pins something."""
        return {owner for (owner,) in self._db.execute("SELECT DISTINCT owner FROM pins")}

    def trim(self) -> int:
        """Removes the least recently used files until the store is within its limit; gives the bytes freed.

        What is pinned, or was used within `grace_s`, stays, even if the store remains too large.
        """
        self._sweep()
        if self.limit_bytes is None:
            return 0
        kept = list(self.files())
        self._size_bytes = sum(file.size_bytes for file in kept)
        old = [file for file in kept if file.used_at_s <= time.time() - self.grace_s]
        return self._evict(old, self._size_bytes - self.limit_bytes)

    def make_room_for(self, new: str, size_bytes: int) -> None:
        """Brings the store within its limit after an upload: uploads that nobody refers to yet have no grace then.

        Args:
            new: the upload, which goes last.

        Raises:
            StoreFull: all that is left is needed; the upload is removed.
        """
        if self.limit_bytes is None:
            return
        if self._size_bytes is not None and self._size_bytes + size_bytes <= self.limit_bytes:
            self._size_bytes += size_bytes
            return
        kept = list(self.files())
        self._size_bytes = sum(file.size_bytes for file in kept)
        made = {sha256 for (sha256,) in self._db.execute("SELECT sha256 FROM clips")}
        old_s = time.time() - self.grace_s
        others = [file for file in kept if file.sha256 != new and (file.used_at_s <= old_s or file.sha256 not in made)]
        excess = self._size_bytes - self.limit_bytes
        excess -= self._evict(others, excess)
        if excess > 0:
            self._evict([file for file in kept if file.sha256 == new], excess)
            raise StoreFull(
                f"The store is full: what it holds of its {self.limit_bytes / 2**30:.1f} GiB is in use. Wait for jobs"
                " to end, let go of takes, or start the bridge with a higher --store-limit."
            )

    # Inside

    def _evict(self, files: list[Kept], excess_bytes: int) -> int:
        """Removes the least recently used of these that aren't pinned, until enough is freed; gives the bytes freed."""
        freed = 0
        if excess_bytes <= 0:
            return freed
        with self._db.writing() as db:  # nobody can pin meanwhile
            pinned = {sha256 for (sha256,) in db.execute("SELECT DISTINCT sha256 FROM pins")}
            for file in sorted(files, key=lambda file: file.used_at_s):
                if freed >= excess_bytes:
                    break
                if file.sha256 not in pinned:
                    self._drop(file.sha256)
                    freed += file.size_bytes
        if self._size_bytes is not None:
            self._size_bytes -= freed
        return freed

    def _place(self, sha256: str) -> Path:
        if not SHA256.fullmatch(sha256):
            raise BadInput(f"{sha256[:80]!r} is not a SHA-256: 64 digits of 0-9 and a-f.")
        return self._files / sha256[:2] / sha256

    def _drop(self, sha256: str) -> None:
        self._db.execute("DELETE FROM clips WHERE sha256 = ?", (sha256,))
        self._place(sha256).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Removes what killed processes left: locks, and what is half-written: no file takes an hour."""
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - 3600:
                    path.unlink()
        for lock in self._making.iterdir():
            files.remove_unheld(lock)


class StoreFull(BadInput):
    """There is no room for what was sent."""


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


def _used_at_s(stat: os.stat_result) -> float:
    """The access time. One in the future was set when the clock was wrong: such a file counts as never used since."""
    return stat.st_atime if stat.st_atime <= time.time() + _CLOCK_SLACK_S else 0.0


def _fsync_folder(folder: Path) -> None:
    """Makes a rename in this folder last; Windows neither needs nor allows it."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
