# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cover has its title and other lines of letters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

from bridge.common.frames import Frame
from bridge.cover.box import Box
from bridge.cover.oklab import Floats, from_srgb

_WORK_SIDE_PX = 720
_STEP = 4
"""levels over which a letter's outline has to hold still"""
_HEIGHTS = (0.014, 0.45)
"""of letters, in the longer side"""
_ASPECTS = (0.04, 2.2)
"""width by height"""
_FILLED = (0.12, 0.95)
"""of its box"""
_STROKES_ALIKE = 0.45
"""deviation of a letter's stroke width over its mean"""
_STROKE = (0.03, 0.5)
"""width of a stroke, in heights"""
_SIZES, _LEVEL, _GAP, _COLOR = 1.9, 0.35, 1.1, 0.1
"""how unlike two neighbours in a line may be: ratio of heights; distance of their middles and between them, in heights;
distance of their colours in Oklab"""
_WORD_GAP = 2.5
"""between two pieces of a line, in heights"""
_SURE, _UNSURE = 0.2, 0.5
"""unevenness of a letter's colour, in its distance from the colour around it: letters are printed in one, but some
touch what lies behind them"""
_EDGE_ROOM, _SOFT_EDGE, _INPAINT_PX = 0.15, 0.006, 5
"""around a line, where a letter may have been missed, in its height; the soft edge of letters, in the picture's height;
how far around a place what fills it is taken from"""
_FEWEST, _LONG, _STROKE_ALONE = 3, 1.2, 0.2
"""letters of a line; how much longer than high it is; the width of one stroke, in its height"""


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Letter:
    """A region that could be one."""

    box: Box
    color: Floats
    """Oklab"""
    stroke: float
    """its width, in pixels"""
    is_sure: bool


@dataclass(frozen=True)
class Lettering:
    """What is written on a cover."""

    lines: tuple[Box, ...]
    """of letters, the largest first"""
    bare: Frame
    """the cover as if nothing had been written on it: what lies behind letters is filled in from around them"""


def lettering(cover: Frame) -> Lettering:
    """Finds a cover's letters.

    They are regions whose outline stands still over many thresholds (MSER: Matas et al., BMVC 2002), drawn with
    strokes of one width (Epshtein et al., CVPR 2010), that stand in a row, alike in height and colour.
    """
    small, lines = _read(cover)
    scale = max(cover.shape[:2]) / max(small.shape[:2])
    found = [_enlarged(_around(line), scale) for line in lines]
    found.sort(key=lambda box: -box.width_px * box.height_px)
    return Lettering(tuple(found), _without(lines, small, cover) if lines else cover)


def _without(lines: list[list[_Letter]], small: Frame, cover: Frame) -> Frame:
    """The cover with what lies behind the letters that were found in its small version."""
    lab, written = from_srgb(small), np.zeros(small.shape[:2], np.uint8)
    for line in lines:
        box = _around(line)
        room = round(_EDGE_ROOM * box.height_px) + 1
        place = (
            slice(max(0, box.top_px - room), box.bottom_px + room),
            slice(max(0, box.left_px - room), box.right_px + room),
        )
        away = np.linalg.norm(lab[place] - _color(line), axis=-1)
        written[place] |= (away < 0.5 * np.percentile(away, 75)).astype(np.uint8)
    reach = max(1, round(_SOFT_EDGE * len(small))) * 2 + 1
    written = cv2.dilate(written, np.ones((reach, reach), np.uint8))
    filled = cv2.inpaint(small, written, _INPAINT_PX, cv2.INPAINT_NS)
    size = (cover.shape[1], cover.shape[0])
    large = cv2.resize(filled, size, interpolation=cv2.INTER_CUBIC)
    share = cv2.resize(written.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.round(cover + share * (large.astype(np.float32) - cover)), np.uint8)


