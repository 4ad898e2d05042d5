# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the editor's files go: beside the .blend, in a folder of its name; until it is saved, in the user's own."""

import shutil
from pathlib import Path

import bpy

from ..client.process import default_home


def project_folder() -> Path:
    """Where clips and the song as WAV go."""
    if bpy.data.filepath:
        return Path(bpy.data.filepath).with_suffix(".beatboard")
    return default_home() / "unsaved"


def stamp(path: Path) -> str:
    """Names a file's present content without reading it; for a file that is gone, only its path. In a thread."""
    try:
        stat = path.stat()
    except OSError:
        return str(path)
    return f"{path}|{stat.st_size}|{stat.st_mtime_ns}"


def path_in(stamped: str) -> str:
    """The path that a stamp is of."""
    return stamped.split("|")[0]


def copy_beside(path: Path, folder: Path) -> Path:
    """Copies a file into a folder, whole or not at all. In a thread.

    Raises:
        OSError: it is not there, or there is no room.
    """
    target = folder / path.name
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(target.name + "~")
        shutil.copyfile(path, beside)
        beside.replace(target)
    return target


def trashed(path: Path) -> Path:
    """Where a deleted clip's file goes: a folder beside the clips, for the user to empty."""
    return path.parent / "trash" / path.name


def move(source: Path, target: Path) -> None:
    """Moves a file within its folder's drive, if it is there. In a thread.

    Raises:
        OSError: it cannot be moved.
    """
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


def shown(path: Path) -> str:
    """A path as Blender saves it: relative to the .blend, if there is one on the same drive."""
    if not bpy.data.filepath:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:
        return str(path)
