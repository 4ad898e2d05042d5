# SPDX-License-Identifier: GPL-3.0-or-later
"""A song's bars as markers alone, in the forms that editors and audio programs read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from blender_addon.core.cut_list import marker_color
from blender_addon.core.timing import frame_at
from blender_addon.core.types import SongAnalysis
from bridge.common import files

TICKS = 480
"""of a MIDI file, in a beat"""
_START_HOUR = 1
"""timelines of Resolve begin at 01:00:00:00"""


@dataclass(frozen=True)
class Mark:
    """One marker."""

    time_s: float
    name: str


def marks(analysis: SongAnalysis, *, beats: bool = False) -> tuple[Mark, ...]:
    """A marker on each downbeat ("12"), on sections and the drop ("12 chorus B drop"), and on each beat on request."""
    names: dict[float, list[str]] = {}
    for beat in analysis.beats:
        if beat.position == 1 or beats:
            label = str(beat.bar) if beat.position == 1 else f"{beat.bar}.{beat.position}"
            names.setdefault(beat.time_s, []).append(label)
    for section in analysis.sections:
        names.setdefault(section.start_s, []).append(f"{section.role} {section.label}")
    if analysis.drop_s is not None:
        names.setdefault(analysis.drop_s, []).append("drop")
    return tuple(Mark(time_s, " ".join(words)) for time_s, words in sorted(names.items()) if time_s >= 0)


def write(analysis: SongAnalysis, path: Path, form: str, fps: Fraction, *, beats: bool = False) -> None:
    """Writes the markers in one of `FORMS`.

    Raises:
        BadInput: the file can't be written.
    """
    if form == "midi":
        with files.written_beside(path) as beside:
            beside.write_bytes(tempo_map(analysis, beats=beats))
    else:
        files.write_text(path, FORMS[form](marks(analysis, beats=beats), fps))


def _audacity(found: tuple[Mark, ...], _fps: Fraction) -> str:
    return "".join(f"{mark.time_s:.6f}\t{mark.time_s:.6f}\t{mark.name}\n" for mark in found)


def _reaper(found: tuple[Mark, ...], _fps: Fraction) -> str:
    rows = (f"M{number},{mark.name},{_minutes(mark.time_s)},," for number, mark in enumerate(found, start=1))
    return "\n".join(("#,Name,Start,End,Length", *rows, ""))


def _premiere(found: tuple[Mark, ...], fps: Fraction) -> str:
    rows = (f"{mark.name}\t\t{_timecode(mark, fps)}\t{_timecode(mark, fps)}\t00:00:00:00\tComment" for mark in found)
    return "\n".join(("Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type", *rows, ""))


def _resolve(found: tuple[Mark, ...], fps: Fraction) -> str:
    lines = ["TITLE: Beatboard", "FCM: NON-DROP FRAME", ""]
    for number, mark in enumerate(found, start=1):
        start, end = (_timecode(mark, fps, hour=_START_HOUR, later=later) for later in (0, 1))
        lines.append(f"{number:03d}  001      V     C        {start} {end} {start} {end}")
        color = marker_color(mark.name).capitalize()
        lines += [f" |C:ResolveColor{color} |M:{mark.name} |D:1", ""]
    return "\n".join(lines)


def _minutes(time_s: float) -> str:
    thousandths = round(time_s * 1000)
    return f"{thousandths // 60_000}:{thousandths // 1000 % 60:02d}.{thousandths % 1000:03d}"


def _timecode(mark: Mark, fps: Fraction, hour: int = 0, later: int = 0) -> str:
    """Without dropped numbers: at 29.97 it counts 30 frames as a second, as such timelines do."""
    base, frame = round(fps), frame_at(mark.time_s, fps) + later
    seconds = frame // base + 3600 * hour
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame % base:02d}"


def tempo_map(analysis: SongAnalysis, *, beats: bool = False) -> bytes:
    """A Standard MIDI File (type 0) whose beats fall on the song's, with its meters and markers.

    What lies before the first beat is divided into even beats of about the song's tempo.
    """
    times = [beat.time_s for beat in analysis.beats if beat.time_s >= 0]
    period_s = 60 / analysis.tempo_bpm if analysis.tempo_bpm > 0 else 0.5
    lead = max(1, round(times[0] / period_s)) if times and times[0] > 1e-3 else 0
    grid = [times[0] * step / lead for step in range(lead)] + times if times else [0.0]
    grid.append(grid[-1] + period_s)
    events: list[tuple[int, int, bytes]] = []
    told_us = 0
    for index, after_s in enumerate(grid[1:]):
        tempo_us = min(0xFFFFFF, max(1, round(after_s * 1e6) - told_us))  # whole numbers that don't drift
        told_us += tempo_us
        events.append((index * TICKS, 0, b"\xff\x51\x03" + tempo_us.to_bytes(3, "big")))
    downbeats = [index + lead for index, beat in enumerate(_from_zero(analysis)) if beat == 1]
    meters = [after - before for before, after in pairwise(downbeats)]
    last = 0
    for index, meter in zip(downbeats, meters, strict=False):
        if meter != last:
            events.append((index * TICKS, 1, bytes((0xFF, 0x58, 4, min(255, meter), 2, 24, 8))))
            last = meter
    for mark in marks(analysis, beats=beats):
        text = mark.name.encode()
        events.append((_tick(mark.time_s, grid), 2, b"\xff\x06" + _length(len(text)) + text))
    return _midi_file(events)


def _from_zero(analysis: SongAnalysis) -> list[int]:
    return [beat.position for beat in analysis.beats if beat.time_s >= 0]


def _tick(time_s: float, grid: list[float]) -> int:
    index = max(0, sum(at <= time_s + 1e-9 for at in grid) - 1)
    if index == len(grid) - 1:
        index -= 1
    return round((index + (time_s - grid[index]) / (grid[index + 1] - grid[index])) * TICKS)


def _midi_file(events: list[tuple[int, int, bytes]]) -> bytes:
    track, at = bytearray(), 0
    for tick, _, data in sorted(events):
        track += _length(tick - at) + data
        at = tick
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + (0).to_bytes(2, "big") + (1).to_bytes(2, "big") + TICKS.to_bytes(2, "big")
    return head + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def _length(value: int) -> bytes:
    """A MIDI variable-length quantity."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.insert(0, value & 0x7F | 0x80)
    return bytes(parts)


FORMS: Mapping[str, Callable[[tuple[Mark, ...], Fraction], str]] = {
    "audacity": _audacity,
    "reaper": _reaper,
    "premiere": _premiere,
    "resolve": _resolve,
}
"""those that are text"""
SUFFIXES = {
    ".txt": "audacity",
    ".csv": "reaper",
    ".tsv": "premiere",
    ".edl": "resolve",
    ".mid": "midi",
    ".wav": "click",
}
"""what a file's name asks for"""
