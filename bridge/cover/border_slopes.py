# SPDX-License-Identifier: GPL-3.0-or-later
"""The slopes at which lines and borders meet a picture's left edge.

A slope is how many rows lower a line is, one column farther to the right. A picture sheared by it shows that line
level, so that the mean of its columns is as crisp as each of them; where nothing is that straight, the mean is softer.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bridge.common.frames import smoothstep
from bridge.cover.oklab import Floats

COLUMNS = 16
"""of the small version, along which a border has to be straight"""
_STEEPEST_DEG = 64
"""angles that are tried, in steps of one"""
_BLURRED, _CRISP = 0.91, 0.97
"""how crisp that mean is where borders are not straight, and where they are, as a share of the columns' crispness"""
_FAINT = 1e-5
"""a square of change in Oklab, per row, that is no border's"""
_REACH, _SURE = 16, 0.01
"""how many rows around a border go on with it; its change in Oklab, over so many, from which on they do surely"""
_MOST, _LEAST, _ALIKE = 4, 0.1, 2
"""so many slopes, each with borders of that much change in Oklab, and so many angles apart"""
_STIFF, _LEVEL = 1e-3, 1e-6
"""how little slopes change from row to row, and how much they are 0, where there is no border"""


@dataclass(frozen=True)
class Slants:
    """How a picture's borders meet its left edge."""

    own: tuple[float, ...]
    """the slopes that most of them have"""
    between: Floats
    """the slope of each border, blended between them, shape (height,)"""
    clear: Floats
    """the change in Oklab at each row, where it clearly is a border's, shape (height,)"""

    @classmethod
    def of(cls, lab: Floats) -> "Slants":
        """Those of a small version, in Oklab, shape (height, width, 3)."""
        angles, columns = np.arange(-_STEEPEST_DEG, _STEEPEST_DEG + 1), np.arange(min(COLUMNS, lab.shape[1]))
        lines = (sheared(lab, np.full(len(lab), slope), columns) for slope in np.tan(np.radians(angles)))
        found = [clear_borders(level) for level in lines]
        clear, shown = np.stack([one for one, _ in found]), np.stack([one * change for one, change in found])
        most, steepness = shown.max(axis=0), np.tan(np.radians(_peaks(shown)))
        weight = most / max(float(most.max()), _FAINT)
        steps = np.diff(np.eye(len(lab)), axis=0)
        between = np.linalg.solve(np.diag(weight + _LEVEL) + _STIFF * steps.T @ steps, weight * steepness)
        own = []
        for _ in range(_MOST):
            total = shown.sum(axis=1, keepdims=True)
            if total.max() < _LEAST:
                break
            own.append(float(np.tan(np.radians(_peaks(total)[0]))))
            top = int(total.argmax())
            near = slice(max(0, top - _ALIKE), top + _ALIKE + 1)
            shown = shown * (1 - clear[near].max(axis=0))
            shown[near] = 0
        return cls(tuple(own), between.astype(np.float32), most.astype(np.float32))


def sheared(picture: Floats, slopes: Floats, columns: npt.NDArray[np.integer]) -> Floats:
    """A picture in which lines of these slopes are level.

    Args:
        picture: shape (height, width, channels).
        slopes: of the line from each row of the edge, shape (height,).
        columns: of the result.

    Returns:
        Shape (height, columns, channels).
    """
    rows = (np.arange(len(picture))[:, None] + np.outer(slopes, columns)).astype(np.float32)
    across = np.ascontiguousarray(np.broadcast_to(columns.astype(np.float32), rows.shape))
    level = cv2.remap(picture, across, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(level, np.float32)


def clear_borders(level: Floats) -> tuple[Floats, Floats]:
    """How clearly borders go straight from each row of a sheared picture's edge, 0-1; and the change in Oklab there.

    Args:
        level: Oklab, shape (height, columns, 3).

    Returns:
        Shapes (height,).
    """
    steps = np.gradient(level, axis=0)
    squares = (steps.mean(axis=1) ** 2).sum(axis=-1), (steps**2).sum(axis=-1).mean(axis=1)
    of_mean, of_each = (cv2.GaussianBlur(one[:, None], (1, 0), 0.1, sigmaY=1.5)[:, 0] for one in squares)
    clear = smoothstep((of_mean / (of_each + _FAINT) - _BLURRED) / (_CRISP - _BLURRED))
    return clear.astype(np.float32), np.sqrt(of_mean)


def carried(clear: Floats, change: Floats) -> Floats:
    """How surely such borders take along what is on both sides of them, at each row, 0-1; shape (height,)."""
    return np.minimum(cv2.GaussianBlur(clear * change, (1, 0), 0.1, sigmaY=_REACH)[:, 0] / _SURE, 1)


def _peaks(shown: Floats) -> Floats:
    """The angles, in degrees, at which columns of values peak, one value for each angle; shape (columns,)."""
    top, column = shown.argmax(axis=0), np.arange(shown.shape[1])
    low, most, high = (shown[np.clip(top + step, 0, len(shown) - 1), column] for step in (-1, 0, 1))
    return top - _STEEPEST_DEG + (high - low) / (2 * np.maximum(2 * most - low - high, _FAINT))
