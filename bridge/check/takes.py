# SPDX-License-Identifier: GPL-3.0-or-later
"""The takes of each shot side by side on one page, playing in sync with the song."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from blender_addon.core import mp4
from blender_addon.core.types import EditPlan
from bridge.check.page import environment, relative_link
from bridge.common import files
from bridge.common.errors import BadInput


@dataclass(frozen=True)
class Take:
    """One clip that was made for a shot."""

    video: Path
    name: str
    """for people, as in "take 2" """
    note: str = ""
    """for people: the engine, the seed, whatever tells it from the others"""
    offset_s: float = 0.0
    """where the shot begins in the file"""


@dataclass(frozen=True)
class ShotTakes:
    """A shot and all that was made for it."""

    id: str
    start_s: float
    """in the song"""
    duration_s: float
    takes: Sequence[Take]
    prompt: str = ""


def of_project(folder: Path, plan: EditPlan) -> list[ShotTakes]:
    """What lies in the folder that `make` writes beside a video, the plan's shots in order, old takes first.

    Raises:
        BadInput: a file is no clip of ours.
    """
    return [
        ShotTakes(
            shot.id,
            plan.excerpt.start_s + float(shot.start_frame / plan.fps),
            float(shot.frame_count / plan.fps),
            _takes(
                sorted((folder / "clips").glob(f"{shot.id}-*.mp4"), key=lambda path: path.stat().st_mtime), plan.fps
            ),
            f"{shot.framing.value}, motion {shot.motion}: {shot.prompt}",
        )
        for shot in plan.shots
    ]


def _takes(clips: Sequence[Path], fps: Fraction) -> list[Take]:
    return [
        Take(
            clip,
            f"take {number}",
            f"{datetime.fromtimestamp(clip.stat().st_mtime).astimezone():%Y-%m-%d %H:%M}",
            float(_handle_frames(clip) / fps),
        )
        for number, clip in enumerate(clips, start=1)
    ]


def _handle_frames(clip: Path) -> int:
    try:
        return mp4.handle_frames(clip)
    except (OSError, ValueError) as error:
        raise BadInput(f"{clip} can't be read as a clip: {error}. Delete it, or make it again.") from None


def takes_page(shots: Sequence[ShotTakes], song: Path, path: Path, name: str = "") -> None:
    """Writes the page. Clips and song are linked by their places relative to it.

    Raises:
        BadInput: the page cannot be written.
    """
    page = environment().get_template("takes.html").render(
        shots=shots,
        count=sum(len(shot.takes) for shot in shots),
        song=relative_link(song, path),
        name=name or song.name,
        link=lambda video: relative_link(video, path),
    )  # fmt: skip
    files.write_text(path, page)
