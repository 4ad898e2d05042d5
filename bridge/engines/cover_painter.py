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
from bridge.engines.depth import CLASSICAL, Map, depth_by, depth_name
from bridge.engines.matte import reduced

_WIDTHS = {Framing.WIDE: 1.08, Framing.MEDIUM: 0.76, Framing.CLOSE: 0.52, Framing.DETAIL: 0.36}
"""what a shot sees at rest, in widths of the largest frame that fits into the cover"""
_FINEST = 1.3
"""stills are painted at most this much finer than the frame: the camera never comes closer"""
_WHOLE_SUBJECT = 1.12
"""a medium shot is at least this much larger than the subject, so that the camera's way doesn't crop it"""
_WIDER = 1.17
"""than the medium shot is a wide one"""
_MATCHED_SIDE = 0.06
"""how far from the middle, in widths of the frame, what matters is halfway through a shot with a matched cut: about as
far as the camera travels until the cut"""
_HEAD = 0.6
"""of the subject, from its top: where a close-up finds its face"""
_SIDE, _CUT = 0.16, 0.6
"""how wide a strip along a frame's side is, in its sizes; what it costs to have something there that draws the eye"""
_CANVAS_FINEST = 2.2
_DEPTH_WIDTH_PX = 512
_COARSEST = 3.6
"""a pixel of the cover is shown at most this large, if the framing can be that wide"""


class CoverPainter:
    """Frames the cover."""

    name = "cover"
    version = "5"

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """One still per request, `ROOM` times as large as the frame at rest (the whole cover for the last shot)."""
        for request in requests:
            work.report(0.0, "framing the cover")
            path = work.file(request.cover_sha256)
            yield _last_still(request, path) if request.kind is ShotKind.COVER_END else _still(request, path)


@dataclass(frozen=True)
class _Study:
    """The cover, understood. Places are x, y in widths of the cover, from its top left corner."""

    cover: Frame
    depth: Map
    salient: Map
    subject: tuple[float, float, float, float]
    """left, top, width, height"""

    @property
    def height(self) -> float:
        return self.cover.shape[0] / self.cover.shape[1]


@dataclass(frozen=True)
class _View:
    """A rectangle of the cover's plane, with the camera's room: what a still shows."""

    center: tuple[float, float]
    width: float
    aspect: float
    """height by width"""
    tilt: float = 0.0
    """radians"""

    def is_on(self, study: _Study) -> bool:
        """Whether the cover fills it."""
        cos, sin = abs(np.cos(self.tilt)), abs(np.sin(self.tilt))
        reach_x = self.width / 2 * (cos + self.aspect * sin) - 1e-3
        reach_y = self.width / 2 * (sin + self.aspect * cos) - 1e-3
        x, y = self.center
        return reach_x <= x <= 1 - reach_x and reach_y <= y <= study.height - reach_y


@lru_cache(maxsize=2)
def _study(path: Path, depth: str = CLASSICAL) -> _Study:
    from bridge.cover import load, saliency, subject_box
    from bridge.cover.subject import detail

    cover = load(path)
    subject, unit = subject_box(cover), cover.shape[1]
    place = (subject.left_px / unit, subject.top_px / unit, subject.width_px / unit, subject.height_px / unit)
    return _Study(
        cover, depth_by(depth, cover), _telling(saliency(reduced(cover, 640)), detail(reduced(cover, 640))), place
    )


def _telling(salient: Map, detail: Map) -> Map:
    """What a close shot can show: what draws the eye and has something in it; a plain shoulder has not."""
    near = cv2.GaussianBlur(detail, (0, 0), 0.02 * detail.shape[1])
    return np.asarray(salient * (0.15 + 0.85 * near / max(float(near.max()), 1e-6)), np.float32)


def _still(request: ClipRequest, path: Path) -> Still:
    study, rng = _study(path, depth_name(request)), np.random.default_rng([request.seed, 2])
    width = _width(request, study)
    center = _center(request, study, width, rng)
    view = _View(center, width * ROOM, request.height_px / request.width_px, _tilt(request, rng))
    if view.is_on(study):
        return _cut(request, study, study.cover, (0.0, 0.0), 1.0, view, rng)
    canvas, left_top, unit = _canvas(path, request.width_px, request.height_px)
    return _cut(request, study, canvas, left_top, unit, view, rng)


