# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's timeline as shapes in pixels, ready for an SVG. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.check.picture_measures import MOST_FRAMES_OFF
from bridge.check.report import CheckReport, VisibleCut

NARROWEST_PX = 1100
PX_PER_S = 26
WAVE_TOP, WAVE_BOTTOM = 58, 158
CURVES_TOP, CURVES_BOTTOM = 196, 286
HEIGHT_PX = 304


@dataclass(frozen=True)
class Mark:
    """Something at one time."""

    x: float
    text: str


@dataclass(frozen=True)
class Band:
    """Something with a length."""

    x: float
    width: float
    text: str
    weight: float
    """0-1"""


@dataclass(frozen=True)
class CutMark:
    """A visible cut, with how well it sits."""

    x: float
    cut: VisibleCut
    quality: str
    """good, near, off or unknown"""
    words: str


@dataclass(frozen=True)
class Drawing:
    """Everything on the timeline."""

    width: float
    px_per_s: float
    wave: str
    beats: list[float]
    downbeats: list[Mark]
    sections: list[Band]
    cuts: list[CutMark]
    energy: str
    motion: str
    shots: list[tuple[float, float, float]]
    """left, right and height of each shot's mean motion"""


def draw(report: CheckReport, loudness: npt.NDArray[np.float32]) -> Drawing:
    """Lays the report out on a line of time.

    Args:
        report: what was measured.
        loudness: peaks of the video's sound, 0-1, evenly spread over its length; may be empty.
    """
    width = max(NARROWEST_PX, report.duration_s * PX_PER_S)
    scale = width / max(report.duration_s, 1e-3)
    top = max([*report.motion.values, *(shot.flow_px for shot in report.shots), 1.0])
    every = 1 if scale * _bar_s(report) > 26 else 4
    return Drawing(
        width,
        scale,
        _wave(loudness, width),
        [beat.time_s * scale for beat in report.beats if beat.position != 1],
        [
            Mark(beat.time_s * scale, str(beat.bar) if beat.bar % every == 0 or every == 1 else "")
            for beat in report.beats
            if beat.position == 1
        ],
        [Band(one.start_s * scale, (one.end_s - one.start_s) * scale, one.name, one.energy) for one in report.sections],
        [CutMark(cut.time_s * scale, cut, quality(cut), words(cut)) for cut in report.cuts],
        _area(report.energy.values, report.energy.step_s * scale),
        _line([value / top for value in report.motion.values], report.motion.step_s * scale),
        [(shot.start_s * scale, shot.end_s * scale, _height(shot.flow_px / top)) for shot in report.shots],
    )


def quality(cut: VisibleCut) -> str:
    """How well a cut sits on its downbeat."""
    if cut.distance_frames is None:
        return "unknown"
    distance = abs(cut.distance_frames)
    return "good" if distance <= 0.55 else "near" if distance <= MOST_FRAMES_OFF else "off"


def words(cut: VisibleCut) -> str:
    """A cut's distance in words."""
    if cut.distance_frames is None:
        return "no downbeat known"
    if abs(cut.distance_frames) < 0.05:
        return f"on the downbeat of bar {cut.bar}"
    late = "after" if cut.distance_frames > 0 else "before"
    return f"{abs(cut.distance_frames):.1f} frames {late} the downbeat of bar {cut.bar}"


def _bar_s(report: CheckReport) -> float:
    downbeats = [beat.time_s for beat in report.beats if beat.position == 1]
    return float(np.median(np.diff(downbeats))) if len(downbeats) > 1 else 2.0


def _wave(loudness: npt.NDArray[np.float32], width: float) -> str:
    if not len(loudness):
        return ""
    middle, half = (WAVE_TOP + WAVE_BOTTOM) / 2, (WAVE_BOTTOM - WAVE_TOP) / 2
    x = np.linspace(0, width, len(loudness))
    upper = [f"{a:.1f},{middle - half * b:.1f}" for a, b in zip(x, loudness, strict=True)]
    lower = [f"{a:.1f},{middle + half * b:.1f}" for a, b in zip(x[::-1], loudness[::-1], strict=True)]
    return "M" + "L".join(upper + lower) + "Z"


def _height(value: float) -> float:
    return CURVES_BOTTOM - (CURVES_BOTTOM - CURVES_TOP) * min(1.0, max(0.0, value))


def _line(values: Sequence[float], step_px: float) -> str:
    return "M" + "L".join(f"{i * step_px:.1f},{_height(value):.1f}" for i, value in enumerate(values)) if values else ""


def _area(values: Sequence[float], step_px: float) -> str:
    if not values:
        return ""
    return f"{_line(values, step_px)}L{(len(values) - 1) * step_px:.1f},{CURVES_BOTTOM}L0,{CURVES_BOTTOM}Z"
