# SPDX-License-Identifier: GPL-3.0-or-later
"""Silences between drum hits."""

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.signal

from blender_addon.core.types import DrumGap
from bridge.song.spectra import ATTACK_RATE_HZ, RATE_HZ, Spectra, envelope_centres_hz, rises

_MOST_GAPS = 5
_AROUND_S = 0.5
"""the stretch around a hit that it has to stand out of"""
_LEAST_STRENGTH = 0.35
"""as a share of the song's strong hits"""
_EARLY_S = 0.01
"""how much earlier the envelope's long window shows a hit than it is"""
_NEAR_S = 0.03

Series = npt.NDArray[np.floating]


def drum_gaps(spectra: Spectra, beat_s: float) -> tuple[DrumGap, ...]:
    """The longest silences between two drum hits, at least two beats long, in order of time."""
    hits_s = _hits(spectra, beat_s)
    lengths_s = np.diff(hits_s)
    longest = [i for i in np.argsort(-lengths_s, kind="stable")[:_MOST_GAPS] if lengths_s[i] >= 2 * beat_s]
    return tuple(DrumGap(round(float(hits_s[i]), 4), round(float(hits_s[i + 1]), 4)) for i in sorted(longest))


def _hits(spectra: Spectra, beat_s: float) -> Series:
    """The times of drum hits in seconds.

    A hit is a sharp rise of the highs, or of the lows with a click above them (a bass note has none), that stands out
    of what is around it, and that has others within two beats: a single plucked note in a passage without drums is no
    hit. The rise is that of a whole band's level, which in a riser's noise hardly moves.
    """
    low = _rise(spectra, 0, 110)
    click = _rise(spectra, 300, 5_000)
    high = _rise(spectra, 5_000, np.inf)
    strength = np.maximum(high, np.sqrt(low * click))
    around = int(_AROUND_S * RATE_HZ) | 1
    level = scipy.ndimage.median_filter(strength, around, mode="nearest")
    noise = scipy.ndimage.median_filter(np.abs(strength - level), around, mode="nearest")
    outstanding = strength - level - noise
    peaks, _ = scipy.signal.find_peaks(outstanding, height=1e-6, distance=int(0.05 * RATE_HZ))
    if not len(peaks):
        return np.zeros(0)
    strong = np.percentile(outstanding[peaks], 90)
    hits_s = peaks[outstanding[peaks] > _LEAST_STRENGTH * strong] / RATE_HZ + _EARLY_S
    clear = _clear_attacks(spectra)
    hits_s = hits_s[clear[np.minimum((hits_s * ATTACK_RATE_HZ).astype(int), len(clear) - 1)]]
    reach_s = 2 * beat_s + 0.02
    others = np.searchsorted(hits_s, hits_s + reach_s) - np.searchsorted(hits_s, hits_s - reach_s) - 1
    return hits_s[others >= 2]


def _clear_attacks(spectra: Spectra) -> npt.NDArray[np.bool_]:
    """Where, on the attack's grid, the lowest or highest band's attack is twice its own second's mean, and strong."""
    clear = np.zeros(len(spectra.attack), bool)
    for band in (0, 3):
        attack = spectra.attack[:, band]
        outstanding = attack - 2 * scipy.ndimage.uniform_filter1d(attack, ATTACK_RATE_HZ)
        peaks, found = scipy.signal.find_peaks(outstanding, height=0.5, distance=ATTACK_RATE_HZ // 20)
        if len(peaks):
            clear[peaks[found["peak_heights"] > 0.4 * np.percentile(found["peak_heights"], 90)]] = True
    return np.asarray(scipy.ndimage.binary_dilation(clear, iterations=int(_NEAR_S * ATTACK_RATE_HZ)), bool)


def _rise(spectra: Spectra, low_hz: float, high_hz: float) -> Series:
    """How much a band's mean log level has risen over 20 ms, per frame; never negative."""
    centres_hz = envelope_centres_hz()
    inside = (low_hz <= centres_hz) & (centres_hz < high_hz)
    level = spectra.envelope[:, inside].mean(axis=1, keepdims=True)
    return rises(level, 2, [slice(None)])[:, 0]
