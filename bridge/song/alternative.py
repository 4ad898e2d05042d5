# SPDX-License-Identifier: GPL-3.0-or-later
"""The alternative to a reading: what the model reads once the beats that it found cost a penalty.

Where the song is clear, the same beats are found again in spite of the penalty. Where another tempo, phase or meter is
nearly as likely, the alternative is that one. The penalty is that of the loss-augmented decoding with which the weights
were found: the true beats had to win against it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.song.bar_decoder import METRICAL_POSITIONS
from bridge.song.features import CUE_RATE_HZ

_BEAT_PENALTY, _DOWNBEAT_PENALTY = 0.4, 1.5
_REACH = 3
"""frames around a beat that bear its penalty too, so that the alternative cannot dodge by a hair"""
_SAME_S = 0.07
"""beats that are nearer are the same, as in the usual F-measure"""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """Beats as decoded."""

    times_s: Values
    positions: npt.NDArray[np.int64]
    """in the bar, 1 is the downbeat"""


def penalty(reading: Reading, frames: int) -> Values:
    """What the reading's beats cost, to be taken from each frame's score; shape (metrical positions, frames)."""
    found = np.round(reading.times_s * CUE_RATE_HZ).astype(int)[:, None] + np.arange(-_REACH, _REACH + 1)
    found = np.clip(found, 0, max(0, frames - 1))
    cost = np.zeros((len(METRICAL_POSITIONS), frames))
    for position in ("downbeat", "middle", "other"):
        cost[METRICAL_POSITIONS.index(position), found] = _BEAT_PENALTY
    cost[METRICAL_POSITIONS.index("downbeat"), found[reading.positions == 1]] += _DOWNBEAT_PENALTY
    return cost


def agreement(reading: Reading, alternative: Reading) -> Values:
    """For each beat 1 where the alternative has it too, at the same position in the bar, else 0; shape (beats,)."""
    if not len(alternative.times_s):
        return np.zeros(len(reading.times_s))
    nearest = _nearest(reading.times_s, alternative.times_s)
    near = np.abs(alternative.times_s[nearest] - reading.times_s) <= _SAME_S
    return (near & (alternative.positions[nearest] == reading.positions)).astype(float)


def _nearest(times_s: Values, among_s: Values) -> npt.NDArray[np.int64]:
    """For each time the index of the nearest of a sorted series."""
    after = np.minimum(np.searchsorted(among_s, times_s), len(among_s) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(times_s - among_s[before] <= among_s[after] - times_s, before, after)
