# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of the song the video uses."""

from blender_addon.core.rules import MIN_SHOT_S, OPENING_S, SHORTEST_ENDING_S
from blender_addon.core.types import SongAnalysis
from bridge.common.errors import BadInput
from bridge.plan.cues import Cues, find_cues
from bridge.plan.grid import BarGrid

LENGTH_TOLERANCE_S = 1e-6
DROP_PLACE = 0.5
"""where in the excerpt the drop is at its best: as much before as after it"""
ROOM_BEFORE, ROOM_AFTER = 0.2, 0.25
"""shares of the excerpt that a drop needs around it: a beginning to rise from, an ending to come to rest in"""
FULL_ENOUGH = 0.85
"""shorter excerpts than this share of the longest one that fits are not taken"""

Window = tuple[int, int]
"""the indices of the excerpt's first and last downbeat"""


def choose_excerpt(analysis: SongAnalysis, song: BarGrid, length_s: float) -> BarGrid:
    """The bars that the video uses: all of them if they fit into `length_s`, else the best that do.

    The best hold the drop, use the time there is, and give the drop room on both sides, in this order. Then they
    begin and end with sections, begin calmly, hold the start of the first chorus and the end of a drum gap, and leave
    the first and the last shot their time. Of equals, the earliest.

    Raises:
        BadInput: not one bar fits.
    """
    if song.span_s(0, song.bar_count) <= length_s + LENGTH_TOLERANCE_S:
        return song
    windows = _windows(song, length_s)
    if not windows:
        shortest_s = min(song.span_s(bar, bar + 1) for bar in range(song.bar_count))
        raise BadInput(
            f"No bar of the song fits into a video of {length_s:g} s; "
            f"ask for a length of at least {max(MIN_SHOT_S, shortest_s) + 0.1:.1f} s."
        )
    drop = song.nearest(analysis.drop_s) if analysis.drop_s is not None and song.is_heard else None
    if drop is not None:
        touching = [window for window in windows if window[0] <= drop <= window[1]]
        windows = [window for window in touching if drop not in window] or touching or windows
    longest_s = max(song.span_s(*window) for window in windows)
    windows = [window for window in windows if song.span_s(*window) >= FULL_ENOUGH * longest_s]
    if drop is not None:
        windows = [window for window in windows if _gives_room(song, window, drop)] or windows
    return song.part(*max(windows, key=lambda window: (_shape(analysis, song, window), -window[0])))


def _windows(song: BarGrid, length_s: float) -> list[Window]:
    return [
        (first, last)
        for first in range(song.bar_count)
        for last in range(first + 1, song.bar_count + 1)
        if MIN_SHOT_S <= song.span_s(first, last) <= length_s + LENGTH_TOLERANCE_S
    ]


def _gives_room(song: BarGrid, window: Window, drop: int) -> bool:
    length_s = song.span_s(*window)
    before_s, after_s = song.span_s(window[0], drop), song.span_s(drop, window[1])
    return before_s >= ROOM_BEFORE * length_s and after_s >= ROOM_AFTER * length_s


def _shape(analysis: SongAnalysis, song: BarGrid, window: Window) -> float:
    """How good a little song the excerpt makes; the weights are tastes."""
    first, last = window
    bars = song.part(first, last)
    cues = find_cues(analysis, bars)
    begins = any(song.nearest(section.start_s) == first for section in analysis.sections)
    ends = any(song.nearest(section.end_s) == last for section in analysis.sections)
    score = 0.3 * begins + 0.3 * ends + 0.2 * (cues.hit is not None) + 0.2 * (cues.gap_end is not None)
    score += 0.1 * min(3, len(cues.sections))
    return score + _calm_start(bars) + _drop_place(bars, cues) - _crowding(bars, cues)


def _crowding(bars: BarGrid, cues: Cues) -> float:
    """What it costs when a cut is asked for so near an end that the first or the last shot gets too short."""
    if not cues.indices:
        return 0.0
    opening_s, ending_s = bars.span_s(0, cues.indices[0]), bars.span_s(cues.indices[-1], bars.bar_count)
    return 0.2 * (opening_s < OPENING_S) + 0.5 * (ending_s < SHORTEST_ENDING_S)


def _calm_start(bars: BarGrid) -> float:
    """How much calmer the first fifth is than the rest."""
    opening = max(1, bars.bar_count // 5)
    rest = bars.levels[opening:] or bars.levels
    return sum(rest) / len(rest) - sum(bars.levels[:opening]) / opening


def _drop_place(bars: BarGrid, cues: Cues) -> float:
    if cues.drop is None:
        return 0.0
    place = bars.span_s(0, cues.drop) / bars.span_s(0, bars.bar_count)
    return -2 * abs(place - DROP_PLACE)
