# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check finds. Frozen dataclasses that go to JSON by `blender_addon.core.codec.encode`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Verdict(StrEnum):
    """How a measure stands against its limit."""

    PASS = "pass"
    FAIL = "fail"
    INFO = "info"
    """told for its own sake: there is no limit, or nothing to hold it against"""


class Group(StrEnum):
    """What a measure is about."""

    FILE = "file"
    SOUND = "sound"
    CUTS = "cuts"
    COVER = "cover"
    MOTION = "motion"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that was measured on the file."""

    group: Group
    name: str
    value: float | None
    """the number, where there is one"""
    text: str
    """the value for people, with its unit"""
    unit: str
    limit: str
    """for people, as in "at most 5 ms"; empty if there is none"""
    verdict: Verdict
    advice: str = ""
    """what to do about it; empty unless it failed"""


@dataclass(frozen=True, slots=True)
class VisibleCut:
    """A hard cut seen in the pictures."""

    frame: int
    """the first frame of the new shot"""
    time_s: float
    """in the video"""
    downbeat_s: float | None
    """the nearest downbeat, in the video's time; None if the song's place is unknown"""
    bar: int | None
    """that downbeat's bar in the song"""
    distance_frames: float | None
    """how much later than the downbeat the cut is"""


@dataclass(frozen=True, slots=True)
class ShotMotion:
    """How much moves between two cuts, and how loud the song is there."""

    start_frame: int
    end_frame: int
    """one past the last"""
    start_s: float
    end_s: float
    flow_px: float
    """mean optical flow in pixels per second at a width of 1000 px, holds included; 0 if it wasn't measured"""
    energy: float | None
    """0-1, the mean of the song's energy curve; None if the song's place is unknown"""


@dataclass(frozen=True, slots=True)
class GridBeat:
    """A beat of the song, in the video's time."""

    time_s: float
    bar: int
    position: int


@dataclass(frozen=True, slots=True)
class GridSection:
    """A section of the song, in the video's time, cut to the video's length."""

    start_s: float
    end_s: float
    name: str
    energy: float


@dataclass(frozen=True, slots=True)
class Series:
    """A value over the video's time; `values[i]` is at `i * step_s`."""

    step_s: float
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything that a check found. `ok` unless a measure failed."""

    DERIVED: ClassVar[tuple[str, ...]] = ("ok",)

    video: str
    song: str
    cover: str
    width_px: int
    height_px: int
    fps: float
    frame_count: int
    duration_s: float
    song_start_s: float | None
    """where in the song the video's first frame lies; None if the sound isn't the song"""
    measures: tuple[Measure, ...]
    cuts: tuple[VisibleCut, ...]
    shots: tuple[ShotMotion, ...]
    beats: tuple[GridBeat, ...]
    sections: tuple[GridSection, ...]
    energy: Series
    motion: Series
    """optical flow in pixels per second at a width of 1000 px"""

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[Measure, ...]:
        return tuple(measure for measure in self.measures if measure.verdict is Verdict.FAIL)
