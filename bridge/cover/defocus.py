# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture that goes out of focus beyond its left edge: sharp where it leaves off, then ever softer."""

import cv2
import numpy as np

from bridge.cover.grain import continued_grain
from bridge.cover.oklab import Floats

_REACH, _SOFTNESS = 0.12, 0.28
"""how deep the picture is seen in it, in lengths of the edge; how fast it grows softer across the edge"""
_FINEST, _LEVELS = 0.0025, 7
"""deviations, in lengths of the edge, that are made and mixed: each is twice the one before"""


def defocused(picture: Floats, depth_px: int, softness: float) -> Floats:
    """What lies beyond a picture's left edge, if all is out of focus there.

    At the edge it is the picture's mirror image, so that nothing ends there; farther out less and less that is deep in
    the picture is seen in it. It has the picture's grain.

    Args:
        picture: shape (height, width, 3), sRGB 0-255.
        softness: how fast it grows softer along the edge (deviation per distance).

    Returns:
        Shape (height, depth_px, 3).
    """
    height, width, _ = picture.shape
    distance = np.arange(depth_px, dtype=np.float32) + 0.5
    reach = min(_REACH * height, width / 2)
    seen_at = reach * (1 - np.exp(-distance / reach)) - 0.5
    level = 1 + np.log2(np.maximum(_SOFTNESS * distance / (_FINEST * height), 0.5))
    columns, rows = np.meshgrid(seen_at.astype(np.float32), np.arange(height, dtype=np.float32))
    total = np.zeros((height, depth_px, 3), np.float32)
    for number in range(_LEVELS + 1):
        share = np.clip(1 - np.abs(np.minimum(level, _LEVELS) - number), 0, 1)
        if share.any():
            sigma_px = _FINEST * height * 2 ** (number - 1)
            seen = _blurred(picture, sigma_px, sigma_px * softness / _SOFTNESS) if number else picture
            seen = cv2.remap(seen, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            total += share[None, :, None] * seen
    grain = continued_grain(picture, depth_px) * np.minimum(level / 2, 1)[None, :, None]
    return (total + grain)[:, ::-1]


def _blurred(picture: Floats, across_px: float, along_px: float) -> Floats:
    """A Gaussian blur as of the picture and its mirror images; a wide one on a small version, which is far quicker."""
    shrink = max(1.0, min(across_px, along_px) / 2)
    size = (max(1, round(picture.shape[1] / shrink)), max(1, round(picture.shape[0] / shrink)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if shrink > 1 else picture
    across, along = across_px / shrink, along_px / shrink
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=across, sigmaY=along, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
