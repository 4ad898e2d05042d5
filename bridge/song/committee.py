# SPDX-License-Identifier: GPL-3.0-or-later
"""Several models read the song, and the reading on which they agree most counts.

Each model was fitted to other songs. Where the evidence is clear they read alike; where two tempi or phases are nearly
as likely, each falls for one or the other, and a single one would be a matter of chance (bagging, after Breiman 1996).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SAME_S = 0.07
"""beats that are nearer are the same, as in the usual F-measure"""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """One model's beats."""

    times_s: Values
    positions: npt.NDArray[np.int64]
    """in the bar, 1 is the downbeat"""

    @property
    def downbeats_s(self) -> Values:
        return self.times_s[self.positions == 1]


def elect(readings: list[Reading]) -> int:
    """The index of the reading that agrees most with the others; of equals the first."""
    votes = [sum(agreement(one, other) for other in readings if other is not one) for one in readings]
    return int(np.argmax(votes))


def agreement(one: Reading, other: Reading) -> float:
    """0-1: the mean of the F-measures of the beats and of the downbeats."""
    return (_f_measure(one.times_s, other.times_s) + _f_measure(one.downbeats_s, other.downbeats_s)) / 2


def support(reading: Reading, others: list[Reading]) -> Values:
    """For each beat the share of the other readings that have it too, at the same position; shape (beats,)."""
    shares = np.zeros(len(reading.times_s))
    for other in others:
        if len(other.times_s):
            nearest = _nearest(reading.times_s, other.times_s)
            near = np.abs(other.times_s[nearest] - reading.times_s) <= _SAME_S
            shares += near & (other.positions[nearest] == reading.positions)
    return shares / max(1, len(others))


def _f_measure(one_s: Values, other_s: Values) -> float:
    if not len(one_s) or not len(other_s):
        return 0.0
    same = np.abs(other_s[_nearest(one_s, other_s)] - one_s) <= _SAME_S
    return 2 * float(same.sum()) / (len(one_s) + len(other_s))


def _nearest(times_s: Values, among_s: Values) -> npt.NDArray[np.int64]:
    """For each time the index of the nearest of a sorted series."""
    after = np.clip(np.searchsorted(among_s, times_s), 1, max(1, len(among_s) - 1))
    after = np.minimum(after, len(among_s) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(times_s - among_s[before] <= among_s[after] - times_s, before, after)
