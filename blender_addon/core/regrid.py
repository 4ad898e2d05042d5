# SPDX-License-Identifier: GPL-3.0-or-later
"""Other readings of the same song, without analysing again. Pure functions on `SongAnalysis`.

Whatever stands on downbeats (sections, the drop) moves to the nearest downbeat of the new grid.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from .types import Beat, Section, SongAnalysis, SongReading

SHORTEST_BAR_S = 0.1
"""no bar is bent to less"""


def with_downbeat_shift(analysis: SongAnalysis, beats: int) -> SongAnalysis:
    """Moves "the one" by this many beats, later if positive. The beats' times stay."""
    positions = [beat.position for beat in analysis.beats]
    if not positions or beats == 0:
        return analysis
    meter = analysis.meter
    beats = beats if beats > 0 else beats % meter
    shifted = shifted_positions(positions, beats, meter)
    return rebuilt(analysis, [replace(b, position=p) for b, p in zip(analysis.beats, shifted, strict=True)])


def shifted_positions(positions: list[int], beats: int, meter: int) -> list[int]:
    """Beats' positions in the bar with "the one" so many beats later, 0 or more; before it they count up to it."""
    lead_in = [(positions[0] - 1 - back) % meter + 1 for back in range(beats, 0, -1)]
    return (lead_in + positions)[: len(positions)]


def half_tempo(analysis: SongAnalysis) -> SongAnalysis:
    """Every second beat goes; two bars become one of the same meter.

    Of the two ways to pair the bars, the one on which more sections start is taken.
    """
    bars = _bars(analysis)
    if len(bars) < 2:
        return analysis
    starts = {section.start_s for section in analysis.sections} | {analysis.drop_s}
    whole = [i for i, bar in enumerate(bars) if bar[0].position == 1]
    hits = Counter(i % 2 for i in whole if bars[i][0].time_s in starts)
    first = min((i for i in whole if i % 2 == (1 if hits[1] > hits[0] else 0)), default=0)
    beats = [beat for bar in bars[:first] for beat in bar]
    lead_in = list(reversed(beats[::-1][1::2]))
    meter = analysis.meter
    kept = [replace(beat, position=(i - len(lead_in)) % meter + 1) for i, beat in enumerate(lead_in)]
    for i in range(first, len(bars), 2):
        pair = [beat for bar in bars[i : i + 2] for beat in bar]
        kept += [replace(beat, position=n + 1) for n, beat in enumerate(pair[::2])]
    return rebuilt(analysis, kept)


def double_tempo(analysis: SongAnalysis) -> SongAnalysis:
    """A beat is added between each two; a bar becomes two of the same meter."""
    if len(analysis.beats) < 2:
        return analysis
    doubled: list[Beat] = []
    for bar in _bars(analysis):
        # A pick-up is counted back from its end, so that the next downbeat still follows a whole bar.
        lead = 2 * (bar[0].position - 1)
        meter = analysis.meter if bar[0].position > 1 else len(bar)
        for n, beat in enumerate(bar):
            doubled.append(replace(beat, position=(lead + 2 * n) % meter + 1))
            doubled.append(replace(beat, position=(lead + 2 * n + 1) % meter + 1))
    times_s = [beat.time_s for beat in analysis.beats]
    times_s.append(2 * times_s[-1] - times_s[-2])
    times_s = [time_s for a, b in pairwise(times_s) for time_s in (a, (a + b) / 2)]
    return rebuilt(analysis, [replace(b, time_s=t) for b, t in zip(doubled, times_s, strict=True)])


def with_downbeat_at(analysis: SongAnalysis, time_s: float) -> SongAnalysis:
    """A tap: a downbeat is there. The nearest beat becomes one.

    If the tap is between two beats, the grid sits on the off-beat, and all of it moves by half a beat.
    """
    times_s = [beat.time_s for beat in analysis.beats]
    if len(times_s) < 2:
        return analysis
    nearest = _nearest(times_s, time_s)
    left = max(0, min(nearest - 1 if time_s < times_s[nearest] else nearest, len(times_s) - 2))
    period_s = times_s[left + 1] - times_s[left]
    if 0.3 * period_s < abs(time_s - times_s[nearest]) < 0.7 * period_s:
        analysis = _moved_by_half_a_beat(analysis)
        times_s = [beat.time_s for beat in analysis.beats]
        nearest = _nearest(times_s, time_s)
    return with_downbeat_shift(analysis, analysis.beats[nearest].position - 1)


