# SPDX-License-Identifier: GPL-3.0-or-later
"""The song as curves: their names, and how a curve is shaped before something is driven by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MEANINGS = {
    "kick": "hits of the bass drum: up to 1 on a hit, falling to a half in 60 ms",
    "snare": "hits of the snare drum, in the same way",
    "hats": "hits of hi-hats and cymbals, in the same way",
    "bass": "level of what sounds on below 200 Hz",
    "harmony": "level of what sounds on, from 200 Hz on",
    "voice": "level of what sounds on where voices are, 250 Hz to 4 kHz, more where it glides: voice-like, no more",
    "loudness": "level of all, on a scale of decibels: 0 is 50 dB below the loudest",
    "brightness": "the middle of the spectrum, on a scale of octaves from 100 Hz to 8 kHz",
    "beat": "rises from 0 on a beat to 1 on the next",
    "bar": "rises from 0 on a downbeat to 1 on the next",
    "section": "rises from 0 at a section's start to 1 at its end",
    "drop": "rises from 0 to 1 over the four bars before the drop, then falls from 1 to 0 over the four after it",
}
"""every channel, and what it means; the values are 0-1"""
HITS = ("kick", "snare", "hats")
"""channels whose peaks must not fall between two frames"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is done to a channel before something follows it."""

    threshold: float = 0.0
    """0-1: what is below it counts as nothing, and the rest is stretched to 0-1"""
    smoothing_s: float = 0.0
    """the length of a mean around each moment, which makes nothing late"""
    attack_s: float = 0.0
    """how long it takes to rise by 63 %"""
    release_s: float = 0.0
    """how long it takes to fall by 63 %"""

    def of(self, values: Sequence[float], rate_hz: float) -> list[float]:
        """The values in this shape."""
        shaped = [max(0.0, value - self.threshold) / max(1e-6, 1 - self.threshold) for value in values]
        shaped = _smoothed(shaped, round(self.smoothing_s * rate_hz))
        return list(_followed(shaped, self.attack_s * rate_hz, self.release_s * rate_hz))


def _smoothed(values: Sequence[float], length: int) -> list[float]:
    """The mean of so many values around each; at the ends, of those that are there."""
    half = length // 2
    if not half:
        return list(values)
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    around = [(max(0, i - half), min(len(values), i + half + 1)) for i in range(len(values))]
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in around]


def _followed(values: Sequence[float], attack: float, release: float) -> Iterable[float]:
    """An envelope follower of first order; times in samples, none at all below one."""
    level = values[0] if values else 0.0
    for value in values:
        time = attack if value > level else release
        level += (value - level) * (1 - 2.718281828 ** (-1 / time) if time > 0 else 1.0)
        yield level
