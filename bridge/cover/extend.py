# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole cover in a frame of another shape: extended beyond its edges, without bars."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dct, idct

from bridge.cover.box import Box
from bridge.engines.base import Frame

Floats = npt.NDArray[np.float32]


def recomposed_box(cover_size_px: tuple[int, int], width_px: int, height_px: int) -> Box:
    """Where the cover lies in its recomposition: as large as fits, centred.

    Args:
        cover_size_px: width, height.
    """
    scale = min(width_px / cover_size_px[0], height_px / cover_size_px[1])
    width = min(width_px, max(1, round(cover_size_px[0] * scale)))
    height = min(height_px, max(1, round(cover_size_px[1] * scale)))
    return Box((width_px - width) // 2, (height_px - height) // 2, width, height)


def recompose(cover: Frame, width_px: int, height_px: int) -> Frame:
    """The whole cover, undistorted and uncropped, extended on two sides to fill a frame of any shape.

    Inside of `recomposed_box` the result is the cover resized, and nothing else. Deterministic.

    Returns:
        uint8, shape (height_px, width_px, 3).
    """
    box = recomposed_box((cover.shape[1], cover.shape[0]), width_px, height_px)
    kernel = cv2.INTER_AREA if box.width_px < cover.shape[1] else cv2.INTER_CUBIC
    fitted = np.asarray(cv2.resize(cover, (box.width_px, box.height_px), interpolation=kernel), np.uint8)
    frame = np.zeros((height_px, width_px, 3), np.uint8)
    frame[box.slices] = fitted
    frame[box.slices[0], : box.left_px] = _beyond(fitted, box.left_px, turns=0)
    frame[box.slices[0], box.right_px :] = _beyond(fitted, width_px - box.right_px, turns=2)
    frame[: box.top_px, box.slices[1]] = _beyond(fitted, box.top_px, turns=1)
    frame[box.bottom_px :, box.slices[1]] = _beyond(fitted, height_px - box.bottom_px, turns=3)
    return frame


def _beyond(fitted: Frame, depth_px: int, *, turns: int) -> Frame:
    """What lies beyond one edge; `turns` quarter turns bring that edge to the left."""
    turned = np.rot90(fitted, turns)
    if depth_px == 0:
        return np.rot90(np.zeros((turned.shape[0], 0, 3), np.uint8), -turns)
    strip = _left_extension(turned.astype(np.float32), depth_px)
    return np.rot90(np.clip(np.round(strip), 0, 255).astype(np.uint8), -turns)


def _left_extension(cover: Floats, depth_px: int) -> Floats:
    base = harmonic(cover[:, :4].mean(axis=1), depth_px)
    return base[:, ::-1]


def harmonic(edge: Floats, depth_px: int, screening_px: float = np.inf) -> Floats:
    """The membrane that hangs from an edge: colours flow outward and blend, ever softer (Laplace's equation).

    Args:
        edge: shape (length, channels), the values along the edge.
        depth_px: how far to go.
        screening_px: the distance over which it sinks to zero, if it shall.

    Returns:
        Shape (length, depth_px, channels); the first column lies next to the edge.
    """
    length = len(edge)
    waves = np.asarray(dct(edge, axis=0, norm="ortho"))
    wavenumber = np.hypot(np.pi * np.arange(length) / length, 1 / screening_px)
    decay = np.exp(-wavenumber[:, None] * np.arange(1, depth_px + 1)[None])
    return np.asarray(idct(waves[:, None] * decay[..., None], axis=0, norm="ortho"), np.float32)
