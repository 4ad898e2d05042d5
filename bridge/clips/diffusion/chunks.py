# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots longer than a model's clip: made in chunks, each of which starts from the last frame of the one before."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips import holds
from bridge.clips.base import Still, Work
from bridge.clips.options import MOST_CHUNKS, Values
from bridge.common.frames import Frame


@dataclass(frozen=True)
class PartWork:
    """The `Work` of one chunk: its progress is a part of the whole's."""

    whole: Work
    index: int
    count: int

    @property
    def folder(self) -> Path:
        return self.whole.folder

    @property
    def memory_level(self) -> int:
        return self.whole.memory_level

    @property
    def siblings(self) -> Sequence[ClipRequest]:
        return self.whole.siblings

    @property
    def painters(self) -> int:
        return self.whole.painters

    def device(self) -> AbstractContextManager[None]:
        """See `Work`."""
        return self.whole.device()

    def hand_over(self, rest_gib: float) -> None:
        """See `Work`; only the last chunk has nothing after it that needs the device."""
        if self.index == self.count - 1:
            self.whole.hand_over(rest_gib)

    def file(self, sha256: str) -> Path:
        """See `Work`."""
        return self.whole.file(sha256)

    def report(self, progress: float, stage: str, preview: Frame | None = None) -> None:
        """See `Work`."""
        if self.count > 1:
            stage = f"chunk {self.index + 1} of {self.count}: {stage}"
        self.whole.report((self.index + progress) / self.count, stage, preview)


def chunk_count(request: ClipRequest, given: Values, longest_s: Fraction) -> int:
    """How many chunks a shot is made of, if none may last longer than this; the option `chunks` overrides it."""
    needed = -(-Fraction(holds.moving_frames(request)) / request.fps // longest_s)
    return given.whole("chunks", automatic=min(MOST_CHUNKS, max(1, int(needed))))


def made_in_chunks(
    request: ClipRequest,
    still: Still,
    work: Work,
    count: int,
    make: Callable[[ClipRequest, Still, Work], Iterable[Frame]],
) -> list[Frame]:
    """The moving part's frames; where two chunks meet, the frame that they share is there once.

    Args:
        make: makes one chunk. Its request has the chunk's share of the frames and no hold; only the last one may end
            on the cover, or on the still's end.
    """
    share = max(2, round(holds.moving_frames(request) / count))
    frames: list[Frame] = []
    start = still.rgb
    for index in range(count):
        end = still.end if index == count - 1 else None
        kind = request.kind if index == count - 1 else ShotKind.MOTION
        part = replace(request, frame_count=share, hold_frames=0, kind=kind, seed=(request.seed + index) % 2**31)
        made = list(make(part, Still(start, end=end), PartWork(work, index, count)))
        frames += made if index == 0 else made[1:]
        start = made[-1]
    return frames
