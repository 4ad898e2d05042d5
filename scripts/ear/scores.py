# SPDX-License-Identifier: GPL-3.0-or-later
"""A piece of music before it sounds: its notes, bars and tempo in beats."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

DRUMS = 9
"""the channel of the drums, as in General MIDI"""


@dataclass(frozen=True)
class Score:
    """The beat is the felt one: in 6/8 the dotted quarter."""

    notes: Values
    """(n, 5): start and length in beats, pitch, velocity 1-127, channel; in order of their starts"""
    programs: dict[int, int]
    """the General MIDI instrument of each channel"""
    downbeats: npt.NDArray[np.int64]
    """the beats on which bars begin"""
    beats: int
    """how many there are"""
    bpm: float
    family: str
    """of the music: what is held out together"""
    rubato: float = 0.0
    electronic: float = 0.0
    swing: float = 0.5
    swing_16: float = 0.5

    def swung(self) -> "Score":
        """The same with the second eighths and sixteenths late by its swing."""
        notes = self.notes.copy()
        ends = _swing(notes[:, 0] + notes[:, 1], self.swing, self.swing_16)
        notes[:, 0] = _swing(notes[:, 0], self.swing, self.swing_16)
        notes[:, 1] = np.maximum(ends - notes[:, 0], 0.02)
        return replace(self, notes=notes, swing=0.5, swing_16=0.5)


def _swing(at: Values, swing: float, swing_16: float) -> Values:
    """Beats with their middle moved to `swing`, and the middles of their halves alike."""
    whole, part = np.divmod(at, 1.0)
    half, rest = np.divmod(part * 2, 1.0)
    rest = np.interp(rest, (0, 0.5, 1), (0, swing_16, 1))
    return whole + np.interp((half + rest) / 2, (0, 0.5, 1), (0, swing, 1))


def tempo_map(score: Score, rng: np.random.Generator) -> Values:
    """The time of each beat and of the end, in seconds: steady, drifting, wavering, or with a step or a ramp."""
    count = score.beats + 1
    period = np.full(count, 60 / score.bpm)
    kind = rng.random()
    if score.rubato:
        waver = rng.normal(0, 1, count).cumsum()
        waver -= np.convolve(np.pad(waver, 16, mode="edge"), np.ones(33) / 33, "valid")
        phrase = np.sin(np.arange(count) * 2 * np.pi / rng.choice([8, 12, 16, 32]) + rng.uniform(0, 6.3))
        period *= np.exp(np.clip(score.rubato * (0.4 * waver + rng.uniform(0, 1) * phrase), -0.3, 0.3))
    elif kind < 0.25:
        period *= np.exp(np.cumsum(rng.normal(0, rng.uniform(0.001, 0.004), count)))
    elif kind < 0.31:
        period[rng.integers(count // 4, count) :] *= rng.uniform(0.75, 1.33)
    elif kind < 0.36:
        period *= np.linspace(1, rng.uniform(0.8, 1.25), count)
    return np.concatenate([[0.0], np.cumsum(period)[:-1]])
