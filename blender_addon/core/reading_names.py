# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readings of a song are called, and whether there is a choice to tell of. Pure: standard library only."""

from bisect import bisect_left
from collections import Counter

from .types import SongAnalysis, SongReading

LIKELY = 0.4
"""from so much of the first reading's share on another one is told of"""
NEARLY = 0.7
"""from so much on it is nearly as likely"""
ODD = (5, 7)
"""meters that are told by name: of two beats it isn't known whether they are simple or compound"""
_SAME_S = 0.07
_SAME_TEMPO = 0.04


def meter_name(meter: int) -> str:
    """As musicians write an odd meter: five quarters, seven eighths."""
    return f"{meter}/8" if meter >= 7 else f"{meter}/4"


def bar_name(meter: int) -> str:
    """As in "4 beats a bar"; an odd meter with its name, as in "5 beats a bar (5/4)"."""
    return f"{meter} beats a bar" + (f" ({meter_name(meter)})" if meter in ODD else "")


def name(reading: SongReading) -> str:
    """As in "86 bpm, 4 beats a bar"."""
    return f"{reading.tempo_bpm:.0f} bpm, {bar_name(reading.meter)}"


def difference(reading: SongReading, first: SongReading) -> str:
    """In what a reading is unlike the first, in a few words, as in "172 bpm" or "the one 2 beats later"."""
    if abs(reading.tempo_bpm - first.tempo_bpm) > _SAME_TEMPO * first.tempo_bpm:
        return f"{reading.tempo_bpm:.0f} bpm"
    if reading.meter != first.meter:
        return bar_name(reading.meter)
    shift = _shift(reading, first)
    if shift is None:
        return "half a beat later"
    return f"the one {shift} beat{'' if shift == 1 else 's'} later" if shift else "other bars in places"


def likely_others(analysis: SongAnalysis) -> list[int]:
    """The numbers of the readings that are likely enough to tell of, beside the first."""
    if not analysis.readings:
        return []
    least = LIKELY * analysis.readings[0].share
    return [number for number, one in enumerate(analysis.readings[1:], start=2) if one.share >= least]


def choice(analysis: SongAnalysis) -> str:
    """One line for whoever can choose with `--reading`; empty if there is nothing to choose, or it is chosen."""
    others = likely_others(analysis)
    if not others or analysis.readings[0].times_s != tuple(beat.time_s for beat in analysis.beats):
        return ""
    first, best = analysis.readings[0], analysis.readings[others[0] - 1]
    likely = "nearly as likely" if best.share >= NEARLY * first.share else "possible too"
    return f"Read as {name(first)}; {difference(best, first)} is {likely}: `--reading {others[0]}`."


def _shift(reading: SongReading, first: SongReading) -> int | None:
    """How many beats later than in the first most bars start; None if the beats are others."""
    shifts: list[int] = []
    for time_s, position in zip(reading.times_s, reading.positions, strict=True):
        after = bisect_left(first.times_s, time_s - _SAME_S)
        if after < len(first.times_s) and first.times_s[after] <= time_s + _SAME_S:
            shifts.append((first.positions[after] - position) % first.meter)
    if 2 * len(shifts) < len(reading.times_s):
        return None
    return Counter(shifts).most_common(1)[0][0]
