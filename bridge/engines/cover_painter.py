# SPDX-License-Identifier: GPL-3.0-or-later
"""The painter `cover`: each shot's still is a part of the album cover, framed as the shot asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.protocol import ClipRequest, Framing, ShotKind
from bridge.engines.base import Frame, Still, Work
from bridge.engines.camera import ROOM
from bridge.engines.depth import Map, estimate

_WIDTHS = {Framing.WIDE: 1.0, Framing.MEDIUM: 0.72, Framing.CLOSE: 0.52, Framing.DETAIL: 0.38}
"""how much of the largest frame that fits into the cover a shot sees at rest"""
_FINEST = 1.3
"""stills are painted at most this much finer than the frame: the camera never comes closer"""
_COARSEST = 3.6
"""a pixel of the cover is shown at most this large, if the framing can be that wide"""


class CoverPainter:
    """Frames the cover."""

    name = "cover"
    version = "1"

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """One still per request, `ROOM` times as large as the frame at rest (the whole cover for the last shot)."""
        for request in requests:
            work.report(0.0, "framing the cover")
            yield _still(request, _study(work.file(request.cover_sha256), request.width_px, request.height_px))


@dataclass(frozen=True)
class _Study:
    """The cover, recomposed to the frame's shape and understood. Places are in widths of it, from its top left."""

    canvas: Frame
    depth: Map
    salient: Map
    aspect: float
    """height by width"""
    cover_width: float
    cover_height: float
    """how much of the canvas is the cover itself"""
    subject: tuple[float, float, float, float]
    """left, top, width, height"""
    pixel: float
    """the size of one of the cover's own pixels"""


@lru_cache(maxsize=2)
def _study(path: Path, width_px: int, height_px: int) -> _Study:
    from bridge.cover import load, recompose, recomposed_box, saliency, subject_box

    cover = load(path)
    fit = recomposed_box((cover.shape[1], cover.shape[0]), width_px, height_px)
    finer = float(np.clip(cover.shape[1] / fit.width_px, 1.0, 2.5))
    size = (round(width_px * finer), round(height_px * finer))
    box = recomposed_box((cover.shape[1], cover.shape[0]), *size)
    subject = subject_box(cover)
    scale = box.width_px / cover.shape[1] / size[0]
    left, top = box.left_px / size[0], box.top_px / size[0]
    return _Study(
        canvas=recompose(cover, *size),
        depth=_on_canvas(estimate(cover), box.slices, (size[1], size[0])),
        salient=_on_canvas(saliency(cover), box.slices, (size[1], size[0]), outside=0.0),
        aspect=height_px / width_px,
        cover_width=box.width_px / size[0],
        cover_height=box.height_px / size[0],
        subject=(
            left + subject.left_px * scale,
            top + subject.top_px * scale,
            subject.width_px * scale,
            subject.height_px * scale,
        ),
        pixel=scale,
    )


def _on_canvas(values: Map, place: tuple[slice, slice], shape: tuple[int, int], outside: float | None = None) -> Map:
    """A map of the cover as a map of the canvas, 640 px wide; beyond the cover its edge goes on, or `outside`."""
    scale = 640 / shape[1]
    rows, columns = ((round(part.start * scale), round(part.stop * scale)) for part in place)
    height, width = round(shape[0] * scale), 640
    inner = cv2.resize(values, (columns[1] - columns[0], rows[1] - rows[0]), interpolation=cv2.INTER_AREA)
    borders = (rows[0], max(0, height - rows[1]), columns[0], max(0, width - columns[1]))
    kind = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    return np.asarray(cv2.copyMakeBorder(inner, *borders, kind, value=[outside or 0.0]), np.float32)


def _still(request: ClipRequest, study: _Study) -> Still:
    rng = np.random.default_rng([request.seed, 2])
    if request.kind is ShotKind.COVER_END:
        return Still(_finished(study.canvas, 1.0, rng), study.depth)
    width = _width(request, study)
    center = _center(request, study, width, rng)
    tilt = 0.0 if request.kind is ShotKind.HERO_HOLD else _tilt(request, rng)
    return _cut(study, request, center, width, tilt, rng)


def _width(request: ClipRequest, study: _Study) -> float:
    """What the frame at rest sees, in widths of the canvas."""
    inscribed = min(study.cover_width, study.cover_height / study.aspect)
    width = inscribed * _WIDTHS[request.framing]
    finest = min(request.width_px * study.pixel / _COARSEST, 0.66 * inscribed)
    if request.kind is ShotKind.HERO_HOLD:
        _, _, subject_w, subject_h = study.subject
        width = max(width, min(1.25 * inscribed, 1.15 * max(subject_w, subject_h / study.aspect)))
    return float(min(max(width, finest), 1 / ROOM))


