# SPDX-License-Identifier: GPL-3.0-or-later
"""The grade on an array: what Blender's compositor does with the same `Grade`."""

import numpy as np

from blender_addon.core.types import Grade
from bridge.common.frames import Frame
from bridge.cover.oklab import Floats


def apply_grade(frame: Frame, grade: Grade) -> Frame:
    """The graded picture.

    On sRGB-encoded values 0-1: the matrix, clipped to 0-1, then each channel's curve, then blended with the
    ungraded picture by the strength.

    Args:
        frame: uint8, shape (..., 3).

    Returns:
        uint8, the same shape, rounded.
    """
    if grade.is_neutral:
        return frame.copy()
    graded = transform(frame.reshape(-1, 3).astype(np.float32) / 255, grade)
    return np.round(np.clip(graded, 0, 1) * 255).astype(np.uint8).reshape(frame.shape)


def transform(encoded: Floats, grade: Grade) -> Floats:
    """`apply_grade` on floating values: shape (n, 3), sRGB-encoded 0-1."""
    mixed = np.clip(encoded @ np.reshape(np.array(grade.matrix, np.float32), (3, 3)).T, 0, 1)
    graded = np.empty_like(mixed)
    for channel, curve in enumerate(grade.curves):
        graded[:, channel] = np.interp(mixed[:, channel], np.linspace(0, 1, len(curve)), curve)
    return encoded + np.float32(grade.strength) * (graded - encoded)
