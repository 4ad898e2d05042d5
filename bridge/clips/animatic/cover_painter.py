# SPDX-License-Identifier: GPL-3.0-or-later
"""The painter `cover`: each shot's still is a part of the album cover, framed as the shot asks."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest, ShotKind
from bridge.clips.animatic.camera import ROOM
from bridge.clips.animatic.depth import depth_name
from bridge.clips.animatic.depth_classical import Map
from bridge.clips.animatic.framing import Study, View, framed, studied
from bridge.clips.animatic.version import version
from bridge.clips.base import Still, Work
from bridge.common.frames import Frame

_FINEST = 1.3
"""stills are painted at most this much finer than the frame: the camera never comes closer"""
_CANVAS_FINEST = 2.2
_DEPTH_WIDTH_PX = 512


class CoverPainter:
    """Frames the cover."""

    name = "cover"
    version = version()

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """One still per request, `ROOM` times as large as the frame at rest (the whole cover for the last shot)."""
        for request in requests:
            work.report(0.0, "framing the cover")
            path = work.file(request.cover_sha256)
            yield _last_still(request, path) if request.kind is ShotKind.COVER_END else _still(request, path)


def _still(request: ClipRequest, path: Path) -> Still:
    study, rng = studied(path, depth_name(request)), np.random.default_rng([request.seed, 2])
    view = framed(request, study, rng)
    if view.is_within(study, (1.0, study.height)):
        return _cut(request, study, study.cover, (0.0, 0.0), 1.0, view, rng)
    room = 1.0 if view.is_within(study, study.canvas(view.aspect)) else ROOM
    canvas, left_top, unit = _canvas(path, request.width_px, request.height_px, room)
    return _cut(request, study, canvas, left_top, unit, view, rng)


def _last_still(request: ClipRequest, path: Path) -> Still:
    """The whole canvas."""
    study, rng = studied(path, depth_name(request)), np.random.default_rng([request.seed, 2])
    canvas, (left, top), unit = _canvas(path, request.width_px, request.height_px, 1.0)
    aspect = canvas.shape[0] / canvas.shape[1]
    view = View((left + unit / 2, top + unit * aspect / 2), unit, aspect)
    return Still(_finished(canvas, canvas.shape[1] / (unit * study.cover.shape[1]), rng), _depth(study, view))


@lru_cache(maxsize=4)
def _canvas(path: Path, width_px: int, height_px: int, room: float) -> tuple[Frame, tuple[float, float], float]:
    """The recomposed cover as finely as the cover itself is, its top left corner and its width in cover widths.

    Args:
        room: how much larger it is than the frame, on all sides alike.
    """
    from bridge.cover import recomposed_box

    cover = studied(path).cover
    size = (cover.shape[1], cover.shape[0])
    box = recomposed_box(size, width_px, height_px)
    finer = float(np.clip(size[0] / box.width_px, 1.0, _CANVAS_FINEST))
    whole = _with_room(path, width_px, height_px, room) if room > 1 else whole_cover(path, width_px, height_px)
    height, width = whole.shape[:2]
    large = (round(width * finer), round(height * finer))
    canvas = cv2.resize(whole, large, interpolation=cv2.INTER_CUBIC)
    fitted = (round(box.width_px * finer), round(box.height_px * finer))
    left, top = (large[0] - fitted[0]) // 2, (large[1] - fitted[1]) // 2
    method = cv2.INTER_AREA if fitted[0] < size[0] else cv2.INTER_CUBIC
    canvas[top : top + fitted[1], left : left + fitted[0]] = cv2.resize(cover, fitted, interpolation=method)
    return cast(Frame, canvas), (-left / fitted[0], -top / fitted[0]), large[0] / fitted[0]


def _with_room(path: Path, width_px: int, height_px: int, room: float) -> Frame:
    """The recomposed cover, recomposed again on the sides where the cover's own edges are, then on the others."""
    from bridge.cover import recompose

    whole, cover = whole_cover(path, width_px, height_px), studied(path).cover
    wider, higher = round(width_px * room), round(height_px * room)
    beside = cover.shape[1] * height_px < cover.shape[0] * width_px
    first = (width_px, higher) if beside else (wider, height_px)
    return recompose(recompose(whole, *first), wider, higher)


