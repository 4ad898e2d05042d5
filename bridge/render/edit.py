# SPDX-License-Identifier: GPL-3.0-or-later
"""The .blend beside the video, with what it refers to in a folder beside it; and what it holds."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from blender_addon.core import codec
from blender_addon.core.encoding import SAMPLE_RATE_HZ
from blender_addon.core.types import CoverLook, EditPlan, SongAnalysis
from bridge.common import files
from bridge.common.errors import BadInput
from bridge.render.blender import Farm
from bridge.render.join import Samples
from bridge.song import audio


def build_edit(
    farm: Farm,
    plan: EditPlan,
    analysis: SongAnalysis,
    look: CoverLook,
    clips: Mapping[str, Path],
    song_path: Path,
    blend_path: Path,
    font: Path | None,
    folder: Path | None = None,
) -> None:
    """Has Blender build and save the edit.

    Args:
        folder: beside the .blend, by default under its name: holds copies of what the .blend names by relative paths,
            and in `titles` the pictures of titles that were drawn.

    Raises:
        BadInput: a file is missing, or the folder cannot be written to.
        RenderFailed: Blender could not do it.
    """
    files.check_writable(blend_path)
    folder = folder or blend_path.with_suffix(".beatboard")
    song = beside(song_path, folder, "song.wav")
    taken = {
        shot_id: beside(path, folder, f"clips/{shot_id}-{files.sha256_of(path)[:12]}.mp4")
        for shot_id, path in clips.items()
        if _must_exist(path)
    }
    is_set = any(line.picture is None for line in plan.titles)  # by Blender, with the font
    blender = farm.take()
    blender.ask(
        {
            "do": "build",
            "plan": codec.encode(plan),
            "analysis": codec.encode(analysis),
            "look": codec.encode(look),
            "song": str(song),
            "clips": {shot_id: str(path) for shot_id, path in taken.items()},
            "font": str(beside(font, folder, f"font{font.suffix.lower()}")) if font and is_set else None,
            "titles": str((folder / "titles").absolute()),
            "blend": str(blend_path.absolute()),
        }
    )
    farm.give_back(blender)


def mixed(farm: Farm, blend_path: Path, scene: str) -> tuple[dict[str, Any], Samples]:
    """What an edit makes, its size and rate and segments, and the sound as Blender plays it.

    Raises:
        BadInput: there is no such file.
        RenderFailed: Blender could not do it, or the file has no such scene.
    """
    if not blend_path.is_file():
        raise BadInput(f"{blend_path} does not exist; name the .blend of an edit.")
    blender = farm.take()
    edit = blender.ask(
        {"do": "open", "blend": str(blend_path.absolute()), "scene": scene, "draft": False, "master": False}
    )
    with tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
        path = Path(folder, "sound.wav")
        blender.ask({"do": "mix", "path": str(path)})
        heard = audio.decode(path, SAMPLE_RATE_HZ).samples
    farm.give_back(blender)
    frames = sum(segment["end"] - segment["start"] for segment in edit["segments"])
    sound = np.zeros((round(frames / Fraction(edit["fps"]) * SAMPLE_RATE_HZ), 2), np.float32)
    sound[: len(heard)] = heard[: len(sound)]  # Blender mixes whole buffers
    return edit, sound


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
