# SPDX-License-Identifier: GPL-3.0-or-later
"""Silences between drum hits."""

import numpy as np
import scipy.signal

from blender_addon.protocol import DrumGap
from bridge.song.hearing import ATTACK_RATE_HZ, Hearing
from bridge.song.onset_times import LATENCY_S

_MOST_GAPS = 5


def drum_gaps(hearing: Hearing, beat_s: float) -> tuple[DrumGap, ...]:
    """The longest silences between two drum hits, at least two beats long, in order of time.

    A drum hit is a sharp rise at both ends of the spectrum at once, or a strong one at either.
    """
    low, high = hearing.attack[:, 0], hearing.attack[:, 3]
    strength = np.maximum(high, 0.8 * low)
    peaks, _ = scipy.signal.find_peaks(
        strength, height=0.45 * np.percentile(strength, 97), distance=int(0.05 * ATTACK_RATE_HZ)
    )
    hits_s = np.maximum(peaks / ATTACK_RATE_HZ - LATENCY_S, 0)
    lengths_s = np.diff(hits_s)
    longest = [i for i in np.argsort(-lengths_s, kind="stable")[:_MOST_GAPS] if lengths_s[i] >= 2 * beat_s]
    return tuple(DrumGap(round(float(hits_s[i]), 4), round(float(hits_s[i + 1]), 4)) for i in sorted(longest))
