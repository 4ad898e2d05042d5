# SPDX-License-Identifier: GPL-3.0-or-later
"""What was understood of a cover, kept on disk: all workers and later runs ask about the same one."""

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bridge.common import files, paths
from bridge.common.errors import BadInput

KEEP = 50
"""as many studies; the one that was used longest ago goes first"""
_WAIT_S = 0.02

Arrays = dict[str, npt.NDArray[Any]]


def kept(name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of this name, made now if they aren't there; of several processes only one makes them.

    A folder that can't be written to is no reason to fail: then they are made each time.
    """
    folder = paths.cache_folder() / "studies"
    path = folder / f"{name}.npz"
    if (found := _read(path)) is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.locked(folder / "making.lock", lambda: None, _WAIT_S):
            return _read(path) or _made(path, make)
    except (OSError, BadInput):
        return make()


def _read(path: Path) -> Arrays | None:
    """None if it is missing or damaged."""
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
        os.utime(path)
        return found
    return None


def _made(path: Path, make: Callable[[], Arrays]) -> Arrays:
    arrays = make()
    with files.written_beside(path) as beside:
        np.savez(beside, **arrays)  # pyright: ignore[reportArgumentType] -- its stubs take the names for its options
    used = sorted(path.parent.glob("*.npz"), key=lambda other: -other.stat().st_mtime)
    for old in used[KEEP:]:
        old.unlink(missing_ok=True)
    return arrays
