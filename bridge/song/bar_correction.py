# SPDX-License-Identifier: GPL-3.0-or-later
"""Bars corrected once all are found: what looks like a bar may be half of one, or its beats half of the beats.

6/8 has no usual tempo, so what is slow in 4/4 may pass for it: by half bars, or at half the tempo. Slow music in which
little happens is read at double. Two signs tell (docs/log/ear.md): what falls between the beats, and whether one bar
begins like the next.
"""

import itertools

import numpy as np

from bridge.song.bar_decoder import METRICAL_POSITIONS, Array, Bar, BarModel, Meter, position_scores
from bridge.song.features import CUE_RATE_HZ, CUES, Features

_COMPOUND, _LONG, _COMMON = Meter(2, 3), Meter(4, 3), Meter(4, 4)
_FEWEST_BARS = 4
_WEAK = 0.45
"""as much of the other bars' downbeat a bar's has at most, if it is the second half of one"""
_THIRDS = 0.3
"""onsets on the thirds of a beat, of 6/8 at least"""
_SLOW = 2 * CUE_RATE_HZ * 60 / 90
"""longer than this in frames, a bar of two beats rather has four: 90 beats a minute would be 180"""
_ACCENT = 1.0
"""what tells a downbeat from the middle of its bar at least, in the model's scores: a plain click has none"""
_HARDLY, _NOTHING = 0.2, 0.15
"""the same of bars of four beats that are half bars: hardly a downbeat, and nothing between the beats"""
_FAST = 4 * CUE_RATE_HZ * 60 / 130
"""not longer than this in frames, a bar of four beats may be half of one: 130 beats a minute would be 65"""


def correct_bars(bars: list[Bar], features: Features, model: BarModel) -> list[Bar]:
    """The same bars where there is good reason for their beats; else others at the same places.

    Args:
        bars: found, in order and without gaps.
        features: of the song.
        model: that found them; it says what sounds like a downbeat.
    """
    compound = [bar for bar in bars if bar.meter == _COMPOUND]
    if len(compound) >= max(_FEWEST_BARS, len(bars) / 2):
        return _from_compound(bars, compound, features, model)
    if len(bars) >= _FEWEST_BARS and all(bar.meter == _COMMON for bar in bars):
        return _from_common(bars, features, model)
    return bars


def _from_compound(bars: list[Bar], compound: list[Bar], features: Features, model: BarModel) -> list[Bar]:
    """6/8 where something falls on the thirds and bars are alike; else two bars as one, or four beats in each."""
    first, weakness = _pairs(compound, features, model)
    alike = weakness >= _WEAK
    if alike and max(_between(compound, features, part) for part in (1 / 3, 2 / 3)) >= _THIRDS:
        return bars
    if len(compound) < len(bars):
        return _paired_like_the_rest(bars)
    if alike and _length(bars) > _SLOW:
        return [Bar(bar.start, bar.end, _COMMON) for bar in bars]
    return bars[:first] + _paired(bars[first:], _LONG)


def _from_common(bars: list[Bar], features: Features, model: BarModel) -> list[Bar]:
    """4/4 as found, unless it is fast, nothing falls between its beats, and every second bar begins like none.

    Half a bar left over at either end goes: beats before and after the bars are counted from these.
    """
    first, weakness = _pairs(bars, features, model)
    between = max(_between(bars, features, part) for part in (1 / 3, 1 / 2, 2 / 3))
    if _length(bars) > _FAST or weakness >= _HARDLY or between >= _NOTHING:
        return bars
    return _paired(bars[first:], _COMMON)[: (len(bars) - first) // 2]


def _accents(bars: list[Bar], features: Features, model: BarModel) -> Array:
    """How much more each bar's beginning sounds like a downbeat than its middle, shape (bars,)."""
    scores = position_scores(features, model)
    worth = scores[METRICAL_POSITIONS.index("downbeat")] - scores[METRICAL_POSITIONS.index("other")]
    last = len(worth) - 1
    return np.array([worth[min(bar.start, last)] - worth[min((bar.start + bar.end) // 2, last)] for bar in bars])


def _pairs(bars: list[Bar], features: Features, model: BarModel) -> tuple[int, float]:
    """0 or 1, the bar with which pairs would begin; and how much of a downbeat the others have, 1 for as much.

    The first and the last bar do not count: where a song begins and ends, any beat sounds like a downbeat.
    """
    accents = _accents(bars, features, model)
    sides = accents[2:-1:2].mean(), accents[1:-1:2].mean()
    first = int(sides[1] > sides[0])
    return first, sides[1 - first] / sides[first] if sides[first] > _ACCENT else 1.0


def _length(bars: list[Bar]) -> float:
    """The usual one, in frames."""
    return float(np.median([bar.end - bar.start for bar in bars]))


def _paired(bars: list[Bar], meter: Meter) -> list[Bar]:
    """Two and two as one; a last one left over stays."""
    pairs = zip(bars[::2], bars[1::2], strict=False)
    return [Bar(one.start, other.end, meter) for one, other in pairs] + bars[len(bars) // 2 * 2 :]


def _paired_like_the_rest(bars: list[Bar]) -> list[Bar]:
    """Pairs begin where the other bars end, or, before the first of these, so that they end where it begins."""
    paired: list[Bar] = []
    for is_compound, run in itertools.groupby(bars, lambda bar: bar.meter == _COMPOUND):
        part = list(run)
        odd = len(part) % 2 if not paired else 0
        paired += part[:odd] + _paired(part[odd:], _LONG) if is_compound else part
    return paired


def _between(bars: list[Bar], features: Features, part: float) -> float:
    """The mean onset at this part of the way from a beat (0) to the next (1)."""
    onsets = features.cues[:, CUES.index("onset")]
    at = [bar.start + (bar.end - bar.start) * (n + part) / bar.beats for bar in bars for n in range(bar.beats)]
    return float(onsets[np.clip(np.round(at).astype(int), 0, len(onsets) - 1)].mean())
