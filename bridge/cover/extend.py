# SPDX-License-Identifier: GPL-3.0-or-later
"""What certainly lies beyond a cover's edges: a flat colour, a gradient, an even texture. Nothing else is drawn."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bridge.common.frames import Frame
from bridge.cover.box import Box
from bridge.cover.grain import continued_grain
from bridge.cover.oklab import Floats

_WORK_SIDE_PX = 400
"""an edge is judged on a picture of this longer side"""
_BAND = 0.1
"""how deep an edge is looked at, in its lengths"""
_TILES = 16
"""places along an edge that must all look alike"""
_OFF = 2.5
"""sRGB levels by which a place's mean may differ from the gradient"""
_FORM = 5.0
"""sRGB levels of what is left after noise is blurred away: more is a form"""
_ROUGHEST, _UNEVEN = 9.0, 1.6
"""sRGB levels of the texture; how much rougher than is typical one place may be"""
_SMOOTH = 0.5
"""sRGB levels of texture that nobody sees"""
_LEVEL_OFF, _SEAM = 0.2, 0.04
"""how far out a slope goes on, and a step at the edge, in lengths of the edge"""
_GRAIN_SIDE_PX = 1024


@dataclass(frozen=True)
class Edge:
    """The colours along a left edge, as a gradient: smooth along it, even across."""

    weights: Floats
    """of the terms in `_terms`, shape (6, 3)"""
    roughness: float
    """standard deviation of the texture, in sRGB levels"""


@dataclass(frozen=True)
class Extended:
    """A cover with what certainly lies around it."""

    picture: Frame
    cover: Box
    """where the cover is in it"""


def extended(cover: Frame, beside_px: int, above_px: int) -> Extended:
    """The cover, gone on beyond those of its edges where that is certain; the others stay its edges. Deterministic.

    Args:
        beside_px: how far to the left, and to the right.
        above_px: how far upward, and downward.
    """
    picture = cover
    grown = [0, 0, 0, 0]  # left, top, right, bottom
    for turns, depth_px in ((0, beside_px), (2, beside_px), (1, above_px), (3, above_px)):
        # A quarter turn brings the next edge to the left: first left, then top, right and bottom.
        turned = np.ascontiguousarray(np.rot90(picture, turns))
        edge = certain(turned) if depth_px else None
        if edge:
            beyond = _beyond(turned, edge, depth_px)
            picture = np.ascontiguousarray(np.rot90(np.concatenate([beyond, turned], axis=1), -turns))
            grown[turns] = depth_px
    return Extended(picture, Box(grown[0], grown[1], cover.shape[1], cover.shape[0]))


def certain(picture: Frame) -> Edge | None:
    """What lies beyond the picture's left edge, if a band along it is a flat colour, a gradient or an even texture."""
    scale = min(1.0, _WORK_SIDE_PX / max(picture.shape[:2]))
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    height = len(small)
    band = small[:, : min(max(6, round(_BAND * height)), small.shape[1])]
    terms = _terms(height, (np.arange(band.shape[1]) + 0.5) / height)
    weights = np.linalg.lstsq(terms.reshape(-1, 6), band.reshape(-1, 3), rcond=None)[0].astype(np.float32)
    left = (band - terms @ weights).astype(np.float32)
    tiles = np.array_split(left, _TILES)
    roughness = np.array([tile.std(axis=(0, 1)).max() for tile in tiles])
    typical = float(np.median(roughness))
    off = max(float(np.abs(tile.mean(axis=(0, 1))).max()) for tile in tiles)
    form = float(np.abs(cv2.GaussianBlur(left, (0, 0), 2)).max())
    even = roughness.max() <= _UNEVEN * typical + 1
    return Edge(weights, typical) if off < _OFF and form < _FORM and typical < _ROUGHEST and even else None


def _terms(height: int, across: npt.NDArray[np.floating]) -> Floats:
    """A cubic along the edge and a slope across it, at each place; shape (height, columns, 6)."""
    s, t = np.meshgrid(np.linspace(-1, 1, height), across, indexing="ij")
    return np.stack([np.ones_like(s), s, s**2, s**3, t, s * t], axis=-1).astype(np.float32)


def _beyond(picture: Frame, edge: Edge, depth_px: int) -> Frame:
    """What lies beyond the left edge; shape (height, depth_px, 3)."""
    height = len(picture)
    out = (np.arange(depth_px, 0, -1) - 0.5) / height
    colors = _terms(height, -_LEVEL_OFF * (1 - np.exp(-out / _LEVEL_OFF))) @ edge.weights
    rim = picture[:, : max(1, height // 200)].mean(axis=1, keepdims=True, dtype=np.float32)
    step = rim - _terms(height, np.zeros(1)) @ edge.weights
    step = cv2.GaussianBlur(step, (1, 0), 0.1, sigmaY=0.02 * height).reshape(height, 1, 3)
    colors = colors + step * np.exp(-out / _SEAM)[None, :, None]
    if edge.roughness > _SMOOTH:
        colors = colors + _grain(picture, depth_px)
    elif edge.roughness > 0:  # a gradient in whole levels has bands
        colors = colors + np.random.default_rng(0).uniform(-0.5, 0.5, (height, depth_px, 1))
    return np.clip(np.round(colors), 0, 255).astype(np.uint8)


def _grain(picture: Frame, depth_px: int) -> Floats:
    """The texture along the left edge, gone on; made at a moderate size, since it takes long at a large one."""
    scale = min(1.0, _GRAIN_SIDE_PX / len(picture))
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    grain = continued_grain(small, max(1, round(depth_px * scale)))
    return np.asarray(cv2.resize(grain, (depth_px, len(picture)), interpolation=cv2.INTER_LINEAR), np.float32)
