# SPDX-License-Identifier: GPL-3.0-or-later
"""The song's grid as one picture, readable at a glance."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from blender_addon.core import reading_names
from blender_addon.core.types import SongAnalysis
from bridge.common.errors import BadInput
from bridge.common.files import written_beside
from bridge.song.audio import Audio

_ROW_S = 45.0
"""seconds per row, so that single beats can be told apart"""
_SECTION_COLOURS = ("#4e79a7", "#f28e2b", "#76b7b2", "#e15759", "#59a14f", "#edc948", "#b07aa1", "#9c755f")
_LANE = 0.45
"""a row's height for one other analysis, where the waveform's is 2"""
_INK, _PALE, _DROP, _GAP = "#22262b", "#9aa3ad", "#d62728", "#c8ccd1"


def plot(
    analysis: SongAnalysis, audio: Audio, path: str | os.PathLike[str], others: Sequence[SongAnalysis] = ()
) -> None:
    """Draws waveform, energy, sections, beats, downbeats with bar numbers, drop, drum gaps and confidence.

    Args:
        analysis: of `audio`.
        audio: at any rate.
        path: the picture; its ending says the format (png, pdf, svg).
        others: what other trackers hear: their beats and downbeats below, a lane for each.

    Raises:
        BadInput: the picture cannot be written.
    """
    duration_s = max(analysis.duration_s, 0.1)
    rows = max(1, int(np.ceil(duration_s / _ROW_S - 0.05)))
    span_s = duration_s / rows
    figure = Figure(figsize=(16, 1.1 + (2.1 + 0.3 * len(others)) * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    figure.suptitle(_title(analysis), fontsize=12, color=_INK, x=0.01, ha="left")
    peaks = _peaks(audio)
    for row, axis in enumerate(axes):
        _draw_row(axis, analysis, peaks, row * span_s, (row + 1) * span_s)
        for lane, other in enumerate(others, start=1):
            _draw_lane(axis, other, -1.45 - _LANE * lane)
        axis.set_ylim(-1.45 - _LANE * len(others), 1.75)
    axes[-1].set_xlabel("seconds", color=_INK)
    _write(figure, Path(path))


def _title(analysis: SongAnalysis) -> str:
    minutes, seconds = divmod(round(analysis.duration_s), 60)
    if not analysis.beats:
        return f"{minutes}:{seconds:02d}   no beats found"
    drop = f"   drop at {analysis.drop_s:.2f} s" if analysis.drop_s is not None else ""
    return (
        f"{minutes}:{seconds:02d}   {analysis.tempo_bpm:.1f} bpm   {reading_names.bar_name(analysis.meter)}   "
        f"{len(analysis.downbeats_s)} bars   confidence {analysis.confidence:.2f}{drop}"
    )


def _peaks(audio: Audio) -> np.ndarray:
    """The highest level of each 10 ms, at most 1."""
    step = max(1, audio.sample_rate_hz // 100)
    level = np.abs(audio.mono)
    level = np.pad(level, (0, -len(level) % step)).reshape(-1, step).max(axis=1)
    return level / max(float(level.max()), 1e-6)


def _draw_row(axis: Axes, analysis: SongAnalysis, peaks: np.ndarray, start_s: float, end_s: float) -> None:
    """One stretch of the song: waveform and energy in -1..1, sections above, confidence below."""
    axis.set_xlim(start_s, end_s)
    axis.set_yticks([])
    for side in ("left", "right", "top"):
        axis.spines[side].set_visible(False)
    _draw_gaps(axis, analysis)
    _draw_sound(axis, analysis, peaks, start_s, end_s)
    _draw_sections(axis, analysis, start_s, end_s)
    _draw_beats(axis, analysis, start_s, end_s)
    if analysis.drop_s is not None and start_s <= analysis.drop_s < end_s:
        axis.axvline(analysis.drop_s, color=_DROP, linewidth=2.5)
        axis.annotate("drop ", (analysis.drop_s, -0.98), color=_DROP, fontsize=10, weight="bold", ha="right")


def _draw_lane(axis: Axes, analysis: SongAnalysis, bottom: float) -> None:
    """Another analysis' beats, its downbeats longer and dark, with its name at the left."""
    start_s, end_s = axis.get_xlim()
    beats = [beat for beat in analysis.beats if start_s <= beat.time_s < end_s]
    axis.vlines([b.time_s for b in beats if b.position != 1], bottom, bottom + 0.5 * _LANE, color=_PALE, linewidth=0.8)
    axis.vlines([b.time_s for b in beats if b.position == 1], bottom, bottom + 0.8 * _LANE, color=_INK, linewidth=1.2)
    name = f"{analysis.tracker.rsplit('-', 1)[0]}  {analysis.tempo_bpm:.0f} bpm "
    axis.text(start_s, bottom + 0.3 * _LANE, name, fontsize=7, color=_INK, ha="right", va="center")