def _last_still(request: ClipRequest, path: Path) -> Still:
    """The whole canvas."""
    study, rng = _study(path, depth_name(request)), np.random.default_rng([request.seed, 2])
    canvas, (left, top), unit = _canvas(path, request.width_px, request.height_px)
    aspect = canvas.shape[0] / canvas.shape[1]
    view = _View((left + unit / 2, top + unit * aspect / 2), unit, aspect)
    return Still(_finished(canvas, canvas.shape[1] / (unit * study.cover.shape[1]), rng), _depth(study, view))


@lru_cache(maxsize=2)
def _canvas(path: Path, width_px: int, height_px: int) -> tuple[Frame, tuple[float, float], float]:
    """The recomposed cover as finely as the cover itself is, its top left corner and its width in cover widths."""
    from bridge.cover import recomposed_box

    cover = _study(path).cover
    size = (cover.shape[1], cover.shape[0])
    finer = float(np.clip(size[0] / recomposed_box(size, width_px, height_px).width_px, 1.0, _CANVAS_FINEST))
    large = (round(width_px * finer), round(height_px * finer))
    canvas = cv2.resize(whole_cover(path, width_px, height_px), large, interpolation=cv2.INTER_CUBIC)
    box = recomposed_box(size, *large)
    method = cv2.INTER_AREA if box.width_px < size[0] else cv2.INTER_CUBIC
    canvas[box.slices] = cv2.resize(cover, (box.width_px, box.height_px), interpolation=method)
    left_top = (-box.left_px / box.width_px, -box.top_px / box.width_px)
    return cast(Frame, canvas), left_top, large[0] / box.width_px


@lru_cache(maxsize=2)
def whole_cover(path: Path, width_px: int, height_px: int) -> Frame:
    """The cover recomposed to the frame: what a video ends on. Kept, since it takes seconds to make."""
    from bridge.cover import recompose

    return recompose(_study(path).cover, width_px, height_px)


def _width(request: ClipRequest, study: _Study) -> float:
    """What the frame at rest sees, in widths of the cover."""
    aspect = request.height_px / request.width_px
    inscribed, whole = min(1.0, study.height / aspect), max(1.0, study.height / aspect) / ROOM
    width = inscribed * _WIDTHS[request.framing]
    medium = _medium_width(study, aspect, inscribed, whole)
    if request.framing is Framing.MEDIUM:
        width = medium
    elif request.framing is Framing.WIDE:
        width = max(width, _WIDER * medium)
    finest = min(request.width_px / study.cover.shape[1] / _COARSEST, 0.66 * inscribed)
    if request.kind is ShotKind.HERO_HOLD:
        _, _, subject_w, subject_h = study.subject
        width = max(width, min(1.3 * inscribed, 1.15 * max(subject_w, subject_h / aspect)))
    return float(min(max(width, finest), whole))


def _medium_width(study: _Study, aspect: float, inscribed: float, whole: float) -> float:
    """Wide enough for the whole subject, if a wide shot can still be wider; else the subject is cropped for good."""
    width = inscribed * _WIDTHS[Framing.MEDIUM]
    needed = _WHOLE_SUBJECT * max(study.subject[2], study.subject[3] / aspect)
    return max(width, needed) if needed * _WIDER <= whole else width


def _center(request: ClipRequest, study: _Study, width: float, rng: np.random.Generator) -> tuple[float, float]:
    """What the frame looks at."""
    aspect = request.height_px / request.width_px
    left, top, subject_w, subject_h = study.subject
    size = np.array([width, width * aspect])
    middle = np.array([left + subject_w / 2, top + subject_h / 2])
    if subject_h > size[1]:
        middle[1] = _head(study, size)[1]
    if request.kind is ShotKind.HERO_HOLD:
        middle[1] = min(middle[1], top - 0.07 * size[1] + size[1] / 2)  # headroom
        return _inside(middle, size, study, aspect)  # its camera goes in: the room around may lie beyond the cover
    if request.framing in (Framing.WIDE, Framing.MEDIUM):
        aside = size * (rng.choice([-0.14, 0.0, 0.14]), rng.choice([-0.08, 0.0, 0.06]))
        room = np.maximum(0.0, (size - np.array([subject_w, subject_h])) / 2 - 0.06 * size)
        fits = subject_h <= size[1] and subject_w <= size[0]
        focus, aside = middle, np.clip(aside, -room, room) if fits else np.minimum(aside, (np.inf, 0.0))
    else:
        focus, aside = _target(request, study, width, rng), size * rng.uniform(-0.06, 0.06, 2)
    if request.matched:
        aside[0] = size[0] * _MATCHED_SIDE * request.direction * (1 if request.matched == "in" else -1)
    return _inside(focus + aside, size * ROOM, study, aspect)


