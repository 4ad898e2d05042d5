# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a grid is: how far the model prefers it to the same beats with "the one" elsewhere."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bridge.song.bar_path import PLACES, BarModel
from bridge.song.evidence import CUE_RATE_HZ, CUES, Evidence

_AROUND_BARS = 8

_MOST, _BASE, _PER_MARGIN = 0.95, -0.4, 0.8
"""chance of a right downbeat: `_MOST` times the logistic function of the margin per bar, fitted to the corpus
(docs/accuracy.md); the rest is for songs in which all readings of the beats are wrong"""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rating:
    """What is believed of a grid."""

    confidences: Values
    """0-1 for each beat"""
    confidence: float
    """0-1 for the song's downbeats"""
    second_shift_beats: int
    """the second-best phase: how many beats later "the one" would be"""


def rate(times_s: Values, positions: npt.NDArray[np.int64], evidence: Evidence, model: BarModel) -> Rating:
    """Compares the grid with itself shifted by whole beats.

    Args:
        times_s: of the beats, as decoded, shape (n,).
        positions: in the bar, 1 is the downbeat, shape (n,).
        evidence: of the song.
        model: that decoded it.
    """
    meter = int(positions.max(initial=0))
    if len(times_s) < 2 * meter or meter < 2:
        return Rating(np.full(len(times_s), 0.3), 0.3 if len(times_s) else 0.0, 0)
    worth = _worth(times_s, evidence, model)
    readings = np.stack([_read(worth, np.roll(positions, shift)) for shift in range(meter)])
    margins = readings[0] - readings[1:]
    second = 1 + int(margins.sum(axis=1).argmin())
    local = meter * scipy.ndimage.uniform_filter1d(margins, _AROUND_BARS * meter, axis=1, mode="nearest").min(axis=0)
    song = float(local.mean())
    return Rating(_chance((local + song) / 2), float(_chance(np.array(song))), second)


def _worth(times_s: Values, evidence: Evidence, model: BarModel) -> Values:
    """What the cues on each beat are worth at each place, shape (n, places)."""
    at = np.clip(np.round(times_s * CUE_RATE_HZ).astype(int), 0, len(evidence.cues) - 1)
    return evidence.cues[at] @ np.array([model.cues[name] for name in CUES])


def _read(worth: Values, positions: npt.NDArray[np.int64]) -> Values:
    """The score of each beat under these positions."""
    middle = 3 if positions.max() == 4 else 0
    place = np.select([positions == 1, positions == middle], [PLACES.index("downbeat"), PLACES.index("middle")], 2)
    return worth[np.arange(len(worth)), place]


def _chance(margin: Values) -> Values:
    return _MOST / (1 + np.exp(-(_BASE + _PER_MARGIN * margin)))
