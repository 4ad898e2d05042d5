# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cuts are: the cheapest way through the bars, found by dynamic programming.

What a way costs is a tuple, compared from the left: the order of precedence in `blender_addon.core.rules`, as code.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from blender_addon.core.rules import (
    CALM_SHOT_S,
    ENDING_S,
    FULL_ENERGY_RANGE,
    LONGEST_SHOT_S,
    LOUD_SHOT_S,
    MIN_SHOT_S,
    OPENING_S,
    SHORTEST_ENDING_S,
)
from bridge.plan.cues import Cues
from bridge.plan.grid import BarGrid

PHRASE_BARS, PHRASE_OPENING = 4, 1.25
"""a shot that opens a phrase likes to be longer by this factor, so that fast loud runs breathe: 2, 1, 1 bars"""
ODD_LENGTH_COST = 0.12
"""per second: shots of 3, 5, 6 or 7 bars fit badly into a song built of 2, 4 and 8"""

Cost = tuple[float, ...]
FREE: Cost = (0, 0, 0, 0, 0, 0, 0, 0.0)


@dataclass(frozen=True)
class Pace:
    """How long shots like to be, from how loud they are within this excerpt."""

    calmest: float
    loudest: float

    def place(self, energy: float) -> float:
        """Where an energy lies between the calmest and the loudest, 0-1."""
        return min(1.0, max(0.0, (energy - self.calmest) / (self.loudest - self.calmest)))

    def wanted_s(self, energy: float) -> float:
        """The wanted length of a shot with this mean energy, in seconds."""
        return CALM_SHOT_S * (LOUD_SHOT_S / CALM_SHOT_S) ** self.place(energy)


def pace_of(levels: Sequence[float]) -> Pace:
    """The pace of an excerpt with these bars' energies."""
    low, high = min(levels), max(levels)
    missing = max(0.0, FULL_ENERGY_RANGE - (high - low)) / 2
    return Pace(low - missing, high + missing)


def place_cuts(bars: BarGrid, cues: Cues, asked_bars: Sequence[int | None] = ()) -> tuple[int, ...]:
    """The downbeats' indices at which shots start and end: from 0 to the last one, ascending.

    `asked_bars` holds the lengths that the storyboard asks for, shot by shot.
    """
    return _Search(bars, cues, _without_tail(asked_bars)).run()


def _without_tail(asked: Sequence[int | None]) -> tuple[int | None, ...]:
    last = max((index for index, length in enumerate(asked) if length is not None), default=-1)
    return tuple(asked[: last + 1])


class _Search:
    """The cheapest cuts from the first downbeat on. A state is a downbeat and how many shots led there."""

    def __init__(self, bars: BarGrid, cues: Cues, asked: tuple[int | None, ...]) -> None:
        self.bars, self.cues, self.asked = bars, cues, asked
        self.pace = pace_of(bars.levels)
        self.sums = bars.level_sums()

    def run(self) -> tuple[int, ...]:
        end = self.bars.bar_count
        best: list[dict[int, tuple[Cost, tuple[int, ...]]]] = [{} for _ in range(end + 1)]
        best[0][0] = (FREE, (0,))
        for first in range(end):
            for shots, (cost, cuts) in best[first].items():
                for last in self._reachable(first, shots):
                    total = tuple(map(sum, zip(cost, self._cost(first, last, shots), strict=True)))
                    count = min(shots + 1, len(self.asked))
                    if count not in best[last] or total < best[last][count][0]:
                        best[last][count] = (total, (*cuts, last))
        return min(best[end].values())[1]

    def _reachable(self, first: int, shots: int) -> list[int]:
        end = self.bars.bar_count
        near = [last for last in range(first + 1, end + 1) if self.bars.span_s(first, last) <= LONGEST_SHOT_S]
        asked = self.asked[shots] if shots < len(self.asked) else None
        return sorted({first + 1, *near, *([min(end, first + asked)] if asked else [])})

    def _cost(self, first: int, last: int, shots: int) -> Cost:
        cues, length_s = self.cues, self.bars.span_s(first, last)
        asked = self.asked[shots] if shots < len(self.asked) else None
        return (
            self._missed(first, last, asked),
            length_s < MIN_SHOT_S,
            cues.drop is not None and first < cues.drop < last,
            sum(first < index < last for index in cues.sections),
            cues.gap_end is not None and first < cues.gap_end < last,
            last == self.bars.bar_count and length_s < SHORTEST_ENDING_S,
            last in cues.sung and last < self.bars.bar_count,
            0.0 if asked else self._pace_cost(first, last),
        )

    def _missed(self, first: int, last: int, asked: int | None) -> int:
        """How many bars a length is off from what was asked; the video's end may cut a shot short."""
        off = last - first - asked if asked else 0
        return 0 if off < 0 and last == self.bars.bar_count else abs(off)

    def _pace_cost(self, first: int, last: int) -> float:
        """How far the length is from the wanted one, a squared ratio; per second, so that all lengths count alike."""
        length_s = self.bars.span_s(first, last)
        wanted_s = self.pace.wanted_s((self.sums[last] - self.sums[first]) / length_s)
        if (first - self._phrase_origin(first)) % PHRASE_BARS == 0:
            wanted_s = min(CALM_SHOT_S, wanted_s * PHRASE_OPENING)
        if last == self.bars.bar_count:
            wanted_s = ENDING_S
        elif first == 0:
            wanted_s = max(wanted_s, OPENING_S)
        odd = ODD_LENGTH_COST * ((last - first) not in (1, 2, 4, 8))
        return length_s * (math.log(length_s / wanted_s) ** 2 + odd)

    def _phrase_origin(self, downbeat: int) -> int:
        """Where phrases are counted from: the last start of a section, or the drop."""
        return max(
            (origin for origin in (self.cues.drop, *self.cues.sections) if origin and origin <= downbeat), default=0
        )
