# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole cover in a frame of any shape: as large as fits where that is certain, else as a card on a ground."""

from dataclasses import dataclass

import cv2
import numpy as np

from blender_addon.core.types import Ending
from bridge.common.frames import Frame
from bridge.cover.box import Box
from bridge.cover.extend import extended
from bridge.cover.oklab import Floats

CARD_SHARE = 0.86
"""of the frame's height or width, whichever it fills first"""
_SAME_SHAPE = 0.01
"""a cover whose sides are in this proportion to the frame's, or nearly, fills it"""
_GROUND_SIDE_PX, _SOFTNESS, _DARKNESS = 96, 0.07, 0.5
"""the ground is blurred at this longer side, by this share of it, and keeps this much of its light"""
_SHADOW, _SHADOW_REACH = 0.35, 0.02
"""how much light the card takes from the ground at its edge; how far, in the card's longer side"""


@dataclass(frozen=True)
class Mounted:
    """A cover in a frame."""

    picture: Frame
    cover: Box
    """where it lies; whole, sharp and undistorted"""


def mounted(cover: Frame, width_px: int, height_px: int, ending: Ending = Ending.AUTO) -> Mounted:
    """The whole cover in a frame: what a video ends on. Deterministic.

    Args:
        ending: a card with room around it; as large as fits; or by itself: as large as fits if that leaves nothing
            beside the cover that isn't certain, else a card.
    """
    width, height = cover.shape[1], cover.shape[0]
    scale = min(width_px / width, height_px / height)
    full = _centred(width * scale, height * scale, width_px, height_px)
    if abs(np.log(width * height_px / (height * width_px))) < _SAME_SHAPE and ending is not Ending.CARD:
        return Mounted(resized(cover, width_px, height_px), Box(0, 0, width_px, height_px))
    if ending is not Ending.CARD:
        filled = _filled(cover, full, width_px, height_px)
        if filled is not None:
            return Mounted(filled, full)
    if ending is Ending.FULL:
        return Mounted(on_ground(cover, full, width_px, height_px), full)
    card = _centred(CARD_SHARE * width * scale, CARD_SHARE * height * scale, width_px, height_px)
    filled = _filled(cover, card, width_px, height_px)
    return Mounted(on_ground(cover, card, width_px, height_px) if filled is None else filled, card)


def _centred(width: float, height: float, width_px: int, height_px: int) -> Box:
    """A box in the frame's middle, on whole pixels of both halves."""
    size = [min(side_px, max(1, round(side))) for side, side_px in ((width, width_px), (height, height_px))]
    return Box((width_px - size[0]) // 2, (height_px - size[1]) // 2, size[0], size[1])


def _filled(cover: Frame, place: Box, width_px: int, height_px: int) -> Frame | None:
    """The frame filled by what certainly lies around the cover; None if not all of it is certain."""
    fitted = resized(cover, place.width_px, place.height_px)
    beside, above = (width_px - place.width_px + 1) // 2, (height_px - place.height_px + 1) // 2
    whole = extended(fitted, beside, above)
    if (beside and whole.picture.shape[1] < width_px) or (above and whole.picture.shape[0] < height_px):
        return None
    left, top = whole.cover.left_px - place.left_px, whole.cover.top_px - place.top_px
    return whole.picture[top : top + height_px, left : left + width_px]


def on_ground(cover: Frame, place: Box, width_px: int, height_px: int) -> Frame:
    """The cover on a ground of its own colours: itself, enlarged to fill the frame, very soft and darker.

    Args:
        place: where the cover lies; it may reach beyond the frame.
    """
    picture = _ground(cover, width_px, height_px)
    scale = _GROUND_SIDE_PX / max(width_px, height_px)
    small = np.zeros((max(2, round(height_px * scale)), max(2, round(width_px * scale))), np.float32)
    left, top, right, bottom = (
        round(value * scale) for value in (place.left_px, place.top_px, place.right_px, place.bottom_px)
    )
    small[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 1
    reach = max(1.0, _SHADOW_REACH * max(place.width_px, place.height_px) * scale)
    shadow = cv2.resize(cv2.GaussianBlur(small, (0, 0), reach), (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (height_px, width_px, 1))  # or its soft gradients have bands
    picture = np.clip(np.round(picture * (1 - _SHADOW * shadow[..., None]) + noise), 0, 255).astype(np.uint8)
    fitted = resized(cover, place.width_px, place.height_px)
    shown = Box(
        max(0, place.left_px),
        max(0, place.top_px),
        min(width_px, place.right_px) - max(0, place.left_px),
        min(height_px, place.bottom_px) - max(0, place.top_px),
    )
    off_x, off_y = shown.left_px - place.left_px, shown.top_px - place.top_px
    picture[shown.slices] = fitted[off_y : off_y + shown.height_px, off_x : off_x + shown.width_px]
    return picture


def _ground(cover: Frame, width_px: int, height_px: int) -> Floats:
    """The frame without the cover; shape (height_px, width_px, 3), sRGB 0-255."""
    scale = _GROUND_SIDE_PX / max(width_px, height_px)
    width, height = max(2, round(width_px * scale)), max(2, round(height_px * scale))
    unit = max(width / cover.shape[1], height / cover.shape[0])
    size = (max(width, round(cover.shape[1] * unit)), max(height, round(cover.shape[0] * unit)))
    small = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.float32)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    small = small[top : top + height, left : left + width]
    soft = cv2.GaussianBlur(small, (0, 0), _SOFTNESS * _GROUND_SIDE_PX, borderType=cv2.BORDER_REPLICATE) * _DARKNESS
    return np.asarray(cv2.resize(soft, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.float32)


def resized(picture: Frame, width_px: int, height_px: int) -> Frame:
    """The picture at another size, sharp."""
    kernel = cv2.INTER_AREA if width_px < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=kernel), np.uint8)