def _moved_by_half_a_beat(analysis: SongAnalysis) -> SongAnalysis:
    times_s = [beat.time_s for beat in analysis.beats]
    times_s.append(2 * times_s[-1] - times_s[-2])
    middles_s = [(a + b) / 2 for a, b in pairwise(times_s)]
    moved = [replace(b, time_s=t) for b, t in zip(analysis.beats, middles_s, strict=True)]
    return rebuilt(analysis, moved)


def bent(analysis: SongAnalysis, moves: Mapping[float, float]) -> SongAnalysis:
    """Downbeats moved by hand, from one time to another: the beats up to the bars before and after stretch along.

    Raises:
        ValueError: one would pass the bar before or after it.
    """
    knots = [(time_s, moves.get(time_s, time_s)) for time_s in analysis.downbeats_s]
    if any(later - earlier < SHORTEST_BAR_S for (_, earlier), (_, later) in pairwise(knots)):
        raise ValueError("a bar's marker lies on the bar before or after it, or beyond")

    def warped(time_s: float) -> float:
        after = bisect_left(knots, (time_s, float("-inf")))
        if after in (0, len(knots)):  # before the first bar, or in the last one: it goes along
            old_s, new_s = knots[min(after, len(knots) - 1)]
            return max(0.0, time_s + new_s - old_s)
        (old_a, new_a), (old_b, new_b) = knots[after - 1], knots[after]
        return new_a + (time_s - old_a) * (new_b - new_a) / (old_b - old_a)

    if not knots:
        return analysis
    sections = [replace(each, start_s=warped(each.start_s), end_s=warped(each.end_s)) for each in analysis.sections[1:]]
    first = [replace(each, end_s=warped(each.end_s)) for each in analysis.sections[:1]]
    drop_s = None if analysis.drop_s is None else warped(analysis.drop_s)
    moved = replace(analysis, sections=(*first, *sections), drop_s=drop_s)
    return rebuilt(moved, [replace(beat, time_s=warped(beat.time_s)) for beat in analysis.beats])


def with_change_at(
    analysis: SongAnalysis, time_s: float, *, meter: int | None = None, tempo_bpm: float | None = None
) -> SongAnalysis:
    """Another meter, another tempo or both from the bar nearest to a time to the song's end; what is None stays."""
    if not analysis.downbeats_s:
        return analysis
    start_s = analysis.downbeats_s[_nearest(list(analysis.downbeats_s), time_s)]
    before = [beat for beat in analysis.beats if beat.time_s < start_s]
    after = [beat for beat in analysis.beats if beat.time_s >= start_s]
    if tempo_bpm is not None:
        count = int((analysis.duration_s - start_s) * tempo_bpm / 60) + 1
        length = meter or meter_of(after, analysis.meter)
        times_s = [start_s + i * 60 / tempo_bpm for i in range(count)]
        after = [replace(after[0], time_s=at_s, position=i % length + 1) for i, at_s in enumerate(times_s)]
    elif meter is not None:
        after = [replace(beat, position=i % meter + 1) for i, beat in enumerate(after)]
    return rebuilt(analysis, before + after)


def tempo_of(beats: Sequence[Beat]) -> float:
    """The median tempo in beats per minute; 0.0 of fewer than two beats."""
    periods_s = [b.time_s - a.time_s for a, b in pairwise(beats)]
    return round(60 / median(periods_s), 3) if periods_s else 0.0


def meter_of(beats: Sequence[Beat], otherwise: int = 4) -> int:
    """The most frequent number of beats per whole bar, or the given one if there is no whole bar."""
    lengths = Counter(beat.bar for beat in beats if 0 < beat.bar < beats[-1].bar)
    return Counter(lengths.values()).most_common(1)[0][0] if lengths else otherwise


def with_figures(sections: Sequence[Section], beats: Sequence[Beat]) -> tuple[Section, ...]:
    """The sections with tempo and confidence of the beats in them."""
    found: list[Section] = []
    for section in sections:
        inside = [beat for beat in beats if section.start_s <= beat.time_s < section.end_s]
        downs = [beat.confidence for beat in inside if beat.position == 1]
        confidence = round(sum(downs) / len(downs), 4) if downs else 0.0
        found.append(replace(section, tempo_bpm=tempo_of(inside), confidence=confidence))
    return tuple(found)


