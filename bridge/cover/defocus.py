# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture that goes out of focus toward its left edge, as beside what a lens is focused on."""

import cv2
import numpy as np

from bridge.cover.oklab import Floats, linear_of_srgb, srgb_of_linear

_FINEST, _LEVELS = 0.001, 7
"""deviations, in heights of the picture, that are made and mixed: each is twice the one before"""


def defocused(picture: Floats, deviations: Floats) -> Floats:
    """A picture, each column of which is blurred by its own Gaussian, in linear light.

    Args:
        picture: shape (height, width, 3), sRGB 0-255.
        deviations: in heights of the picture, at most 0.06, shape (width,).
    """
    light = linear_of_srgb(np.clip(picture, 0, 255) / 255)
    ladder = np.array([0.0, *(_FINEST * 2.0**number for number in range(_LEVELS))])
    level = np.interp(deviations**2, ladder**2, np.arange(len(ladder)))
    total = np.zeros_like(light)
    for number, deviation in enumerate(ladder):
        share = np.clip(1 - np.abs(level - number), 0, 1).astype(np.float32)
        if share.any():
            total += share[None, :, None] * _blurred(light, float(deviation) * len(picture))
    return 255 * srgb_of_linear(total)


def _blurred(picture: Floats, deviation_px: float) -> Floats:
    """A Gaussian blur; a wide one on a small version, which is far quicker."""
    if deviation_px == 0:
        return picture
    shrink = max(1.0, deviation_px / 2)
    size = (max(1, round(picture.shape[1] / shrink)), max(1, round(picture.shape[0] / shrink)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if shrink > 1 else picture
    small = cv2.GaussianBlur(small, (0, 0), deviation_px / shrink, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)
