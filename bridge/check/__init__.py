# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished file, measured: what a viewer would see and hear, not what was meant to be made."""

from pathlib import Path
from typing import TYPE_CHECKING

from blender_addon.core.encoding import H264, Codec
from blender_addon.core.types import EditPlan, SongAnalysis
from bridge.check.report import CheckReport, Group, Measure, Verdict, VisibleCut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from blender_addon.core.platforms import Platform
    from bridge.check.takes import ShotTakes
    from bridge.common.progress import OnProgress

__all__ = ["CheckReport", "Group", "Measure", "Verdict", "VisibleCut", "check", "table", "takes_page", "write_page"]


def check(
    video: Path,
    song: Path,
    cover: Path,
    plan: EditPlan | None = None,
    analysis: SongAnalysis | None = None,
    on_progress: "OnProgress | None" = None,
    platform: "Platform | None" = None,
    *,
    codec: Codec = H264,
    brief: bool = False,
) -> CheckReport:
    """Measures a video file, whoever made it, knowing nothing but the song, the cover and optionally the plan.

    Args:
        video: any file with pictures that PyAV decodes; it is decoded once, in bounded memory.
        song: the song that it should be cut to.
        cover: the song's cover.
        plan: what was meant to be made, if known: size, rate, length, excerpt, holds and the rules are then held
            against it.
        analysis: the song's grid; analysed here if it isn't given.
        on_progress: is told how far it is (0-1) and what is being done.
        codec: what it should be encoded in.
        platform: where it goes, whose limits are then held against it too.
        brief: leave out what a draft doesn't show truly, and what is that of the full video: motion, and the sound's
            quality.

    Raises:
        BadInput: one of the files cannot be read. Everything else that is wrong is a failed measure.
    """
    from bridge.check import measuring

    told = on_progress or _say_nothing
    return measuring.check(
        Path(video), Path(song), Path(cover), plan, analysis, told, platform, codec=codec, brief=brief
    )


def table(report: CheckReport) -> "Table":
    """The report for the terminal."""
    from bridge.check import terminal

    return terminal.table(report)


def write_page(report: CheckReport, path: Path) -> None:
    """Writes the report as one HTML page, to lie beside the video.

    Raises:
        BadInput: the page cannot be written, or the report's files are gone.
    """
    from bridge.check import page

    page.write_page(report, Path(path))


def takes_page(shots: "Sequence[ShotTakes]", song: Path, path: Path, name: str = "") -> None:
    """Writes a page with the takes of each shot side by side, playing in sync with the song.

    Args:
        name: the page's heading; the song's by default.

    Raises:
        BadInput: the page cannot be written.
    """
    from bridge.check import takes

    takes.takes_page(shots, Path(song), Path(path), name)


def _say_nothing(progress: float, stage: str) -> None:
    """Nobody asked."""