def _read(cover: Frame) -> tuple[Frame, list[list[_Letter]]]:
    """The version in which letters are looked for, and the lines in it."""
    scale = _WORK_SIDE_PX / max(cover.shape[:2])
    size = (max(8, round(cover.shape[1] * scale)), max(8, round(cover.shape[0] * scale)))
    small = cast(Frame, cv2.resize(cover, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
    letters = list(_letters(small))
    sure, unsure = ([letter for letter in letters if letter.is_sure is such] for such in (True, False))
    lines = [_grown(line, unsure) for line in _sets(sure, _neighbours) if len(line) >= _FEWEST]
    lines = [line for line in lines if _is_written(line)]
    return small, [[letter for part in parts for letter in part] for parts in _sets(lines, _in_a_row)]


def _sets(items: list[T], belong: Callable[[T, T], bool]) -> list[list[T]]:
    """Those that belong together, directly or by others between them."""
    sets: DisjointSet = DisjointSet(range(len(items)))
    for i, one in enumerate(items):
        for j in range(i):
            if belong(one, items[j]):
                sets.merge(i, j)
    return [[items[i] for i in members] for members in sets.subsets()]


def _letters(small: Frame) -> Iterator[_Letter]:
    lab = from_srgb(small)
    grey = np.clip(np.round(lab[..., 0] * 255), 0, 255).astype(np.uint8)
    longer = max(grey.shape)
    low, high = (share * longer for share in _HEIGHTS)
    finder = cv2.MSER.create(delta=_STEP, min_area=12, max_area=int(0.3 * high * high) + 100, max_variation=0.4)
    regions, boxes = finder.detectRegions(grey)
    kept: list[_Letter] = []
    for outline, (x, y, width, height) in zip(regions, boxes, strict=True):
        points = np.asarray(outline)
        if not low <= height <= high or not _ASPECTS[0] <= width / height <= _ASPECTS[1]:
            continue
        if not _FILLED[0] <= len(points) / (width * height) <= _FILLED[1]:
            continue
        mask = np.zeros((height + 2, width + 2), np.uint8)
        mask[points[:, 1] - y + 1, points[:, 0] - x + 1] = 1
        far = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
        ridge = far[(far >= cv2.dilate(far, np.ones((3, 3), np.uint8))) & (far > 0)]
        stroke = 2 * float(ridge.mean())
        if ridge.std() > _STROKES_ALIKE * ridge.mean() or not _STROKE[0] <= stroke / height <= _STROKE[1]:
            continue
        shown = lab[points[:, 1], points[:, 0]]
        color = np.median(shown, axis=0)
        uneven = float(np.linalg.norm(shown - color, axis=-1).mean())
        contrast = _contrast(lab, mask, x, y, color)
        if uneven <= _UNSURE * contrast:
            box = Box(int(x), int(y), int(width), int(height))
            kept.append(_Letter(box, color, stroke, uneven <= _SURE * contrast))
    yield from _once(kept)


def _contrast(lab: Floats, mask: npt.NDArray[np.uint8], x: int, y: int, color: Floats) -> float:
    """How far a region's colour is from that around it, in Oklab.

    Args:
        mask: 1 on the region, which has an empty margin of one pixel and starts at x, y.
    """
    ring = cv2.dilate(mask, np.ones((3, 3), np.uint8)) - mask
    rows, columns = np.nonzero(ring)
    rows, columns = np.clip(rows + y - 1, 0, lab.shape[0] - 1), np.clip(columns + x - 1, 0, lab.shape[1] - 1)
    return float(np.linalg.norm(np.median(lab[rows, columns], axis=0) - color))


def _once(letters: list[_Letter]) -> Iterator[_Letter]:
    """Of regions that nearly are the same one."""
    taken: list[_Letter] = []
    for letter in sorted(letters, key=lambda letter: (not letter.is_sure, -letter.box.width_px * letter.box.height_px)):
        if not any(_overlap(letter.box, other.box) > 0.6 for other in taken):
            taken.append(letter)
            yield letter


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right_px, other.right_px) - max(one.left_px, other.left_px)
    height = min(one.bottom_px, other.bottom_px) - max(one.top_px, other.top_px)
    shared = max(0, width) * max(0, height)
    return shared / (one.width_px * one.height_px + other.width_px * other.height_px - shared)


def _neighbours(one: _Letter, other: _Letter) -> bool:
    a, b = one.box, other.box
    tall, short, apart = _side_by_side(a, b)
    return (
        tall <= _SIZES * short
        and min(abs(a.center_px[1] - b.center_px[1]), abs(a.bottom_px - b.bottom_px)) <= _LEVEL * tall
        and -0.3 * tall <= apart <= _GAP * tall
        and max(one.stroke, other.stroke) <= 2.2 * min(one.stroke, other.stroke)
        and float(np.linalg.norm(one.color - other.color)) <= _COLOR
    )


def _in_a_row(one: list[_Letter], other: list[_Letter]) -> bool:
    """Whether two pieces are one line, with a wide gap or a dash between them."""
    a, b = _around(one), _around(other)
    tall, short, apart = _side_by_side(a, b)
    return (
        tall <= 1.5 * short
        and abs(a.center_px[1] - b.center_px[1]) <= _LEVEL * tall
        and apart <= _WORD_GAP * tall
        and float(np.linalg.norm(_color(one) - _color(other))) <= _COLOR
    )


def _side_by_side(a: Box, b: Box) -> tuple[int, int, int]:
    """The larger height, the smaller one, and how far they are apart (less than 0 where one is over the other)."""
    apart = max(a.left_px, b.left_px) - min(a.right_px, b.right_px)
    return max(a.height_px, b.height_px), min(a.height_px, b.height_px), apart


def _is_written(line: list[_Letter]) -> bool:
    """Whether it is a line, and not all of strokes alone, as trunks and fences are."""
    around = _around(line)
    widths = [letter.box.width_px / letter.box.height_px for letter in line]
    return around.width_px > _LONG * around.height_px and float(np.median(widths)) > _STROKE_ALONE


def _grown(line: list[_Letter], unsure: list[_Letter]) -> list[_Letter]:
    """The line with the letters beside it that alone would not count as some."""
    grown, left = list(line), list(unsure)
    while near := [letter for letter in left if any(_neighbours(letter, other) for other in grown)]:
        grown += near
        left = [letter for letter in left if letter not in near]
    return grown


def _around(letters: list[_Letter]) -> Box:
    boxes = [letter.box for letter in letters]
    left, top = min(box.left_px for box in boxes), min(box.top_px for box in boxes)
    right, bottom = max(box.right_px for box in boxes), max(box.bottom_px for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _color(line: list[_Letter]) -> Floats:
    return np.median([letter.color for letter in line], axis=0)


def _enlarged(box: Box, scale: float) -> Box:
    return Box(*(round(value * scale) for value in (box.left_px, box.top_px, box.width_px, box.height_px)))
