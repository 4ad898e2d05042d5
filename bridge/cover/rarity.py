# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture has only once: a boat on the water, but not the water. A copy of it would be seen as one."""

import cv2
import numpy as np

from bridge.cover.extension_modes import stressed
from bridge.cover.oklab import Floats

_SIDE_PX, _STEP_PX = 160, 3
"""the longer side that pictures are compared at; places are compared on a grid of this step"""
_APART = 0.25
"""of the longer side: nearer places count as the same thing"""
_LIKE = 0.015
"""the share of places that a common place is like"""
_COMMON, _RARE = 0.04, 0.12
"""differences to them, in Oklab"""


def rarity(picture: Floats) -> Floats:
    """How unlike all other places each place of a picture is (Boiman and Irani, "Detecting irregularities in images and
    in video", ICCV 2005, with means and deviations for patches, so that the grains of gravel are alike).

    Args:
        picture: shape (height, width, 3), sRGB 0-255.

    Returns:
        Shape (height, width), 0-1.
    """
    scale = _SIDE_PX / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    lab = stressed(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32))
    places = np.concatenate([_described(lab, sigma)[::_STEP_PX, ::_STEP_PX] for sigma in (2, 5)], axis=-1)
    rows, columns, channels = places.shape
    flat = places.reshape(-1, channels) / np.sqrt(2)
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1).reshape(-1, 2)
    count = max(1, round(_LIKE * len(flat)))
    found = np.empty(len(flat), np.float32)
    for part in np.array_split(np.arange(len(flat)), max(1, len(flat) // 500)):
        gaps = np.sqrt(np.maximum(_squares(flat[part], flat), 0))
        near = _squares(grid[part].astype(np.float32), grid.astype(np.float32)) < (_APART * _SIDE_PX / _STEP_PX) ** 2
        found[part] = np.partition(np.where(near, np.inf, gaps), count, axis=1)[:, count]
    rare = np.clip((np.minimum(found, 1) - _COMMON) / (_RARE - _COMMON), 0, 1).reshape(rows, columns)
    return np.asarray(cv2.resize(rare, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _described(lab: Floats, sigma: float) -> Floats:
    """Mean and deviation of the colours around each place, shape (height, width, 6)."""
    mean = cv2.GaussianBlur(lab, (0, 0), sigma)
    deviation = np.sqrt(np.maximum(cv2.GaussianBlur(lab**2, (0, 0), sigma) - mean**2, 0))
    return np.concatenate([mean, deviation], axis=-1).astype(np.float32)


def _squares(one: Floats, other: Floats) -> Floats:
    """Squared distances of rows of points: shape (len(one), len(other))."""
    lengths = np.einsum("ij,ij->i", one, one)[:, None] + np.einsum("ij,ij->i", other, other)[None]
    return (lengths - 2 * one @ other.T).astype(np.float32)
