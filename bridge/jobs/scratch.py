# SPDX-License-Identifier: GPL-3.0-or-later
"""Scratch folders in the store: each is held by a lock, which ends with its process wherever that runs.

Process ids would not do: two containers on one store each have a process 7.
"""

import contextlib
import secrets
import shutil
from pathlib import Path
from typing import IO

from bridge.common import files


class Scratch:
    """A folder of this process's own. Those whose processes are no more are removed first.

    Args:
        root: the folder of all scratch folders; made if it isn't there.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        sweep(root)
        self.folder, self._lock = _new(root)

    def close(self) -> None:
        """Removes it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()
        _lock_of(self.folder).unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Removes what killed processes left, and ends workers of theirs that could not notice, since they were stopped."""
    left = [path for path in root.iterdir() if path.suffix != ".lock" and not _lock_of(path).exists()]
    for path in root.glob("*.lock"):
        with contextlib.suppress(FileNotFoundError), path.open("r+") as lock:
            if files.try_lock(lock):
                left.append(path.with_suffix(""))
    for folder in left:
        _end_workers_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
        _lock_of(folder).unlink(missing_ok=True)


def _new(root: Path) -> tuple[Path, IO[str]]:
    while True:
        folder = root / secrets.token_hex(8)
        lock = _lock_of(folder).open("x")
        if files.try_lock(lock) and _lock_of(folder).exists():  # else it was swept in this very moment
            folder.mkdir()
            return folder, lock
        lock.close()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _end_workers_of(folder: Path) -> None:
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in (process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                process.kill()
