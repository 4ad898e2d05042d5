# SPDX-License-Identifier: GPL-3.0-or-later
"""Bars of two compound beats, asked whether they are any.

6/8 has no usual tempo, so what is slow in 4/4 may pass for it: by half bars, or at half the tempo. Two signs tell them
apart (docs/accuracy.md): in 6/8 something falls on the thirds of a beat, and one bar begins much like the next.
"""

import itertools

import numpy as np
import numpy.typing as npt

from bridge.song.bar_path import PLACES, Bar, BarModel, Meter
from bridge.song.evidence import CUE_RATE_HZ, CUES, Evidence

_COMPOUND, _LONG, _FAST = Meter(2, 3), Meter(4, 3), Meter(4, 4)
_WEAK = 0.45
"""as much of the other bars' downbeat a bar's has at most, if it is the second half of one"""
_THIRDS = 0.3
"""onsets on the thirds of a beat, of 6/8 at least"""
_SLOW = 2 * CUE_RATE_HZ * 60 / 90
"""longer than this in moments, a bar of two beats rather has four: 90 beats a minute would be 180"""

Values = npt.NDArray[np.float64]


def recount(bars: list[Bar], evidence: Evidence, model: BarModel) -> list[Bar]:
    """The same bars where two compound beats were found for good reason; else in bars of four beats.

    Where every second downbeat is weak, or nothing falls on the thirds, two bars become one. Where nothing falls on the
    thirds of slow beats and all bars are alike, each has four beats instead.
    """
    compound = [bar for bar in bars if bar.meter == _COMPOUND]
    if len(compound) < 4 or 2 * len(compound) < len(bars):
        return bars
    accents = _accents(compound, evidence, model)
    first = _first_of_pairs(accents)
    strong, weak = accents[first::2].mean(), accents[1 - first :: 2].mean()
    alike = weak >= _WEAK * strong
    if alike and _on_thirds(compound, evidence) >= _THIRDS:
        return bars
    if len(compound) < len(bars):
        return _paired_like_the_rest(bars)
    if alike and np.median([bar.end - bar.start for bar in bars]) > _SLOW:
        return [Bar(bar.start, bar.end, _FAST) for bar in bars]
    return bars[:first] + _paired(bars[first:])


def _accents(bars: list[Bar], evidence: Evidence, model: BarModel) -> Values:
    """How much more each bar's first beat sounds like a downbeat than its second, shape (bars,)."""
    downbeat, other = (PLACES.index(place) for place in ("downbeat", "other"))
    weights = np.array([model.cues[name][downbeat] - model.cues[name][other] for name in CUES])
    worth = evidence.cues @ weights
    last = len(worth) - 1
    return np.array([worth[min(bar.start, last)] - worth[min((bar.start + bar.end) // 2, last)] for bar in bars])


def _first_of_pairs(accents: Values) -> int:
    """0 or 1: the bar with which pairs begin."""
    return int(accents[1::2].mean() > accents[::2].mean())


def _paired(bars: list[Bar]) -> list[Bar]:
    """Two and two as one; a last one left over stays."""
    pairs = zip(bars[::2], bars[1::2], strict=False)
    return [Bar(one.start, other.end, _LONG) for one, other in pairs] + bars[len(bars) // 2 * 2 :]


def _paired_like_the_rest(bars: list[Bar]) -> list[Bar]:
    """Pairs begin where the other bars end, or, before the first of these, so that they end where it begins."""
    paired: list[Bar] = []
    for is_compound, run in itertools.groupby(bars, lambda bar: bar.meter == _COMPOUND):
        part = list(run)
        odd = len(part) % 2 if not paired else 0
        paired += part[:odd] + _paired(part[odd:]) if is_compound else part
    return paired


def _on_thirds(bars: list[Bar], evidence: Evidence) -> float:
    """The mean onset on the first or second third of the beats, whichever has more."""
    onsets = evidence.cues[:, CUES.index("onset")]
    starts, ends = (np.array([getattr(bar, name) for bar in bars]) for name in ("start", "end"))
    sixths = starts[:, None] + (ends - starts)[:, None] * np.array([1, 2, 4, 5]) / 6
    heard = onsets[np.clip(np.round(sixths).astype(int), 0, len(onsets) - 1)].mean(axis=0)
    return float(max(heard[[0, 2]].mean(), heard[[1, 3]].mean()))
