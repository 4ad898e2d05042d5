# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces on the cover, with the places of their features, by CenterFace (Xu, Yan, Sun and Yang, 2019)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from bridge.common.frames import Frame
from bridge.cover.box import Box

Point = tuple[float, float]
"""x, y in pixels"""

_SIDES_PX = (640, 416, 240, 160)
"""faces are looked for at these longer sides: the smaller ones find those that fill the picture, and drawn ones"""
_SURE, _LEAST_HEIGHT = 0.45, 0.035
"""how sure the detector has to be; the height of a face, in the picture's longer side"""
_FOREHEAD = 0.12
"""the part of the detector's box above the brow"""
_SAME_FACE = 0.3
"""boxes that share more than this part are one face"""
_LARGEST = 8.0
"""of the natural logarithm of a side that the detector gives: on pure grain it gives any number"""
_TALL = (0.8, 2.2)
"""a face's height, in its width: what grain and leaves are taken for is often of other shapes"""
_OUTPUTS = ("537", "538", "539", "540")
"""how sure it is, heights and widths, offsets, and the places of the features: the model names them so"""


@dataclass(frozen=True, slots=True)
class Face:
    """A face of someone before a camera, painted or drawn."""

    box: Box
    """from the brow to the chin"""
    eyes: tuple[Point, Point]
    """the left one of the picture first"""
    nose: Point
    """its tip"""
    mouth: Point
    """its middle"""


def find_faces(cover: Frame) -> list[Face]:
    """The largest first; tiny and uncertain ones are left out."""
    height, width = cover.shape[:2]
    for side_px in _SIDES_PX:
        scale = side_px / max(height, width)
        size = (max(32, round(width * scale / 32) * 32), max(32, round(height * scale / 32) * 32))
        faces = [_scaled(found, width / size[0], height / size[1], width, height) for found in _detected(cover, size)]
        faces = [face for face in faces if face.box.height_px > _LEAST_HEIGHT * max(height, width)]
        if faces:
            return sorted(faces, key=lambda face: -face.box.width_px * face.box.height_px)
    return []


@dataclass(frozen=True, slots=True)
class _Found:
    """A face in the detector's picture, in its pixels."""

    box: tuple[float, float, float, float]
    """left, top, width, height"""
    marks: tuple[Point, ...]
    """eyes, nose, corners of the mouth"""


def _detected(cover: Frame, size: tuple[int, int]) -> list[_Found]:
    """Faces in a copy of this size, a multiple of 32 a side."""
    blob = cv2.dnn.blobFromImage(np.ascontiguousarray(cover), 1.0, size, (0, 0, 0), swapRB=False, crop=False)
    network = _detector(size)
    network.setInput(blob)
    sure, scales, offsets, places = network.forward(_OUTPUTS)
    rows, columns = np.nonzero(sure[0, 0] > _SURE)
    tall, wide = (4 * np.exp(np.minimum(scales[0, i, rows, columns], _LARGEST)) for i in (0, 1))
    middle_y, middle_x = (4 * (at + offsets[0, i, rows, columns] + 0.5) for i, at in ((0, rows), (1, columns)))
    boxes = np.stack([middle_x - wide / 2, middle_y - tall / 2, wide, tall], axis=1)
    across = boxes[:, :1] + wide[:, None] * places[0, 1::2, rows, columns]
    down = boxes[:, 1:2] + tall[:, None] * places[0, 0::2, rows, columns]
    scores = sure[0, 0, rows, columns].tolist()
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores, _SURE, _SAME_FACE) if len(boxes) else []
    return [
        _Found(tuple(boxes[i].tolist()), tuple(zip(across[i].tolist(), down[i].tolist(), strict=True)))
        for i in map(int, kept)
        if _is_plausible(tuple(boxes[i].tolist()), across[i].tolist(), down[i].tolist())
    ]


def _is_plausible(box: tuple[float, float, float, float], across: Sequence[float], down: Sequence[float]) -> bool:
    """Whether a box has a face's shape, with its features inside and in their order: eyes, nose, mouth."""
    left, top, wide, tall = box
    inside = all(left <= x <= left + wide for x in across) and all(top <= y <= top + tall for y in down)
    one_eye, other_eye, nose, corner, other_corner = down
    ordered = (one_eye + other_eye) / 2 < nose < (corner + other_corner) / 2
    return inside and ordered and _TALL[0] <= tall / max(wide, 1e-6) <= _TALL[1]


def _scaled(found: _Found, scale_x: float, scale_y: float, width: int, height: int) -> Face:
    """A face of the copy where it lies in the picture; its box as far as it is inside."""
    x, y, wide, tall = found.box
    left, top = max(0, round(x * scale_x)), max(0, round((y + _FOREHEAD * tall) * scale_y))
    right, bottom = min(width, round((x + wide) * scale_x)), min(height, round((y + tall) * scale_y))
    box = Box(left, top, max(1, right - left), max(1, bottom - top))
    one, other, nose, corner, other_corner = ((at_x * scale_x, at_y * scale_y) for at_x, at_y in found.marks)
    mouth = ((corner[0] + other_corner[0]) / 2, (corner[1] + other_corner[1]) / 2)
    return Face(box, (min(one, other), max(one, other)), nose, mouth)


@lru_cache(maxsize=8)
def _detector(size: tuple[int, int]) -> cv2.dnn.Net:  # noqa: ARG001 -- OpenCV's network is wrong at a second size
    """One for each size. bridge/cover/centerface.md says where the model is from."""
    return cv2.dnn.readNetFromONNX(str(Path(__file__).with_name("centerface.onnx")))
