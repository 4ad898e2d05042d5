# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars that an edit is cut on."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise

from blender_addon.core.rules import MIN_SHOT_S, has_bars
from blender_addon.core.types import SongAnalysis
from bridge.common.errors import BadInput

SAME_DOWNBEAT_S = 0.1
"""downbeats closer than this are one: no two may fall on one frame"""
EVEN_BAR_S = 2.0
"""a bar of the even grid, where no tempo was heard either"""


@dataclass(frozen=True)
class BarGrid:
    """Bars in order of time: `downbeats_s` has one entry more than there are bars."""

    downbeats_s: tuple[float, ...]
    levels: tuple[float, ...]
    """0-1, the mean energy of each bar"""
    is_heard: bool
    """False for an even grid, laid where no bars were heard"""

    @property
    def bar_count(self) -> int:
        return len(self.levels)

    def nearest(self, time_s: float) -> int:
        """The index of the downbeat nearest to a time; the earlier of two."""
        after = min(max(1, bisect_left(self.downbeats_s, time_s)), self.bar_count)
        is_earlier = time_s - self.downbeats_s[after - 1] <= self.downbeats_s[after] - time_s
        return after - is_earlier

    def span_s(self, first: int, last: int) -> float:
        """The time between two downbeats, by their indices."""
        return self.downbeats_s[last] - self.downbeats_s[first]

    def part(self, first: int, last: int) -> "BarGrid":
        """The bars between two downbeats."""
        return BarGrid(self.downbeats_s[first : last + 1], self.levels[first:last], self.is_heard)

    def level_sums(self) -> tuple[float, ...]:
        """Energy times seconds, summed up to each downbeat: a span's mean energy is a difference over its length."""
        bars = zip(self.levels, pairwise(self.downbeats_s), strict=True)
        return tuple(accumulate((level * (end - start) for level, (start, end) in bars), initial=0.0))


def bars_of(analysis: SongAnalysis) -> BarGrid:
    """The song's bars; an even grid where none were heard.

    Raises:
        BadInput: the song has no length.
    """
    if analysis.duration_s < SAME_DOWNBEAT_S:
        raise BadInput(
            f"The song lasts {max(0.0, analysis.duration_s):.2f} s: there is nothing to cut; take a longer one."
        )
    is_heard = has_bars(analysis)
    times = _distinct(analysis.downbeats_s) if is_heard else _even(analysis)
    levels = tuple(analysis.energy.mean(start, end) for start, end in pairwise(times))
    return BarGrid(times, levels, is_heard)


def _distinct(times: tuple[float, ...]) -> tuple[float, ...]:
    kept = [times[0]]
    for time_s in times[1:]:
        if time_s - kept[-1] >= SAME_DOWNBEAT_S:
            kept.append(time_s)
    return tuple(kept)


def _even(analysis: SongAnalysis) -> tuple[float, ...]:
    """Even bars over the whole song, in step with the first beat if there is one."""
    bar_s = analysis.meter * 60 / analysis.tempo_bpm if analysis.tempo_bpm > 0 and analysis.meter > 0 else EVEN_BAR_S
    bar_s = min(max(bar_s, EVEN_BAR_S / 2), 2 * EVEN_BAR_S)
    heard_s = (*analysis.downbeats_s, *(beat.time_s for beat in analysis.beats), 0.0)[0]
    first_s = heard_s % bar_s
    count = int((analysis.duration_s - first_s) / bar_s + 1e-9) + 1 if first_s <= analysis.duration_s else 0
    times = tuple(first_s + bar * bar_s for bar in range(count))
    if count < 2 or times[-1] - times[0] < MIN_SHOT_S:
        return (0.0, analysis.duration_s)
    return times