def as_reading(analysis: SongAnalysis, share: float) -> SongReading:
    """The way in which the analysis counts now, to be kept beside others."""
    return SongReading(
        share=round(share, 4),
        tempo_bpm=analysis.tempo_bpm,
        meter=analysis.meter,
        times_s=tuple(beat.time_s for beat in analysis.beats),
        positions=tuple(beat.position for beat in analysis.beats),
        confidences=tuple(beat.confidence for beat in analysis.beats),
        sections=analysis.sections,
        drop_s=analysis.drop_s,
    )


def with_reading(analysis: SongAnalysis, number: int) -> SongAnalysis:
    """The song counted in one of its readings; 1 is as it was heard.

    Raises:
        IndexError: there is no such reading.
    """
    if not 1 <= number <= len(analysis.readings):
        raise IndexError(f"no reading {number}")
    reading = analysis.readings[number - 1]
    beats: list[Beat] = []
    bar = 0
    for time_s, position, confidence in zip(reading.times_s, reading.positions, reading.confidences, strict=True):
        bar += position == 1
        beats.append(Beat(time_s, bar, position, confidence))
    return replace(
        analysis,
        beats=tuple(beats),
        tempo_bpm=reading.tempo_bpm,
        meter=reading.meter,
        sections=reading.sections,
        drop_s=reading.drop_s,
        confidence=reading.share,
    )


def reading_of(analysis: SongAnalysis) -> int:
    """The number of the reading in which the analysis counts now; 0 if it is counted by hand."""
    times_s = tuple(beat.time_s for beat in analysis.beats)
    positions = tuple(beat.position for beat in analysis.beats)
    known = ((reading.times_s, reading.positions) for reading in analysis.readings)
    return next((number for number, one in enumerate(known, start=1) if one == (times_s, positions)), 0)


def downbeats_in_common(one: SongAnalysis, other: SongAnalysis, within_s: float = 0.07) -> float:
    """The F-measure of one's downbeats against the other's, 0-1; 0 if either has none."""
    ours, theirs = list(one.downbeats_s), list(other.downbeats_s)
    if not ours or not theirs:
        return 0.0
    hits = sum(abs(theirs[_nearest(theirs, time_s)] - time_s) <= within_s for time_s in ours)
    return 2 * hits / (len(ours) + len(theirs))


def _bars(analysis: SongAnalysis) -> list[list[Beat]]:
    """The beats by bar, the pick-up first if there is one."""
    bars: list[list[Beat]] = []
    for beat in analysis.beats:
        if beat.position == 1 or not bars:
            bars.append([])
        bars[-1].append(beat)
    return bars


def rebuilt(analysis: SongAnalysis, beats: Sequence[Beat]) -> SongAnalysis:
    """The analysis on another grid: bars counted anew, sections and drop on the nearest downbeats."""
    counted: list[Beat] = []
    bar = 0
    for beat in beats:
        if not 0 <= beat.time_s < analysis.duration_s:
            continue
        bar += beat.position == 1
        counted.append(replace(beat, time_s=round(beat.time_s, 4), bar=bar))
    downbeats_s = [beat.time_s for beat in counted if beat.position == 1]
    return replace(
        analysis,
        beats=tuple(counted),
        tempo_bpm=tempo_of(counted),
        meter=meter_of(counted, analysis.meter),
        sections=with_figures(_snapped(analysis, downbeats_s), counted),
        drop_s=_snap(analysis.drop_s, downbeats_s),
    )


def _snapped(analysis: SongAnalysis, downbeats_s: list[float]) -> tuple[Section, ...]:
    """The sections on the nearest downbeats; one that is left without length goes."""
    if not downbeats_s:
        return tuple(replace(section, end_s=analysis.duration_s) for section in analysis.sections[:1])
    sections: list[Section] = []
    for section in analysis.sections:
        start_s = _snap(section.start_s, downbeats_s) if sections else section.start_s
        end_s = _snap(section.end_s, downbeats_s)
        if section is analysis.sections[-1]:
            end_s = section.end_s
        if start_s is not None and end_s is not None and start_s < end_s:
            energy = round(analysis.energy.mean(start_s, end_s), 4)
            sections.append(replace(section, start_s=start_s, end_s=end_s, energy=energy))
    return tuple(sections)


def _snap(time_s: float | None, downbeats_s: list[float]) -> float | None:
    if time_s is None or not downbeats_s:
        return None
    return downbeats_s[_nearest(downbeats_s, time_s)]


def _nearest(times_s: list[float], time_s: float) -> int:
    after = bisect_left(times_s, time_s)
    around = [i for i in (after - 1, after) if 0 <= i < len(times_s)]
    return min(around, key=lambda i: abs(times_s[i] - time_s))
