# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that an edit shows and plays: Blender renders magenta and silence where one is gone, without a word."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy


def missing(scene: Any) -> list[Path]:
    """The files of the scene's strips that are not there, each once; muted strips don't count."""
    editor = scene.sequence_editor
    strips = editor.strips_all if editor else ()
    paths = {path: None for strip in strips if not strip.mute for path in _paths(strip)}
    return [path for path in paths if not path.exists()]


def sentence(gone: list[Path]) -> str:
    """What to tell the user."""
    names = ", ".join(path.name for path in gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
    what = "Files that the edit uses are" if len(gone) > 1 else "A file that the edit uses is"
    return f"{what} not there: {names}. Put back {gone[0]}, or choose other files or mute their strips in Blender."


def _paths(strip: Any) -> Iterator[Path]:
    """The files of one strip."""
    if strip.type == "MOVIE":
        yield _absolute(strip.filepath)
    elif strip.type == "SOUND" and strip.sound is not None and strip.sound.packed_file is None:
        yield _absolute(strip.sound.filepath)
    elif strip.type == "IMAGE":
        yield from (_absolute(str(Path(strip.directory) / element.filename)) for element in strip.elements)


def _absolute(text: str) -> Path:
    return Path(bpy.path.abspath(text))
