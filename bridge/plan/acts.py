# SPDX-License-Identifier: GPL-3.0-or-later
"""Beginning, middle and end: which act each shot is in."""

from bridge.plan.cues import Cues
from bridge.plan.grid import BarGrid

SECOND_ACT, THIRD_ACT = 1 / 3, 3 / 4
"""where the acts change if the song has no better place, as shares of the video"""
SECTION_PULL, DROP_PULL = 0.12, 0.08
"""how far, as a share of the video, an act's change moves to meet a section's start or the drop"""


def assign_acts(bars: BarGrid, cues: Cues, cuts: tuple[int, ...]) -> tuple[int, ...]:
    """The act of each shot, from the downbeats' indices at which shots start and end.

    The second act likes to open with the drop or a section, the third with a section. One shot is the end; two are a
    beginning and an end.
    """
    count = len(cuts) - 1
    if count < 3:
        return (1, 3)[2 - count :]
    pairs = [(second, third) for second in range(1, count - 1) for third in range(second + 1, count)]
    second, third = min(pairs, key=lambda pair: _strain(bars, cues, cuts, *pair))
    return tuple(1 + (shot >= second) + (shot >= third) for shot in range(count))


def _strain(bars: BarGrid, cues: Cues, cuts: tuple[int, ...], second: int, third: int) -> float:
    """How far a pair of changes is from where acts like to change."""
    places = [bars.span_s(0, cuts[shot]) / bars.span_s(0, bars.bar_count) for shot in (second, third)]
    strain = abs(places[0] - SECOND_ACT) + abs(places[1] - THIRD_ACT)
    strain -= SECTION_PULL * sum(cuts[shot] in cues.sections for shot in (second, third))
    return strain - DROP_PULL * (cuts[second] == cues.drop)
