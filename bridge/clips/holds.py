# SPDX-License-Identifier: GPL-3.0-or-later
"""The rests of a shot for engines that make the moving part alone: the hold it opens with, the cover it ends on."""

from collections.abc import Iterator
from typing import cast

from blender_addon.core.strip_layout import cover_turn
from blender_addon.core.types import ClipRequest, ShotKind
from bridge import cover
from bridge.clips.base import Work
from bridge.common.frames import Frame

COVER_VERSION = "8"
"""changes whenever `cover.mounted` gives another picture: a clip that ends on the one before no longer ends right"""


def moving_frames(request: ClipRequest) -> int:
    """How many of the shot's frames move; at least two, so that a rate exists."""
    return max(2, request.frame_count - request.hold_frames)


def whole_cover(request: ClipRequest, work: Work, width_px: int, height_px: int) -> Frame:
    """The whole cover, on which the last shot ends."""
    picture = cover.load(work.file(request.cover_sha256))
    return cover.mounted(picture, width_px, height_px, request.ending).picture


def held(frames: Iterator[Frame], request: ClipRequest, work: Work) -> Iterator[Frame]:
    """The moving part with its rest.

    Args:
        frames: `frame_count - hold_frames` frames at the clip's size.

    Returns:
        `frame_count` frames. A shot opens on its first frame, frozen for `hold_frames`; the one that ends the video
        dissolves into the whole cover, over its last second of motion (`cover_turn`), and rests on it.
    """
    if request.kind is ShotKind.COVER_END:
        yield from _into_cover(frames, request, work)
        return
    first = next(frames)
    for _ in range(request.hold_frames):
        yield first
    yield first
    yield from frames


def _into_cover(frames: Iterator[Frame], request: ClipRequest, work: Work) -> Iterator[Frame]:
    import cv2

    end = whole_cover(request, work, request.width_px, request.height_px)
    turn = cover_turn(request.frame_count, request.hold_frames, request.fps)
    for i, frame in enumerate(frames):
        share = _eased((i - turn.start + 1) / (len(turn) + 1))
        yield cast(Frame, cv2.addWeighted(frame, 1.0 - share, end, share, 0.0)) if share else frame
    for _ in range(request.hold_frames):
        yield end


def _eased(share: float) -> float:
    """0 before 0, 1 after 1, smooth in between."""
    x = min(1.0, max(0.0, share))
    return x * x * (3.0 - 2.0 * x)
