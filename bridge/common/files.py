# SPDX-License-Identifier: GPL-3.0-or-later
"""Small file habits: hashes, and writing beside before renaming, so that nothing half-written is taken for whole."""

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bridge.common.errors import BadInput


def sha256_of(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the same folder and renames it to `path` if the block succeeds.

    The temporary name keeps the suffix, since encoders choose the container by it. A symbolic link stays one: what it
    points to is replaced.

    Raises:
        BadInput: the folder cannot be written to, or the disk is full.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    beside = path.with_name(f".{path.stem}~{secrets.token_hex(4)}{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise BadInput(_sentence(error, path)) from error
    finally:
        beside.unlink(missing_ok=True)


def for_ffmpeg(path: Path) -> str:
    """The path, absolute: of a relative one, FFmpeg takes what stands before a colon for a protocol."""
    return str(path.absolute())


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")


def try_lock(file: IO[str]) -> bool:
    """Locks an open file for this process, if no other has; the system lets go when it ends, however it ends."""
    if os.name == "nt":
        import msvcrt

        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path, waiting: Callable[[], None], pause_s: float) -> Iterator[None]:
    """Holds a lock file while the block runs, then removes it; calls `waiting` every `pause_s` until nobody has it."""
    while (file := _held(path)) is None:
        waiting()
        time.sleep(pause_s)
    with file:
        try:
            yield
        finally:
            _remove_held(path)


def remove_unheld(path: Path) -> None:
    """Removes a lock file that a killed process left; one that is held stays."""
    if file := _held(path):
        with file:
            _remove_held(path)


def _held(path: Path) -> IO[str] | None:
    """The lock file, locked; None if another has it, or had it and removed it in this moment."""
    file = path.open("a+")
    with suppress(FileNotFoundError):
        if try_lock(file) and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    file.close()
    return None


def _remove_held(path: Path) -> None:
    with suppress(OSError):  # Windows keeps it as long as anyone has it open
        path.unlink()


def open_private(path: Path, flags: int = os.O_WRONLY | os.O_APPEND) -> IO[bytes]:
    """Opens a file that only this user may read; made if it isn't there."""
    descriptor = os.open(path, flags | os.O_CREAT, 0o600)
    if os.name != "nt":
        os.fchmod(descriptor, 0o600)  # it may have been made by others
    return os.fdopen(descriptor, "ab" if flags & os.O_APPEND else "r+b")


def keep_tail(path: Path, limit_bytes: int) -> None:
    """Cuts the older part off a log that others go on appending to, once it is larger than this."""
    with suppress(OSError):
        if path.stat().st_size <= limit_bytes:
            return
        with path.open("rb") as file:
            file.seek(-limit_bytes // 2, os.SEEK_END)
            tail = file.read(limit_bytes // 2)
        os.truncate(path, 0)
        with path.open("ab") as file:
            file.write(tail)


def check_writable(path: Path) -> None:
    """Makes the folder of an output file and makes sure that files can be written there.

    Raises:
        BadInput: they can't.
    """
    try:
        str(path.absolute()).encode("utf-8")
    except UnicodeEncodeError:
        name = os.fsencode(path).decode("utf-8", "replace")
        raise BadInput(f"The name {name} is not UTF-8, which Blender needs; name another place with -o.") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.parent / f".{path.name}~{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(_sentence(error, path)) from error
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name a file for the output.")


def _sentence(error: OSError, path: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk is full: {path} could not be written. Free some space, or write elsewhere with -o."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path.parent} may not be written to. Choose another folder with -o."
    return f"{path} could not be written: {error.strerror or error}."
