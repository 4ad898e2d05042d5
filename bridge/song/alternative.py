# SPDX-License-Identifier: GPL-3.0-or-later
"""The rival of a reading: what the model reads once the beats that it found are made costly.

Where the evidence is clear the same beats are found again at their higher price; where another tempo, phase or meter is
nearly as likely, the rival is that other one. The price is that of the loss-augmented decoding with which the weights
were found, at which the true beats were to win.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.song.bar_decoder import PLACES
from bridge.song.features import CUE_RATE_HZ

_BEAT_PRICE, _DOWNBEAT_PRICE = 0.4, 1.5
_REACH = 3
"""moments around a beat that are priced like it, so that the rival cannot dodge by a hair"""
_SAME_S = 0.07
"""beats that are nearer are the same, as in the usual F-measure"""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """Beats as decoded."""

    times_s: Values
    positions: npt.NDArray[np.int64]
    """in the bar, 1 is the downbeat"""


def handicap(reading: Reading, moments: int) -> Values:
    """The price of the reading's beats, to be taken from what each moment is worth; shape (places, moments)."""
    found = np.round(reading.times_s * CUE_RATE_HZ).astype(int)[:, None] + np.arange(-_REACH, _REACH + 1)
    found = np.clip(found, 0, max(0, moments - 1))
    price = np.zeros((len(PLACES), moments))
    for place in ("downbeat", "middle", "other"):
        price[PLACES.index(place), found] = _BEAT_PRICE
    price[PLACES.index("downbeat"), found[reading.positions == 1]] += _DOWNBEAT_PRICE
    return price


def agreement(reading: Reading, rival: Reading) -> Values:
    """For each beat 1 where the rival has it too, at the same position in the bar, else 0; shape (beats,)."""
    if not len(rival.times_s):
        return np.zeros(len(reading.times_s))
    nearest = _nearest(reading.times_s, rival.times_s)
    near = np.abs(rival.times_s[nearest] - reading.times_s) <= _SAME_S
    return (near & (rival.positions[nearest] == reading.positions)).astype(float)


def _nearest(times_s: Values, among_s: Values) -> npt.NDArray[np.int64]:
    """For each time the index of the nearest of a sorted series."""
    after = np.minimum(np.searchsorted(among_s, times_s), len(among_s) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(times_s - among_s[before] <= among_s[after] - times_s, before, after)
