# SPDX-License-Identifier: GPL-3.0-or-later
"""A rough outline made exact by the picture's colours."""

import cv2
import numpy as np
import numpy.typing as npt

from bridge.common.frames import Frame

Map = npt.NDArray[np.float32]

_COLOR_SIDE_PX = 640
"""the colours at either side of the edge vary slowly: they're found at this longer side"""
_DISTINCT = (18.0, 50.0)
"""by how many levels the colours at either side must differ to say nothing, and to say all, about the opacity"""


def refined(rgb: Frame, rough: npt.NDArray[np.bool_], band_px: int) -> Map:
    """The opacity, 0-1, of what `rough` outlines.

    Within a band around the outline each pixel is a mixture of the colours at either side (compositing's equation,
    solved for the opacity); where those hardly differ, the outline itself is softened.

    Args:
        rough: any size, over the same rectangle.
        band_px: how far off the outline may be, in pixels of `rgb`.
    """
    size = (rgb.shape[1], rgb.shape[0])
    outline = np.asarray(cv2.resize(rough.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)
    outline = np.asarray(cv2.GaussianBlur(outline, (0, 0), max(0.8, band_px / 4)), np.float32)
    window = np.ones((2 * band_px + 1,) * 2, np.uint8)
    solid = (outline > 0.5).astype(np.uint8)
    inside, outside = cv2.erode(solid, window), 1 - cv2.dilate(solid, window)
    if not inside.any() or not outside.any():
        return outline
    near, far = (_colors(rgb, np.asarray(known, np.uint8)) for known in (inside, outside))
    gap = near - far
    length = np.sqrt((gap * gap).sum(axis=2))
    mixed = ((rgb - far) * gap).sum(axis=2) / np.maximum(length, 1) ** 2
    mixed = np.clip((np.asarray(cv2.GaussianBlur(mixed, (0, 0), 0.7)) - 0.3) / 0.5, 0, 1)
    trust = np.clip((length - _DISTINCT[0]) / (_DISTINCT[1] - _DISTINCT[0]), 0, 1)
    steep = np.clip((outline - 0.3) / 0.4, 0, 1)
    matte = steep + (mixed - steep) * trust
    matte[inside > 0], matte[outside > 0] = 1.0, 0.0
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), 0.6), np.float32)


def reduced(picture: npt.NDArray, side_px: int) -> npt.NDArray:
    """The picture with its longer side at most `side_px`."""
    scale = side_px / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _colors(rgb: Frame, known: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The colours of the known part, carried on everywhere."""
    small = reduced(rgb, _COLOR_SIDE_PX)
    size = (small.shape[1], small.shape[0])
    sure = (cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99).astype(np.float32)
    carried = pulled(small, sure if sure.any() else np.ones_like(sure))
    return np.asarray(cv2.resize(carried, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def pulled(values: npt.NDArray, known: Map) -> npt.NDArray[np.float32]:
    """Unknown places filled smoothly from known ones, coarse to fine (push-pull: Gortler et al., SIGGRAPH 1996)."""
    weight = known[..., None] if values.ndim == 3 else known
    return _pull(values.astype(np.float32) * weight, known)


def _pull(weighted: npt.NDArray[np.float32], weight: Map) -> npt.NDArray[np.float32]:
    expand = (lambda a: a[..., None]) if weighted.ndim == 3 else (lambda a: a)
    own = weighted / np.maximum(expand(weight), 1e-6)
    if min(weight.shape) <= 2 or float(weight.min()) >= 1.0:
        return own
    size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
    half, half_weight = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (weighted, weight))
    scale = np.where(half_weight > 0, np.clip(half_weight * 4, 0, 1) / np.maximum(half_weight, 1e-6), 0)
    coarse = _pull(half * expand(scale), (half_weight * scale).astype(np.float32))
    below = cv2.resize(coarse, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
    share = np.clip(expand(weight), 0, 1)
    return (own * share + below * (1 - share)).astype(np.float32)
