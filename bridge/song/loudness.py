# SPDX-License-Identifier: GPL-3.0-or-later
"""Perceived loudness: the energy curve (EBU R128 short-term) and the drop."""

import numpy as np
import numpy.typing as npt
import pyloudnorm
import scipy.signal

from blender_addon.core.types import EnergyCurve
from bridge.song.audio import Audio

HOP_S = 0.1
_SHORT_TERM_S = 3.0
_RANGE_LU = 30.0
_LEAST_RANGE_LU = 3.0
_STEP_S = 0.01
_BLOCK = 1 << 18

Values = npt.NDArray[np.floating]


class Loudness:
    """A song's K-weighted power, ready to be averaged over any stretch (ITU-R BS.1770-4)."""

    def __init__(self, audio: Audio) -> None:
        step = int(_STEP_S * audio.sample_rate_hz)
        self.step_s = step / audio.sample_rate_hz
        power = _weighted_power(audio)
        whole = np.pad(power, (0, -len(power) % step)).reshape(-1, step).mean(axis=1, dtype=np.float64)
        self._cumulated = np.concatenate([[0.0], np.cumsum(whole)])

    def lufs(self, start_s: npt.ArrayLike, end_s: npt.ArrayLike) -> Values:
        """The loudness over each [start, end), cut to the song; -70 where there is nothing."""
        last = len(self._cumulated) - 1
        first = np.clip(np.round(np.asarray(start_s) / self.step_s).astype(int), 0, last)
        stop = np.clip(np.round(np.asarray(end_s) / self.step_s).astype(int), 0, last)
        power = (self._cumulated[stop] - self._cumulated[first]) / np.maximum(stop - first, 1)
        return np.maximum(-0.691 + 10 * np.log10(np.maximum(power, 1e-12)), -70.0)


def _weighted_power(audio: Audio) -> Values:
    """Of each sample, summed over the channels. Filtered in blocks, in single precision: a song's doubles are large."""
    shelf = pyloudnorm.IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, audio.sample_rate_hz, "high_shelf")
    rumble = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, audio.sample_rate_hz, "high_pass")
    stages = np.array([[*stage.b, *stage.a] for stage in (shelf, rumble)])
    state = np.zeros((len(stages), 2, audio.samples.shape[1]))
    power = np.empty(len(audio.samples), np.float32)
    for start in range(0, len(power), _BLOCK):
        block, state = scipy.signal.sosfilt(stages, audio.samples[start : start + _BLOCK], axis=0, zi=state)
        power[start : start + _BLOCK] = np.square(block).sum(axis=1)
    return power


def energy_curve(loudness: Loudness, duration_s: float) -> EnergyCurve:
    """Short-term loudness (3 s windows) every 0.1 s: 1 at the song's loudest, 0 at its quietest or 30 LU below."""
    centres_s = np.arange(int(duration_s / HOP_S) + 1) * HOP_S
    lufs = loudness.lufs(centres_s - _SHORT_TERM_S / 2, centres_s + _SHORT_TERM_S / 2)
    top = lufs.max()
    if top <= -70.0:
        return EnergyCurve(HOP_S, (0.0,) * len(lufs))
    bottom = max(lufs.min(), top - _RANGE_LU)
    bottom = min(bottom, top - _LEAST_RANGE_LU)
    values = np.clip((lufs - bottom) / (top - bottom), 0, 1)
    return EnergyCurve(HOP_S, tuple(round(float(value), 4) for value in values))


def find_drop(loudness: Loudness, downbeats_s: Values) -> float | None:
    """The downbeat with the largest rise in loudness from the two bars before to the two bars after.

    The song's entry itself, its first two bars, is no drop. None where there are too few bars.
    """
    if len(downbeats_s) < 5:
        return None
    span_s = 2 * float(np.median(np.diff(downbeats_s)))
    candidates_s = downbeats_s[2:-1]
    rise = loudness.lufs(candidates_s, candidates_s + span_s) - loudness.lufs(candidates_s - span_s, candidates_s)
    return float(candidates_s[rise.argmax()])