@lru_cache(maxsize=2)
def whole_cover(path: Path, width_px: int, height_px: int) -> Frame:
    """The cover recomposed to the frame: what a video ends on. Kept, since it takes seconds to make."""
    from bridge.cover import recompose

    return recompose(studied(path).cover, width_px, height_px)


def _cut(
    request: ClipRequest,
    study: Study,
    source: Frame,
    left_top: tuple[float, float],
    unit: float,
    view: View,
    rng: np.random.Generator,
) -> Still:
    """The view's part of a source picture that starts at `left_top` and is `unit` cover widths wide."""
    pixels = source.shape[1] / unit  # per cover width
    base_px = request.width_px * ROOM
    still_w = round(float(np.clip(view.width * pixels, base_px, base_px * _FINEST)))
    center = ((view.center[0] - left_top[0]) * pixels, (view.center[1] - left_top[1]) * pixels)
    size = (still_w, round(still_w * view.aspect))
    rgb = cast(Frame, _resampled(source, center, view.width * pixels, view.tilt, size))
    return Still(_finished(rgb, still_w / (view.width * study.cover.shape[1]), rng), _depth(study, view))


def _depth(study: Study, view: View) -> Map:
    """The depth of what a view shows; beyond the cover, its edge goes on."""
    pixels = study.depth.shape[1]
    center = (view.center[0] * pixels, view.center[1] * pixels)
    size = (_DEPTH_WIDTH_PX, max(8, round(_DEPTH_WIDTH_PX * view.aspect)))
    depth = _resampled(study.depth, center, view.width * pixels, view.tilt, size, beyond=cv2.BORDER_REPLICATE)
    return np.asarray(depth, np.float32)


def _resampled(
    source: npt.NDArray,
    center_px: tuple[float, float],
    width_px: float,
    tilt: float,
    size: tuple[int, int],
    beyond: int = cv2.BORDER_REFLECT_101,
) -> npt.NDArray:
    """A rectangle of the source around a place, turned by `tilt`, at the given size; `beyond` as in OpenCV."""
    scale = width_px / size[0]
    if scale > 1.5:  # Lanczos reads few pixels: what is reduced much is reduced by area first
        small = (round(source.shape[1] / scale), round(source.shape[0] / scale))
        center_px = (center_px[0] * small[0] / source.shape[1], center_px[1] * small[1] / source.shape[0])
        scale *= small[0] / source.shape[1]
        source = cv2.resize(source, small, interpolation=cv2.INTER_AREA)
    cos, sin = scale * np.cos(tilt), scale * np.sin(tilt)
    turn = np.array([[cos, -sin], [sin, cos]])
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    offset = np.array(center_px) - 0.5 - turn @ middle
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LANCZOS4 if source.dtype == np.uint8 else cv2.INTER_LINEAR)
    matrix = np.hstack([turn, offset[:, None]])
    return cv2.warpAffine(source, matrix, size, flags=flags, borderMode=beyond)


def _finished(rgb: Frame, enlarged: float, rng: np.random.Generator) -> Frame:
    """What was enlarged is sharpened and given a fine grain that stands in for the detail it lacks."""
    if enlarged <= 1.15:
        return rgb
    amount = float(np.clip((enlarged - 1) / 3, 0, 1))
    sigma = 0.6 * enlarged
    soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
    sharp = cv2.addWeighted(rgb, 1 + 0.9 * amount, soft, -0.9 * amount, 0)
    grain = rng.standard_normal(rgb.shape[:2]).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * (5.5 * amount)
    return cast(Frame, cv2.add(sharp, cv2.cvtColor(grain, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_8U))
