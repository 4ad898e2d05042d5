# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments of an excerpt that ask for a cut: the drop, the sections' starts, the end of the drum gap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blender_addon.core.lyrics import SungWord
from blender_addon.core.types import Section, SectionRole, SongAnalysis
from bridge.plan.grid import BarGrid

WORD_EDGE_S = 0.08
"""so near to a word's start or end, a cut doesn't part it"""


@dataclass(frozen=True)
class Cues:
    """Indices of the excerpt's downbeats; none of them is its first or last."""

    drop: int | None = None
    sections: Mapping[int, Section] = field(default_factory=dict)
    """the section that starts on a downbeat"""
    gap_end: int | None = None
    sung: frozenset[int] = frozenset()
    """downbeats in the middle of a sung word"""
    hit: int | None = None
    """where the first chorus starts, unless the excerpt opens on it"""

    @property
    def indices(self) -> tuple[int, ...]:
        """All downbeats that ask for a cut, ascending."""
        asked = {*self.sections, self.drop, self.gap_end}
        return tuple(sorted(index for index in asked if index is not None))


def find_cues(analysis: SongAnalysis, bars: BarGrid, words: Sequence[SungWord] = ()) -> Cues:
    """What the song asks for within an excerpt's bars. Nothing but its words' wish, where no bars were heard."""
    sung = frozenset(index for index, time_s in enumerate(bars.downbeats_s) if _is_inside(words, time_s))
    if not bars.is_heard:
        return Cues(sung=sung)
    starts = {index: section for section in analysis.sections if (index := _index(bars, section.start_s)) is not None}
    inside = {index: section for index, section in starts.items() if 0 < index < bars.bar_count}
    choruses = [index for index, section in starts.items() if section.role is SectionRole.CHORUS]
    opening = min(choruses, default=0)
    drop = _index(bars, analysis.drop_s) if analysis.drop_s is not None else None
    return Cues(
        drop=drop if drop in range(1, bars.bar_count) else None,
        sections=inside,
        gap_end=_gap_end(analysis, bars),
        sung=sung,
        hit=opening if opening in inside else None,
    )


def _is_inside(words: Sequence[SungWord], time_s: float) -> bool:
    return any(word.start_s + WORD_EDGE_S < time_s < word.end_s - WORD_EDGE_S for word in words)


def _gap_end(analysis: SongAnalysis, bars: BarGrid) -> int | None:
    """The downbeat that ends the longest drum gap; the earlier of two equal ones."""
    ends = [
        (round(gap.end_s - gap.start_s, 1), -gap.start_s, index)
        for gap in analysis.drum_gaps
        if (index := _index(bars, gap.end_s)) in range(1, bars.bar_count)
    ]
    return max(ends)[2] if ends else None


def _index(bars: BarGrid, time_s: float) -> int | None:
    """The nearest downbeat's index; None for a time outside of the excerpt by more than half of its outer bars."""
    before_s = bars.span_s(0, 1) / 2
    after_s = bars.span_s(bars.bar_count - 1, bars.bar_count) / 2
    if not bars.downbeats_s[0] - before_s <= time_s <= bars.downbeats_s[-1] + after_s:
        return None
    return bars.nearest(time_s)
