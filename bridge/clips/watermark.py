# SPDX-License-Identifier: GPL-3.0-or-later
"""A mark in a corner that stays while the picture moves: found over a clip's frames, then cropped or painted out.

What belongs to the scene moves with it, or is alike all over; a mark's edges stay on the same pixels, with the same
contrast, in every frame. (The idea: Dekel et al., "On the effectiveness of visible watermarks", CVPR 2017.)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from bridge.clips.base import Work
from bridge.common.frames import Frame

Mask = npt.NDArray[np.bool_]

CORNER_SHARE = 0.28
"""of the width and of the height: where marks sit"""
FRAMES_SEEN = 12
LEAST_FRAMES = 6
EDGE_GREY = 6.0
"""the weakest lasting edge that counts, in grey levels a pixel"""
STEADY = 3.0
"""an edge lasts if its mean over the frames is so many times its own deviation"""
LEAST_SHARE = 0.004
"""of a corner's pixels that lasting edges must be"""
ABOVE_SCENE = 8.0
"""and so many times what is lasting in the rest of the picture, where no mark is: else the scene is just slow"""
SCENE_LIMIT = 0.004
"""if more than this lasts in the rest of the picture, nothing can be told"""


@dataclass(frozen=True)
class Mark:
    """Where a mark is."""

    corner: str
    """as in "bottom right" """
    left_px: int
    top_px: int
    width_px: int
    height_px: int
    mask: Mask
    """shape of the frame; true on the mark's own pixels and a little around"""

    def __str__(self) -> str:
        return f"a mark in the {self.corner} corner, {self.width_px} x {self.height_px} px"


def find(frames: Sequence[Frame]) -> list[Mark]:
    """The marks of a clip, at most one a corner; none if the picture hardly moves, since nothing can be told then."""
    if len(frames) < LEAST_FRAMES:
        return []
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, min(FRAMES_SEEN, len(frames))).round().astype(int)]
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in chosen]).astype(np.float32)
    height, width = grey.shape[1:]
    wide, high = round(width * CORNER_SHARE), round(height * CORNER_SHARE)
    corners = {
        "top left": (slice(0, high), slice(0, wide)),
        "top right": (slice(0, high), slice(width - wide, width)),
        "bottom left": (slice(height - high, height), slice(0, wide)),
        "bottom right": (slice(height - high, height), slice(width - wide, width)),
    }
    lasting = _lasting_edges(grey)
    scene = np.ones_like(lasting)
    for place in corners.values():
        scene[place] = False
    usual = float(lasting[scene].mean())
    if usual > SCENE_LIMIT:
        return []
    least = max(LEAST_SHARE, ABOVE_SCENE * usual)
    found = (_in_corner(lasting, name, place, least) for name, place in corners.items())
    return [mark for mark in found if mark]


def _in_corner(lasting: Mask, name: str, place: tuple[slice, slice], least: float) -> Mark | None:
    """The mark of one corner, if at least this share of it is lasting edges."""
    part = lasting[place]
    joined = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, labels = cv2.connectedComponents(joined)
    edges = np.bincount(labels[part], minlength=count)
    solid = [i for i in range(1, count) if edges[i] >= 12]
    if sum(edges[i] for i in solid) < least * part.size:
        return None
    mask = np.zeros(lasting.shape, bool)
    mask[place] = cv2.dilate(np.isin(labels, solid).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    return Mark(name, left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top, mask)


def _lasting_edges(grey: npt.NDArray[np.float32]) -> Mask:
    """Where the gradient is strong and the same in every frame."""
    steady = np.zeros(grey.shape[1:], bool)
    for axis in ((1, 0), (0, 1)):
        edges = np.stack([cv2.Sobel(one, cv2.CV_32F, *axis, ksize=3) / 4 for one in grey])
        mean, deviation = np.abs(edges.mean(axis=0)), edges.std(axis=0)
        steady |= (mean > EDGE_GREY) & (mean > STEADY * deviation)
    return steady


def remover(work: Work, how: str) -> Callable[[Sequence[Frame]], Iterator[Frame]]:
    """What gives a clip's frames without its marks, as the option `watermark` says: inpaint, crop, or keep.

    It looks for them when the first frame is asked for: the device is free for others then. What it found is reported.
    """

    def removed(frames: Sequence[Frame]) -> Iterator[Frame]:
        marks = find(frames) if how != "keep" else []
        if not marks:
            yield from frames
            return
        done = "painted out" if how == "inpaint" else "cropped away"
        work.report(0.9, f"{done} {' and '.join(map(str, marks))}")
        yield from painted_out(iter(frames), marks) if how == "inpaint" else cropped(iter(frames), marks)

    return removed


def painted_out(frames: Iterator[Frame], marks: Sequence[Mark]) -> Iterator[Frame]:
    """The frames with the marks filled from around (Telea 2004)."""
    mask = np.any([mark.mask for mark in marks], axis=0).astype(np.uint8) if marks else None
    for frame in frames:
        yield frame if mask is None else cast(Frame, cv2.inpaint(frame, mask, 3, cv2.INPAINT_TELEA))


def cropped(frames: Iterator[Frame], marks: Sequence[Mark]) -> Iterator[Frame]:
    """The largest part of the frames, of their own shape, without the marks; the marks are in corners."""
    for frame in frames:
        height, width = frame.shape[:2]
        share, left, top = _clear_part(width, height, marks)
        right, bottom = left + round(width * share), top + round(height * share)
        yield np.ascontiguousarray(frame[top:bottom, left:right])


def _clear_part(width: int, height: int, marks: Sequence[Mark]) -> tuple[float, int, int]:
    """How large the part is, 1 for all, and its top left corner."""
    for percent in range(100, 40, -1):
        share = percent / 100
        room_x, room_y = width - round(width * share), height - round(height * share)
        for left in (0, room_x, room_x // 2):
            for top in (0, room_y, room_y // 2):
                inside = (slice(top, top + round(height * share)), slice(left, left + round(width * share)))
                if not any(mark.mask[inside].any() for mark in marks):
                    return share, left, top
    return 1.0, 0, 0
