# SPDX-License-Identifier: GPL-3.0-or-later
"""Bars of five and seven beats. The decoder knows none, yet finds their downbeats: it parts them into fewer beats, on
which little falls. Once the bars are there, the onsets tell into how many beats they are to be parted."""

import numpy as np

from blender_addon.core.reading_names import ODD
from bridge.song.alternative import Reading, Values
from bridge.song.features import CUES, Features

_FEWEST_BARS = 6
_SAME_LENGTH = 0.8
"""the share of bars with one number of beats, at least"""
_CLEAR = 0.25
"""onsets on the beats of the odd meter, on the average at least"""
_EMPTY = 0.5
"""as much of that falls on the beats that were found, at most"""


def in_odd_meter(found: Reading, features: Features) -> Reading:
    """The same bars in five or seven beats where the onsets are clear about it, else the reading as it is."""
    starts_s = found.times_s[found.positions == 1]
    if len(starts_s) <= _FEWEST_BARS:
        return found
    counts = np.diff(np.flatnonzero(found.positions == 1))
    usual = int(np.bincount(counts).argmax())
    if usual in ODD or np.mean(counts == usual) < _SAME_LENGTH:
        return found
    strengths = {beats: _on_beats(starts_s, beats, features) for beats in (usual, *ODD)}
    best = max(ODD, key=lambda beats: strengths[beats])
    if strengths[best] < _CLEAR or strengths[usual] > _EMPTY * strengths[best]:
        return found
    return _parted(found, starts_s, best)


def _on_beats(starts_s: Values, beats: int, features: Features) -> float:
    """The mean onset on the beats inside the bars, downbeats aside."""
    shares = np.arange(1, beats) / beats
    times_s = starts_s[:-1, None] + np.diff(starts_s)[:, None] * shares
    return float(features.cues[features.frames(times_s), CUES.index("onset")].mean())


def _parted(found: Reading, starts_s: Values, beats: int) -> Reading:
    """All bars in so many beats; what is before and after them is counted on evenly."""
    lengths_s = np.diff(starts_s)
    inside_s = (starts_s[:-1, None] + lengths_s[:, None] * np.arange(beats) / beats).ravel()
    first_s, last_s = lengths_s[0] / beats, lengths_s[-1] / beats
    before = int((starts_s[0] - found.times_s[0]) / first_s + 0.3)
    after = int((found.times_s[-1] - starts_s[-1]) / last_s + 0.3)
    times_s = np.concatenate(
        [
            starts_s[0] - first_s * np.arange(before, 0, -1),
            inside_s,
            starts_s[-1] + last_s * np.arange(after + 1),
        ]
    )
    return Reading(times_s, (np.arange(len(times_s)) - before) % beats + 1)