def _draw_gaps(axis: Axes, analysis: SongAnalysis) -> None:
    before_s = -1.0
    for gap in analysis.drum_gaps:
        axis.fill_between([gap.start_s, gap.end_s], -1.0, 1.0, color=_GAP, alpha=0.6, linewidth=0)
        if gap.start_s > before_s:  # two that touch, a single hit between them, have room for one label
            axis.text(gap.start_s, -0.98, " no drums", fontsize=8, color=_INK, clip_on=True)
        before_s = gap.end_s + 0.1


def _draw_sound(axis: Axes, analysis: SongAnalysis, peaks: np.ndarray, start_s: float, end_s: float) -> None:
    first, last = int(start_s * 100), int(end_s * 100) + 1
    level = peaks[first:last]
    time_s = (first + np.arange(len(level))) / 100
    axis.fill_between(time_s, -level, level, color="#c3d3e3", linewidth=0)
    energy = np.array(analysis.energy.values)
    axis.plot(np.arange(len(energy)) * analysis.energy.hop_s, 2 * energy - 1, color="#1f4e79", linewidth=1.6)


def _draw_sections(axis: Axes, analysis: SongAnalysis, start_s: float, end_s: float) -> None:
    for section in analysis.sections:
        left, right = max(section.start_s, start_s), min(section.end_s, end_s)
        if left >= right:
            continue
        colour = _SECTION_COLOURS[(ord(section.label[0]) - ord("A")) % len(_SECTION_COLOURS)]
        axis.fill_between([left, right], 1.35, 1.75, color=colour, linewidth=0)
        if section.start_s >= start_s:  # two in a row may have one colour
            axis.vlines(section.start_s, 1.35, 1.75, color="white", linewidth=2)
        if right - left > 0.06 * (end_s - start_s):
            text = f" {section.label}  {section.role.value}"
            axis.text(left, 1.55, text, fontsize=10, color="white", weight="bold", va="center", clip_on=True)


def _draw_beats(axis: Axes, analysis: SongAnalysis, start_s: float, end_s: float) -> None:
    beats = [beat for beat in analysis.beats if start_s <= beat.time_s < end_s]
    axis.vlines([b.time_s for b in beats if b.position != 1], -0.8, 0.8, color=_PALE, linewidth=0.6)
    downbeats = [beat for beat in beats if beat.position == 1]
    axis.vlines([b.time_s for b in downbeats], -1.0, 1.0, color=_INK, linewidth=1.2)
    every = 1 if len(downbeats) <= 32 else 2 if len(downbeats) <= 64 else 4
    for beat in downbeats:
        if (beat.bar - 1) % every == 0:
            axis.text(beat.time_s, 1.06, str(beat.bar), fontsize=8, color=_INK, ha="center")
    if beats:
        axis.plot([b.time_s for b in beats], [0.4 * b.confidence - 1.45 for b in beats], color="#2ca02c", linewidth=1.4)
        axis.text(start_s, -1.08, "confidence", fontsize=7, color="#2ca02c", va="top")


def _write(figure: Figure, target: Path) -> None:
    form = target.suffix[1:].lower() or "png"
    try:
        with written_beside(target) as beside:
            figure.savefig(beside, format=form)
    except ValueError as error:
        raise BadInput(f"{target.name} can't be drawn; end its name in .png, .pdf or .svg.") from error
