# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a grid is: whether its beats are found again at a higher price, and how much worse another "one" is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bridge.song.bar_path import PLACES, BarModel
from bridge.song.evidence import CUE_RATE_HZ, CUES, Evidence
from bridge.song.rival import Reading, agreement

_AROUND_BARS = 8

_BASE, _LOCAL_AGREEMENT, _SONG_AGREEMENT, _MARGIN, _CONTRAST = -1.77, 1.6, 0.51, 0.101, 3.6
"""chance of a right downbeat: the logistic function of these times what `signs` gives, fitted to songs that the model
had not seen (docs/accuracy.md)"""

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


def rate(reading: Reading, rival: Reading, evidence: Evidence, model: BarModel) -> Rating:
    """Weighs what speaks for a reading.

    Args:
        reading: the one found.
        rival: the one found with its beats made costly.
        evidence: of the song.
        model: that decoded the reading.
    """
    meter = int(reading.positions.max(initial=0))
    if len(reading.times_s) < 2 * meter or meter < 2:
        return Rating(np.full(len(reading.times_s), 0.1), 0.1 if len(reading.times_s) else 0.0, 0)
    margins = phase_margins(reading, evidence, model)
    chances = _chance(signs(reading, rival, margins, evidence))
    second = 1 + int(margins.sum(axis=1).argmin())
    return Rating(chances, float(chances[reading.positions == 1].mean()), second)


def signs(reading: Reading, rival: Reading, margins: Values, evidence: Evidence) -> Values:
    """What confidence is judged by, for each beat, shape (beats, 4).

    The share of beats that the rival has too, around the beat and in the whole song; how far the model prefers
    "the one" here to the next best phase, per bar; how much more of the onsets is on the beats than elsewhere.
    """
    meter = int(reading.positions.max())
    around = _AROUND_BARS * meter
    shares = agreement(reading, rival)
    local = meter * scipy.ndimage.uniform_filter1d(margins, around, axis=1, mode="nearest").min(axis=0)
    onsets = evidence.cues[:, CUES.index("onset")]
    contrast = float(onsets[_moments(reading.times_s, evidence)].mean() - onsets.mean())
    return np.stack(
        [
            scipy.ndimage.uniform_filter1d(shares, around, mode="nearest"),
            np.full(len(shares), shares.mean()),
            (local + local.mean()) / 2,
            np.full(len(shares), contrast),
        ],
        axis=1,
    )


def phase_margins(reading: Reading, evidence: Evidence, model: BarModel) -> Values:
    """How much better each beat scores than with "the one" 1, 2, ... beats later, shape (meter - 1, beats)."""
    worth = evidence.cues[_moments(reading.times_s, evidence)] @ np.array([model.cues[name] for name in CUES])
    shifts = range(int(reading.positions.max()))
    scores = np.stack([_read(worth, np.roll(reading.positions, shift)) for shift in shifts])
    return scores[0] - scores[1:]


def _moments(times_s: Values, evidence: Evidence) -> npt.NDArray[np.int64]:
    return np.clip(np.round(times_s * CUE_RATE_HZ).astype(int), 0, len(evidence.cues) - 1)


def _read(worth: Values, positions: npt.NDArray[np.int64]) -> Values:
    """The score of each beat under these positions."""
    middle = 3 if positions.max() == 4 else 0
    place = np.select([positions == 1, positions == middle], [PLACES.index("downbeat"), PLACES.index("middle")], 2)
    return worth[np.arange(len(worth)), place]


def _chance(signs_of_beats: Values) -> Values:
    weights = np.array([_LOCAL_AGREEMENT, _SONG_AGREEMENT, _MARGIN, _CONTRAST])
    return 1 / (1 + np.exp(-(_BASE + signs_of_beats @ weights)))
