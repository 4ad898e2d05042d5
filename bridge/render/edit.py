# SPDX-License-Identifier: GPL-3.0-or-later
"""The .blend beside the video, with what it refers to in a folder beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from blender_addon import codec
from blender_addon.protocol import CoverLook, EditPlan, SongAnalysis
from bridge import files
from bridge.errors import BadInput
from bridge.render.blender import Farm


def build_edit(
    farm: Farm,
    plan: EditPlan,
    analysis: SongAnalysis,
    look: CoverLook,
    clips: Mapping[str, Path],
    song_path: Path,
    blend_path: Path,
    font: Path | None,
) -> None:
    """Has Blender build and save the edit.

    Raises:
        BadInput: a file is missing, or the folder cannot be written to.
        RenderFailed: Blender could not do it.
    """
    files.check_writable(blend_path)
    folder = blend_path.with_suffix(".beatboard")
    song = beside(song_path, folder, "song.wav")
    taken = {
        shot_id: beside(path, folder, f"clips/{shot_id}-{files.sha256_of(path)[:12]}.mp4")
        for shot_id, path in clips.items()
        if _must_exist(path)
    }
    blender = farm.take()
    blender.ask(
        {
            "do": "build",
            "plan": codec.encode(plan),
            "analysis": codec.encode(analysis),
            "look": codec.encode(look),
            "song": str(song),
            "clips": {shot_id: str(path) for shot_id, path in taken.items()},
            "font": str(beside(font, folder, f"font{font.suffix.lower()}")) if font else None,
            "blend": str(blend_path.absolute()),
        }
    )
    farm.give_back(blender)


def beside(path: Path, folder: Path, name: str) -> Path:
    """Where the .blend finds this file by a relative path: where it is, if that is in the folder, else a copy there."""
    _must_exist(path)
    path, folder = path.absolute(), folder.absolute()
    if path.is_relative_to(folder):
        return path
    target = folder / name
    if target.exists() and files.sha256_of(target) == files.sha256_of(path):
        os.utime(target)  # among several takes of a shot the newest file is the taken one
        return target
    files.check_writable(target)
    with files.written_beside(target) as unfinished:
        shutil.copyfile(path, unfinished)
    return target


def _must_exist(path: Path) -> bool:
    if not path.is_file():
        raise BadInput(f"{path} does not exist, so the edit cannot use it; make the clips again.")
    return True
