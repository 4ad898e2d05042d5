# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a bar's four beats is "the one", asked once more of the whole song.

The weights that find the bars have to settle tempo, meter and phase at once. With the beats known, weights that have
nothing else to tell apart than the four phases tell them apart better (docs/log/ear.md): here each sixteenth of the
bar counts for itself, so that a pick-up before "the one" or a snare after beat 3 speaks for it too.
"""

from dataclasses import dataclass

import numpy as np

from blender_addon.core.regrid import shifted_positions
from bridge.song.alternative import Reading, Values
from bridge.song.features import CUES, Features

_BEATS, _PARTS = 4, 4
_FEWEST_BEATS = 12
"""three bars; of fewer the means say little"""
_BEGINS_S = 0.06
"""how far from a beat the first sound may be"""


@dataclass(frozen=True)
class PhaseModel:
    """The weights of a logistic model of the four phases; how they were found is told in docs/log/ear.md."""

    cues: dict[str, tuple[tuple[float, ...], ...]]
    """what a mean of 1 of a cue is worth, by beat and quarter of the beat"""
    opening: float
    """worth of "the one" on the song's first sound"""
    found: float
    """worth of the phase in which the bars were found"""


def settle(reading: Reading, features: Features, model: PhaseModel) -> Reading:
    """The same beats with "the one" where it is likeliest; songs that are mostly in other bars stay as they are."""
    count, bars = len(reading.times_s), np.count_nonzero(reading.positions == _BEATS)
    if count < _FEWEST_BEATS or 2 * _BEATS * bars < count:
        return reading
    return shifted(reading, int(phase_scores(reading, features, model).argmax()))


def phase_scores(reading: Reading, features: Features, model: PhaseModel) -> Values:
    """How likely "the one" is 0, 1, 2, 3 beats later than read: logarithms of the odds, up to a constant, shape (4,).

    Args:
        reading: in bars of four beats.
        features: of the song.
        model: the weights.
    """
    times_s = reading.times_s
    periods_s = np.append(np.diff(times_s), times_s[-1] - times_s[-2])
    sixteenths_s = times_s[:, None] + periods_s[:, None] * np.arange(_PARTS) / _PARTS
    at_sixteenths = features.cues[features.frames(sixteenths_s)]
    means = np.concatenate([at_sixteenths[reading.positions == beat + 1].mean(axis=0) for beat in range(_BEATS)])
    weights = np.array([model.cues[name] for name in CUES]).reshape(len(CUES), -1).T
    scores = np.array([(weights * np.roll(means, -_PARTS * later, axis=0)).sum() for later in range(_BEATS)])
    scores[0] += model.found
    first = int(np.abs(times_s - features.first_sound_s).argmin())
    if abs(times_s[first] - features.first_sound_s) < _BEGINS_S:
        scores[reading.positions[first] - 1] += model.opening
    return scores


def shifted(reading: Reading, beats: int) -> Reading:
    """The same beats with "the one" so many beats later, 0 or more."""
    positions = shifted_positions(reading.positions.tolist(), beats, int(reading.positions.max()))
    return Reading(reading.times_s, np.array(positions))
