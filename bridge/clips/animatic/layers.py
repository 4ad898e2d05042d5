# SPDX-License-Identifier: GPL-3.0-or-later
"""A still and its depth, taken apart: a background that goes on behind the subject, and the subject with its matte."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bridge.clips.animatic.depth import estimate
from bridge.clips.animatic.depth_classical import WORK_SIDE_PX
from bridge.clips.animatic.matte import pulled, reduced, refined
from bridge.clips.base import Still
from bridge.common.frames import Frame

Map = npt.NDArray[np.float32]

_JUMP = 0.14
"""a step in depth this high is an occlusion, and needs a layer of its own"""
_MATTE_SIDE_PX = 1280
_MATTE_BAND_PX = 9
"""mattes are refined at this longer side; finer than that is the picture's own softness"""
_FILL_SIDE_PX = 640
"""what lies behind is planned at this longer side: it's smooth, and its texture is fetched at full size"""
_REFLECT_SHARE = 0.1
"""how far behind the subject the background's texture is carried on, as a share of the longer side"""


@dataclass(frozen=True)
class Layer:
    """A sheet of the scene."""

    rgba: npt.NDArray[np.uint8]
    """shape (height, width, 3) if it is opaque, else (height, width, 4), premultiplied"""
    depth: Map
    """smooth, any size, over the same rectangle; 0 far, 1 near"""


@dataclass(frozen=True)
class Layers:
    """The scene, far to near."""

    background: Layer
    subject: Layer | None
    """None if the picture has no occlusion worth a layer"""

    def scaled(self, width_px: int) -> "Layers":
        """The same scene with layers of another width."""
        subject = self.subject and _scaled(self.subject, width_px)
        return Layers(_scaled(self.background, width_px), subject)


def split(still: Still) -> Layers:
    """Takes a still apart where its depth jumps; estimates the depth if it has none."""
    depth = estimate(still.rgb) if still.depth is None else still.depth
    depth = reduced(np.asarray(depth, np.float32), WORK_SIDE_PX)
    solid = _subject(depth)
    if solid is None:
        return Layers(Layer(still.rgb, _smooth(depth, 0.03)), None)
    matte = _like(refined(reduced(still.rgb, _MATTE_SIDE_PX), solid, _MATTE_BAND_PX), still.rgb)
    background = Layer(_filled(still.rgb, matte), _smooth(_spread(depth, ~_grown(solid, 5)), 0.03))
    subject = Layer(_cut_out(still.rgb, matte), _smooth(_spread(depth, _shrunk(solid, 5)), 0.02))
    return Layers(background, subject)


def _subject(depth: Map) -> npt.NDArray[np.bool_] | None:
    """What lies in front of the depth's jumps; None if there are too few of them."""
    kernel = np.ones((5, 5), np.uint8)
    high, low = cv2.dilate(depth, kernel), cv2.erode(depth, kernel)
    jump = (high - low) > _JUMP
    if jump.mean() < 0.002:
        return None
    solid = depth > float(((high + low) / 2)[jump].mean())
    return solid if 0.01 < solid.mean() < 0.9 else None


def _cut_out(rgb: Frame, matte: Map) -> npt.NDArray[np.uint8]:
    """The subject alone, premultiplied; at its edge its own colours, so that no rim of the background goes along."""
    small_matte = reduced(matte, _FILL_SIDE_PX)
    own = _like(pulled(reduced(rgb, _FILL_SIDE_PX), (small_matte > 0.95).astype(np.float32)), rgb)
    rgba = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA)
    rgba[..., 3] = cv2.convertScaleAbs(matte, alpha=255)
    rim = (matte < 0.99) & (matte > 0)
    share = np.clip((matte[rim] - 0.85) / 0.15, 0, 1)[:, None]
    rgba[rim, :3] = np.round((rgb[rim] * share + own[rim] * (1 - share)) * matte[rim, None])
    rgba[matte <= 0] = 0
    return np.asarray(rgba, np.uint8)


