# SPDX-License-Identifier: GPL-3.0-or-later
"""A timeline as any editor knows it: tracks of media, markers. What goes to other editors and comes from them.

Frames are the timeline's own and count from 0 at its start. Standard library only: the tab, Blender's scripts and the
bridge all speak it.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from .types import SectionRole

COLORS = {
    "drop": "RED",
    SectionRole.CHORUS: "ORANGE",
    SectionRole.VERSE: "CYAN",
    SectionRole.BREAK: "PURPLE",
    SectionRole.INTRO: "YELLOW",
    SectionRole.OUTRO: "YELLOW",
}
"""of a marker that says so in its name; bars are green"""


class ItemKind(StrEnum):
    """What lies on a track."""

    MOVIE = "movie"
    IMAGE = "image"
    SOUND = "sound"
    TITLE = "title"
    EMPTY = "empty"
    """something without a file of its own: a colour, a placeholder, what an editor made by itself"""


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of media on a track."""

    name: str
    kind: ItemKind
    start_frame: int
    frame_count: int
    path: str = ""
    """of its file, absolute; empty where it has none"""
    source_start: float = 0.0
    """which frame of the media shows first, at the timeline's rate"""
    source_frames: int = 0
    """how many the media has, at the timeline's rate, handles included; 0: not known"""
    text: str = ""
    """of a title"""
    fade_before: int = 0
    """frames by which a transition from the item before begins before this one's start; both are shown there"""
    fade_after: int = 0
    """and by which it goes on after it"""
    takes: tuple[str, ...] = ()
    """other files that could stand here"""
    properties: tuple[tuple[str, str], ...] = ()
    """a shot's own, as text: prompt, seed, act and so on"""

    @property
    def end_frame(self) -> int:
        """One past the last frame."""
        return self.start_frame + self.frame_count


@dataclass(frozen=True, slots=True)
class Track:
    """Items in order of time, none over another."""

    name: str
    is_sound: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class TimelineMarker:
    """A named frame of the timeline."""

    name: str
    frame: int
    color: str = "GREEN"
    """as OpenTimelineIO names it"""


@dataclass(frozen=True, slots=True)
class CutList:
    """A whole timeline."""

    name: str
    fps: Fraction
    width_px: int
    height_px: int
    frame_count: int
    tracks: tuple[Track, ...]
    """lowest first"""
    markers: tuple[TimelineMarker, ...] = ()
    notes: tuple[str, ...] = ()
    """what of the timeline is not in here, for people"""


def marker_color(name: str) -> str:
    """A marker's colour by what its name says: a section, the drop, or a bar."""
    words = name.split()
    return next((color for word, color in COLORS.items() if str(word) in words), "GREEN")
