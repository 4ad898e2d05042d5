# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a grid is: whether its beats are found again in spite of a penalty, how much worse another "one" is, and
whether there is a beat at all."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bridge.song.alternative import Reading, agreement
from bridge.song.bar_decoder import METRICAL_POSITIONS, BarModel
from bridge.song.features import CUES, Features

_AROUND_BARS = 8

_PLAIN_CONTRAST, _PLAIN_FIT = 0.3, 0.6
"""of a plain beat: of the songs that are read right 49 in 50 have as much of each, and more makes a right downbeat no
likelier"""

_BASE, _AGREEMENT, _MARGIN, _PULSE = -6.47, 1.35, 0.61, 6.54
"""chance of a right downbeat: the logistic function of these times what `signs` gives; for how they were found, and how
often they are right on songs of other kinds, see docs/log/ear.md"""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rating:
    """What is believed of a grid."""

    confidences: Values
    """0-1 for each beat: for the downbeats around it"""
    confidence: float
    """0-1 for the song's downbeats"""


def rate(reading: Reading, alternative: Reading, features: Features, model: BarModel) -> Rating:
    """Weighs what speaks for a reading.

    Args:
        reading: the one found.
        alternative: the one found with its beats made costly.
        features: of the song.
        model: that decoded the reading.
    """
    meter = int(reading.positions.max(initial=0))
    if len(reading.times_s) < 2 * meter or meter < 2:
        return Rating(np.full(len(reading.times_s), 0.1), 0.1 if len(reading.times_s) else 0.0)
    margins = phase_margins(reading, features, model)
    chances = _chance(signs(reading, alternative, margins, features))
    return Rating(chances, float(chances[reading.positions == 1].mean()))


def signs(reading: Reading, alternative: Reading, margins: Values, features: Features) -> Values:
    """What confidence is judged by, for each beat, shape (beats, 3).

    The share of beats that the alternative has too; how far the model prefers "the one" here to the next best phase,
    per bar, with large margins told apart less than small ones; how much of a beat there is in the song, 0-1. The
    first two are half of the bars around the beat, half of the whole song.

    Args:
        reading: the one found, of two beats or more.
        alternative: the one found with its beats made costly.
        margins: from `phase_margins`.
        features: of the song.
    """
    meter = int(reading.positions.max())
    around = _AROUND_BARS * meter
    agreed = scipy.ndimage.uniform_filter1d(agreement(reading, alternative), around, mode="nearest")
    margin = meter * scipy.ndimage.uniform_filter1d(margins, around, axis=1, mode="nearest").min(axis=0)
    pulse = np.full(len(agreed), _pulse(reading.times_s, features))
    return np.stack([(agreed + agreed.mean()) / 2, np.arcsinh((margin + margin.mean()) / 2), pulse], axis=1)


def phase_margins(reading: Reading, features: Features, model: BarModel) -> Values:
    """How much better each beat scores than with "the one" 1, 2, ... beats later, shape (meter - 1, beats)."""
    shifted = (np.roll(reading.positions, shift) for shift in range(int(reading.positions.max())))
    scores = np.stack([beat_scores(Reading(reading.times_s, positions), features, model) for positions in shifted])
    return scores[0] - scores[1:]


def beat_scores(reading: Reading, features: Features, model: BarModel) -> Values:
    """What the model's cues are worth on each beat, at its place in the bar, shape (beats,)."""
    worth = features.cues[features.frames(reading.times_s)] @ np.array([model.cues[name] for name in CUES])
    middle = 3 if reading.positions.max(initial=0) == 4 else 0
    downbeat, mid_bar, other = (METRICAL_POSITIONS.index(name) for name in ("downbeat", "middle", "other"))
    column = np.select([reading.positions == 1, reading.positions == middle], [downbeat, mid_bar], other)
    return worth[np.arange(len(worth)), column]


def _pulse(times_s: Values, features: Features) -> float:
    """How much of a beat there is, 0-1: little where onsets are hardly more on the beats than elsewhere, as in noise,
    or do not come again after a beat, as where they fall by chance."""
    onsets = features.cues[:, CUES.index("onset")]
    contrast = float(onsets[features.frames(times_s)].mean() - onsets.mean())
    seconds = np.clip(times_s.astype(int), 0, len(features.beat_fit) - 1)
    periods = zip(np.gradient(times_s), features.beat_fit[seconds], strict=True)
    fit = float(np.mean([np.interp(period_s, features.beat_lags_s, row) for period_s, row in periods]))
    return float(np.clip(contrast / _PLAIN_CONTRAST, 0, 1)) * min(fit / _PLAIN_FIT, 1.0)


def _chance(signs_of_beats: Values) -> Values:
    return 1 / (1 + np.exp(-(_BASE + signs_of_beats @ np.array([_AGREEMENT, _MARGIN, _PULSE]))))