def _filled(rgb: Frame, matte: Map) -> Frame:
    """The picture with the subject taken out.

    Behind its edge the surroundings' texture is mirrored inward, which keeps grain and structure where the camera
    may look; deeper in, where it never looks, colours only flow together.
    """
    small, small_matte = reduced(rgb, _FILL_SIDE_PX), reduced(matte, _FILL_SIDE_PX)
    hidden = _grown(small_matte > 0.02, 2).astype(np.uint8)
    if hidden.all():  # nothing is seen of what lies behind
        return rgb
    flowed = pulled(small, (1 - hidden).astype(np.float32))
    depth_px, mirrored_x, mirrored_y = _mirror_map(hidden)
    valid = cv2.remap(1.0 - hidden.astype(np.float32), mirrored_x, mirrored_y, cv2.INTER_LINEAR)
    reach_px = _REFLECT_SHARE * max(hidden.shape)
    valid = np.asarray(cv2.GaussianBlur(valid, (0, 0), 3) * np.clip(2 - 2 * depth_px / reach_px, 0, 1), np.float32)
    scale = rgb.shape[1] / small.shape[1]
    column, row = ((_like(place, rgb) + 0.5) * scale - 0.5 for place in (mirrored_x, mirrored_y))
    mirrored = cv2.remap(rgb, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    share = _like(np.asarray(cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 0.8), np.float32), rgb)
    there = share > 0
    behind = _like(flowed, rgb)[there]
    behind += (mirrored[there] - behind) * _like(valid, rgb)[there, None]
    filled = rgb.copy()
    filled[there] = np.round(rgb[there] + (behind - rgb[there]) * share[there, None])
    return filled


def _like(small: npt.NDArray[np.float32], rgb: Frame) -> npt.NDArray[np.float32]:
    """Enlarged to the picture's size."""
    size = (rgb.shape[1], rgb.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _mirror_map(hidden: npt.NDArray[np.uint8]) -> tuple[Map, Map, Map]:
    """For each hidden place its distance to the outside, and the place as far outside as it lies inside."""
    depth_px, nearest = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(nearest, np.int64)
    outside_y, outside_x = np.nonzero(hidden == 0)
    place = np.zeros(int(labels.max()) + 1, np.int64)
    place[labels[outside_y, outside_x]] = np.arange(len(outside_x))
    y, x = np.indices(hidden.shape, np.float32)
    away_x = ((outside_x[place[labels]] - x) * (hidden > 0)).astype(np.float32)
    away_y = ((outside_y[place[labels]] - y) * (hidden > 0)).astype(np.float32)
    soften = np.clip(depth_px / 4, 0, 1)
    away_x += (cv2.GaussianBlur(away_x, (0, 0), 2) - away_x) * soften
    away_y += (cv2.GaussianBlur(away_y, (0, 0), 2) - away_y) * soften
    return np.asarray(depth_px, np.float32), (x + 2 * away_x).astype(np.float32), (y + 2 * away_y).astype(np.float32)


def _spread(depth: Map, known: npt.NDArray[np.bool_]) -> Map:
    return pulled(depth, known.astype(np.float32)) if known.any() else depth


def _smooth(depth: Map, share: float) -> Map:
    return np.asarray(cv2.GaussianBlur(depth, (0, 0), share * max(depth.shape)), np.float32)


def _grown(solid: npt.NDArray[np.bool_], by_px: int) -> npt.NDArray[np.bool_]:
    return cv2.dilate(solid.astype(np.uint8), np.ones((2 * by_px + 1,) * 2, np.uint8)) > 0


def _shrunk(solid: npt.NDArray[np.bool_], by_px: int) -> npt.NDArray[np.bool_]:
    return cv2.erode(solid.astype(np.uint8), np.ones((2 * by_px + 1,) * 2, np.uint8)) > 0


def _scaled(layer: Layer, width_px: int) -> Layer:
    height, width = layer.rgba.shape[:2]
    size = (width_px, max(1, round(height * width_px / width)))
    method = cv2.INTER_AREA if width_px < width else cv2.INTER_LINEAR
    return Layer(np.asarray(cv2.resize(layer.rgba, size, interpolation=method), np.uint8), layer.depth)