def _target(request: ClipRequest, study: _Study, width: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One of the places that make a picture, the better ones more often; close-ups favour the subject's head."""
    unit = study.salient.shape[1]
    size = np.array([width, width * request.height_px / request.width_px])
    score = _framed(study, size)
    places, weights = [], []
    for _ in range(4):
        y, x = np.unravel_index(int(score.argmax()), score.shape)
        if weights and score[y, x] < 0.6 * weights[0]:
            break
        places.append(((x + 0.5) / unit, (y + 0.5) / unit))
        weights.append(float(score[y, x]) + 1e-6)
        rows, columns = np.ogrid[: score.shape[0], : score.shape[1]]
        near = ((rows - y) / (size[1] * unit)) ** 2 + ((columns - x) / (size[0] * unit)) ** 2
        score = score * (1 - np.exp(-near / 0.3))
    if request.framing is Framing.CLOSE:
        places.append(_head(study, size))
        weights.append(1.5 * sum(weights))
    chosen = rng.choice(len(places), p=np.array(weights) / sum(weights))
    return np.array(places[int(chosen)])


def _head(study: _Study, size: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Where a frame of this size looks at the subject's head: what tells most in its upper part, as faces do."""
    left, top, subject_w, subject_h = study.subject
    unit = study.salient.shape[1]
    first, below = round(top * unit), round((top + _HEAD * subject_h) * unit) + 1
    columns = slice(round(left * unit), round((left + subject_w) * unit) + 1)
    within = _framed(study, size)[first:below, columns]
    if not within.any():  # the frame is as large as the cover
        return left + subject_w / 2, top + min(subject_h / 2, 0.44 * float(size[1]))
    y, x = np.unravel_index(int(within.argmax()), within.shape)
    return left + (float(x) + 0.5) / unit, top + (float(y) + 0.5) / unit


def _framed(study: _Study, size: npt.NDArray[np.float64]) -> Map:
    """How good a picture a frame of this size makes around each place of the salient map.

    What draws the eye belongs inside, and not on one of the frame's sides, which would cut it in two. Frames that reach
    beyond the cover make none.
    """
    salient = study.salient
    width, height = size * salient.shape[1]

    def mean(width_px: float, height_px: float) -> Map:
        return np.asarray(cv2.boxFilter(salient, -1, (max(1, round(width_px)), max(1, round(height_px)))), np.float32)

    upright, level = mean(_SIDE * width, height), mean(width, _SIDE * height)
    reach_x, reach_y = int(width / 2), int(height / 2)
    sides = [np.roll(upright, reach_x, 1), np.roll(upright, -reach_x, 1)]
    sides += [np.roll(level, reach_y, 0), np.roll(level, -reach_y, 0)]
    score = np.maximum(mean(0.6 * width, 0.6 * height) - _CUT * np.max(sides, axis=0), 0)
    rows, columns = score.shape
    room_x, room_y = int(min(width * ROOM, columns - 1) / 2), int(min(height * ROOM, rows - 1) / 2)
    inside = np.zeros_like(score)
    inside[room_y : rows - room_y, room_x : columns - room_x] = 1
    return np.asarray(score * inside, np.float32)


def _inside(center: npt.NDArray, size: npt.NDArray, study: _Study, aspect: float) -> tuple[float, float]:
    """Moved so that a view of this size stays on the cover, or at least on the recomposed one."""
    whole = (max(1.0, study.height / aspect), max(study.height, aspect))

    def held(value: float, size: float, cover: float, whole: float) -> float:
        room = cover if size <= cover else whole
        reach = max(0.0, (room - size) / 2)
        return float(np.clip(value, cover / 2 - reach, cover / 2 + reach))

    return (
        held(float(center[0]), float(size[0]), 1.0, whole[0]),
        held(float(center[1]), float(size[1]), study.height, whole[1]),
    )


def _tilt(request: ClipRequest, rng: np.random.Generator) -> float:
    """A slanted horizon, in radians: only lively shots that are close enough have one."""
    most = np.radians(3.0) * np.clip((request.motion - 130) / 80, 0, 1)
    slants = request.framing is not Framing.WIDE and request.kind is ShotKind.MOTION
    return float(rng.uniform(-most, most)) if slants else 0.0


def _cut(
    request: ClipRequest,
    study: _Study,
    source: Frame,
    left_top: tuple[float, float],
    unit: float,
    view: _View,
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


def _depth(study: _Study, view: _View) -> Map:
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
