# SPDX-License-Identifier: GPL-3.0-or-later
"""An edit that exists, moved onto a song's downbeats with the least change. Pure: standard library only.

For the file that `retime` writes, and for strips on a timeline.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median

DROP_COST = 2.0
"""of leaving a shot out, as much as of making it four times as long"""
DRIFT_COST = 0.2
"""of moving a cut by a bar"""
MOST_STRETCH = 4.0


@dataclass(frozen=True)
class Kept:
    """A shot of the old edit and its place in the new one, in frames of each."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def fit(edges: Sequence[int], downbeats: Sequence[int], rate: Fraction) -> tuple[Kept, ...]:
    """Chooses a downbeat for each cut: near to where it was, and without stretching shots much.

    The cheapest choice, by dynamic programming over shots and downbeats. Shots that find no bar are left out.

    Args:
        edges: the old shots' edges in frames, the start and the end included.
        downbeats: in new frames, in order; the first is the video's start.
        rate: new frames per old frame.
    """
    bar = float(median(after - before for before, after in pairwise(downbeats)))
    best: list[dict[int, tuple[float, Kept | None, int]]] = [{0: (0.0, None, 0)}]
    for old_start, old_end in pairwise(edges):
        reached: dict[int, tuple[float, Kept | None, int]] = {}
        natural = (old_end - old_start) * float(rate)
        for at, (cost, _, _) in best[-1].items():
            choices: list[tuple[int, float, Kept | None]] = [(at, DROP_COST, None)]
            for to in range(at + 1, len(downbeats)):
                length = downbeats[to] - downbeats[at]
                if length > MOST_STRETCH * natural + bar:
                    break
                stretch = math.log(length / natural) ** 2
                drift = ((downbeats[to] - old_end * float(rate)) / bar) ** 2
                kept = Kept(old_start, old_end, downbeats[at], downbeats[to])
                choices.append((to, stretch + DRIFT_COST * drift, kept))
            for to, price, kept in choices:
                if to not in reached or cost + price < reached[to][0]:
                    reached[to] = (cost + price, kept, at)
        best.append(reached)
    return _traced(best)


def _traced(best: Sequence[dict[int, tuple[float, Kept | None, int]]]) -> tuple[Kept, ...]:
    """Follows the cheapest way back from the end."""
    at = min(best[-1], key=lambda place: best[-1][place][0])
    shots = []
    for reached in reversed(best[1:]):
        _, kept, at = reached[at]
        if kept is not None:
            shots.append(kept)
    return tuple(reversed(shots))