def _center(request: ClipRequest, study: _Study, width: float, rng: np.random.Generator) -> tuple[float, float]:
    """What the frame looks at."""
    left, top, subject_w, subject_h = study.subject
    height = width * study.aspect
    middle = np.array([left + subject_w / 2, top + subject_h / 2])
    if subject_h > height:  # of what is taller than the frame, the upper part: that's where faces are
        middle[1] = top + 0.45 * height + 0.12 * (subject_h - height)
    if request.kind is ShotKind.HERO_HOLD:
        center = middle + np.array([0, 0.02 * height])
    elif request.framing in (Framing.WIDE, Framing.MEDIUM):
        third = rng.choice([-0.14, 0.0, 0.14]) * width, rng.choice([-0.08, 0.0, 0.06]) * height
        center = middle + third
    else:
        center = _target(study, width, rng) + rng.uniform(-0.06, 0.06, 2) * (width, height)
    return _inside(center, width * ROOM, study)


def _target(study: _Study, width: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One of the places that draw the eye, the stronger ones more often."""
    unit = study.salient.shape[1]
    score = cv2.GaussianBlur(study.salient, (0, 0), max(1.0, 0.25 * width * unit))
    places, weights = [], []
    for _ in range(4):
        y, x = np.unravel_index(int(score.argmax()), score.shape)
        if weights and score[y, x] < 0.35 * weights[0]:
            break
        places.append(((x + 0.5) / unit, (y + 0.5) / unit))
        weights.append(float(score[y, x]) + 1e-6)
        rows, columns = np.ogrid[: score.shape[0], : score.shape[1]]
        near = ((rows - y) ** 2 + (columns - x) ** 2) / (0.45 * width * unit) ** 2
        score = score * (1 - np.exp(-near))
    chosen = rng.choice(len(places), p=np.array(weights) / sum(weights))
    return np.array(places[int(chosen)])


def _inside(center: npt.NDArray, width: float, study: _Study) -> tuple[float, float]:
    """Moved so that a frame of this width stays on the cover, or at least on the canvas."""

    def held(value: float, size: float, cover: float, whole: float) -> float:
        room = cover if size <= cover else whole
        reach = max(0.0, (room - size) / 2)
        return float(np.clip(value, whole / 2 - reach, whole / 2 + reach))

    return (
        held(float(center[0]), width, study.cover_width, 1.0),
        held(float(center[1]), width * study.aspect, study.cover_height, study.aspect),
    )


def _tilt(request: ClipRequest, rng: np.random.Generator) -> float:
    """A slanted horizon, in radians: only lively shots have one."""
    most = np.radians(3.0) * np.clip((request.motion - 130) / 80, 0, 1)
    return float(rng.uniform(-most, most)) if request.framing is not Framing.WIDE else 0.0


def _cut(
    study: _Study,
    request: ClipRequest,
    center: tuple[float, float],
    width: float,
    tilt: float,
    rng: np.random.Generator,
) -> Still:
    """The part of the canvas, with room around it for the camera."""
    canvas_w = study.canvas.shape[1]
    source_px = width * ROOM * canvas_w
    base_px = request.width_px * ROOM
    still_w = round(float(np.clip(source_px, base_px, base_px * _FINEST)))
    still_h = round(still_w * study.aspect)
    rgb = _resampled(study.canvas, center, source_px, tilt, (still_w, still_h))
    enlarged = still_w / (width * ROOM / study.pixel)
    depth_px = width * ROOM * study.depth.shape[1]
    size = (512, max(8, round(512 * study.aspect)))
    depth = _resampled(study.depth, center, depth_px, tilt, size)
    return Still(_finished(cast(Frame, rgb), enlarged, rng), np.asarray(depth, np.float32))


def _resampled(
    source: npt.NDArray, center: tuple[float, float], width_px: float, tilt: float, size: tuple[int, int]
) -> npt.NDArray:
    """A rectangle of the source around a place, turned by `tilt`, at the given size."""
    unit = source.shape[1]
    scale = width_px / size[0]
    if scale > 1.5:  # Lanczos reads few pixels: what is reduced much is reduced by area first
        source = cv2.resize(source, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
        unit, scale = source.shape[1], scale * source.shape[1] / unit
    cos, sin = scale * np.cos(tilt), scale * np.sin(tilt)
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    place = np.array([center[0] * unit - 0.5, center[1] * unit - 0.5])
    turn = np.array([[cos, -sin], [sin, cos]])
    matrix = np.hstack([turn, (place - turn @ middle)[:, None]])
    method = cv2.INTER_LANCZOS4 if source.dtype == np.uint8 else cv2.INTER_LINEAR
    flags = method | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)


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
