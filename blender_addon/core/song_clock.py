# SPDX-License-Identifier: GPL-3.0-or-later
"""The song's strip is the clock of an edited timeline: which moment of the song a scene frame plays.

Wherever the song lies and however it is trimmed; where it is used twice, the strip under each shot counts. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from .strip_layout import SCENE_START
from .types import Excerpt


@dataclass(frozen=True, slots=True)
class SongStrip:
    """One of the timeline's song strips."""

    left: int
    right: int
    """one past the last scene frame"""
    origin: int | None
    """the scene frame on which the excerpt starts by this strip, seen or not; None if it plays another song"""

    def distance(self, scene_frame: int) -> int:
        """How many frames it lies away from a scene frame."""
        return max(0, self.left - scene_frame, scene_frame - self.right + 1)


@dataclass(frozen=True, slots=True)
class Clock:
    """What is heard when."""

    excerpt: Excerpt
    """that was planned"""
    fps: Fraction
    songs: tuple[SongStrip, ...]
    start: int
    """the scene frame that counts as the edit's first"""

    @classmethod
    def of(cls, excerpt: Excerpt, fps: Fraction, songs: Sequence[SongStrip], first_shot: int) -> "Clock":
        """The clock of a timeline whose first shot starts on a scene frame.

        The edit counts from where the excerpt starts, if the shots were moved there with the song; else from the
        scene's first frame.
        """
        under = _under(songs, first_shot)
        origin = under.origin if under and under.origin is not None else SCENE_START
        moved_along = first_shot >= origin and abs(first_shot - origin) < abs(first_shot - SCENE_START)
        return cls(excerpt, fps, tuple(songs), origin if moved_along else SCENE_START)

    def heard_at(self, scene_frame: int) -> Excerpt | None:
        """The excerpt by the song under a scene frame: it starts with what would be heard on the edit's first frame.

        None where another song is heard.
        """
        strip = _under(self.songs, scene_frame)
        if strip is None:
            return self.excerpt
        if strip.origin is None:
            return None
        late = self.start - strip.origin
        return replace(self.excerpt, start_s=self.excerpt.start_s + float(late / self.fps)) if late else self.excerpt


def _under(songs: Sequence[SongStrip], scene_frame: int) -> SongStrip | None:
    """The song that is heard on a frame, or the nearest; the planned one before others."""
    return min(songs, key=lambda strip: (strip.distance(scene_frame), strip.origin is None), default=None)
