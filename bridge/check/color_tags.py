# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour tags that lie: a video whose pixels were made in another way than its tags say shows other colours."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt

from bridge.common.frames import Frame

Matrix = npt.NDArray[np.float64]

_LESS = 0.5
"""another reading is the right one if it leaves at most this part of the difference"""
_GAIN_LEVELS = 1.0
"""and is better by at least so many levels of 255"""


def _from_rgb(red: float, blue: float) -> Matrix:
    """RGB to Y'CbCr by the luma's parts of red and blue (ITU-R BT.601 and BT.709)."""
    luma = np.array([red, 1 - red - blue, blue])
    to_blue = (np.array([0, 0, 1]) - luma) / (2 - 2 * blue)
    to_red = (np.array([1, 0, 0]) - luma) / (2 - 2 * red)
    return np.array([luma, to_blue, to_red])


_601, _709 = _from_rgb(0.299, 0.114), _from_rgb(0.2126, 0.0722)
_NARROWER = 219 / 255
READINGS: Mapping[str, tuple[Matrix, float, float]] = {
    "BT.601": (np.linalg.inv(_601) @ _709, 1.0, 0.0),
    "BT.709": (np.linalg.inv(_709) @ _601, 1.0, 0.0),
    "full range": (np.eye(3), _NARROWER, 16.0),
    "limited range": (np.eye(3), 1 / _NARROWER, -16.0 / _NARROWER),
}
"""what the pixels were made as: the colours that the tags give become the right ones by matrix, factor and offset"""


def lying(shown: Frame, wanted: Frame) -> str:
    """What the pixels of a picture were made as, if it is not what its tags say; else empty.

    Args:
        shown: the picture, decoded as its tags say.
        wanted: the picture as it should be, of the same shape.
    """
    seen = shown.astype(np.float64)
    as_tagged = _difference(seen, wanted)
    differences = {
        name: _difference(np.clip(seen @ matrix.T * factor + offset, 0, 255), wanted)
        for name, (matrix, factor, offset) in READINGS.items()
    }
    best = min(differences, key=lambda name: differences[name])
    is_better = differences[best] <= _LESS * as_tagged and as_tagged - differences[best] >= _GAIN_LEVELS
    return best if is_better else ""


def _difference(picture: npt.NDArray[np.float64], wanted: Frame) -> float:
    return float(np.abs(picture - cast(Frame, wanted)).mean())
