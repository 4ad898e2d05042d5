# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves beats from the decoder's grid onto the onsets themselves, below a frame's precision."""

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bridge.song.spectra import ATTACK_RATE_HZ, Series, Spectra

LATENCY_S = 0.004
"""how late the attack's peak is after the true onset; measured on the corpus (docs/accuracy.md)"""

_REACH_S = 0.05
_LIKELY_OFFSET_S = 0.028

Times = npt.NDArray[np.float64]


def attack_strength(spectra: Spectra) -> Series:
    """All bands' attack as one series at `ATTACK_RATE_HZ`."""
    return np.asarray(scipy.ndimage.gaussian_filter1d(spectra.attack[:, 1] + spectra.attack[:, 2], 1.0))


def refine(times_s: Times, spectra: Spectra) -> Times:
    """Each beat goes to the strongest attack nearby if that is clear, else where its neighbours' offsets say."""
    if len(times_s) < 5:
        return times_s
    offsets_s, clarity = _nearest_attacks(times_s, attack_strength(spectra))
    weight = np.maximum(clarity, 0.02)
    smooth = scipy.ndimage.gaussian_filter1d(scipy.ndimage.median_filter(offsets_s, 5, mode="nearest") * weight, 2)
    trend_s = smooth / scipy.ndimage.gaussian_filter1d(weight, 2)
    own = np.clip((clarity - 0.35) / 0.6, 0, 1) * (np.abs(offsets_s - trend_s) < 0.025)
    refined = times_s + own * offsets_s + (1 - own) * trend_s - LATENCY_S
    return np.maximum.accumulate(np.maximum(refined, 0.0))


def _nearest_attacks(times_s: Times, strength: Series) -> tuple[Times, Times]:
    """The offset to the likeliest attack of each beat, and how clear that attack is (1 is a loud one)."""
    reach = int(_REACH_S * ATTACK_RATE_HZ)
    steps = np.arange(-reach, reach + 1)
    near = np.exp(-0.5 * (steps / ATTACK_RATE_HZ / _LIKELY_OFFSET_S) ** 2)
    at = np.round(times_s * ATTACK_RATE_HZ).astype(int)[:, None] + steps
    inside = (at >= 0) & (at < len(strength))
    values = np.where(inside, strength[np.clip(at, 0, len(strength) - 1)], 0) * near
    peak = values.argmax(axis=1)
    rows = np.arange(len(values))
    left, right = values[rows, np.maximum(peak - 1, 0)], values[rows, np.minimum(peak + 1, 2 * reach)]
    top = values[rows, peak]
    bend = np.maximum(2 * top - left - right, 1e-9)
    offsets = (at[rows, peak] + np.clip(0.5 * (right - left) / bend, -0.5, 0.5)) / ATTACK_RATE_HZ - times_s
    return offsets, np.minimum(top / (np.percentile(strength, 90) + 1e-9), 2.0)
