# SPDX-License-Identifier: GPL-3.0-or-later
"""The painter `cover`: each shot's still is a part of the album cover, framed as the shot asks."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest, Ending, ShotKind
from bridge.clips.animatic.depth import depth_name
from bridge.clips.animatic.depth_classical import CLASSICAL, Map
from bridge.clips.animatic.framing import View, closest_width, kept
from bridge.clips.animatic.neighbours import told_apart
from bridge.clips.animatic.people import Rectangle
from bridge.clips.animatic.study import Study, studied
from bridge.clips.animatic.version import version
from bridge.clips.base import Room, Still, Work
from bridge.common.frames import Frame
from bridge.cover import Box

if TYPE_CHECKING:
    from bridge.cover.mount import Mounted

_REACH = 0.34
"""how far a still goes on beyond the frame at rest, in widths of the frame: the camera's way"""
_FINEST = 1.15
"""stills are painted at most this much finer than the frame: the camera comes little closer"""
_CARD_ROOM = 1.4
"""the ground around a card is this much larger than the frame"""
_DEPTH_WIDTH_PX = 512
_FLAT_DEPTH = 0.5


class CoverPainter:
    """Frames the cover."""

    version = version()

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """One still per request, larger than the frame at rest (the whole cover in the frame for the last shot)."""
        for request in requests:
            work.report(0.0, "framing the cover")
            path = work.file(request.cover_sha256)
            yield _last_still(request, path) if request.kind is ShotKind.COVER_END else _still(request, path)


def _still(request: ClipRequest, path: Path) -> Still:
    study, rng = studied(path, depth_name(request)), np.random.default_rng([request.seed, 2])
    view = told_apart(request, study)
    return _card(request, study, view) if view.is_card else _crop(request, path, study, view, rng)


def _last_still(request: ClipRequest, path: Path) -> Still:
    """The whole cover in the frame, flat as a print."""
    whole = whole_cover(path, request.width_px, request.height_px, request.ending)
    half, box = request.height_px / request.width_px / 2, whole.cover
    left, right = (side / request.width_px - 0.5 for side in (box.left_px, box.right_px))
    top, bottom = (side / request.width_px - half for side in (box.top_px, box.bottom_px))
    room = Room(-0.5, -half, 0.5, half, kept=((left, top, right, bottom),))
    return Still(whole.picture, _flat(whole.picture), room=room)


@lru_cache(maxsize=2)
def whole_cover(path: Path, width_px: int, height_px: int, ending: Ending) -> "Mounted":
    """What a video ends on."""
    from bridge.cover import mounted

    return mounted(studied(path, CLASSICAL).cover, width_px, height_px, ending)


@lru_cache(maxsize=2)
def _world(path: Path, aspect: float) -> tuple[Frame, tuple[float, float]]:
    """The cover with what certainly lies around it, and the cover's top left corner in it, in pixels."""
    from bridge.cover import extended

    study = studied(path, CLASSICAL)
    left, top, _, _ = study.world(aspect)
    side_px = study.cover.shape[1]
    whole = extended(study.cover, round(-left * side_px), round(-top * side_px))
    return whole.picture, (whole.cover.left_px, whole.cover.top_px)


def _crop(request: ClipRequest, path: Path, study: Study, view: View, rng: np.random.Generator) -> Still:
    """The frame's part of the cover, and what is around it, as far as the camera may go."""
    picture, origin = _world(path, view.aspect)
    side_px = study.cover.shape[1]
    whole_px = (picture.shape[1], picture.shape[0])
    first, last = [], []
    for axis in (0, 1):
        reach = (view.size[axis] / 2 + _REACH * view.width) * side_px
        middle = view.center[axis] * side_px + origin[axis]
        first.append(max(0, round(middle - reach)))
        last.append(min(whole_px[axis], round(middle + reach)))
    part = picture[first[1] : last[1], first[0] : last[0]]
    scale = min(1.0, _FINEST * request.width_px / (view.width * side_px))
    enlarged = request.width_px / (view.width * side_px)
    scale = enlarged if enlarged > 1 else scale
    rgb = _scaled(part, scale)
    place = tuple((first[axis] - origin[axis]) / side_px for axis in (0, 1))
    rectangle = (place[0], place[1], part.shape[1] / side_px, part.shape[0] / side_px)
    room = _room(view, rectangle, kept(view, study, request.framing), closest_width(request, study))
    return Still(_finished(rgb, enlarged, rng), _depth(study, rectangle), room=room)


def _card(request: ClipRequest, study: Study, view: View) -> Still:
    """The cover on its ground, which goes on around the frame; flat as a print."""
    from bridge.cover.mount import on_ground

    width_px, height_px = round(request.width_px * _CARD_ROOM), round(request.height_px * _CARD_ROOM)
    unit = request.width_px / view.width
    size = (round(unit), round(unit * study.height))
    corner = (round(width_px / 2 - view.center[0] * unit), round(height_px / 2 - view.center[1] * unit))
    box = Box(*corner, *size)
    rgb = on_ground(study.cover, box, width_px, height_px)
    width, height = view.width * _CARD_ROOM, view.width * _CARD_ROOM * view.aspect
    rectangle = (view.center[0] - width / 2, view.center[1] - height / 2, width, height)
    return Still(
        rgb, _flat(rgb), room=_room(view, rectangle, kept(view, study, request.framing), closest_width(request, study))
    )


def _room(view: View, still: Rectangle, whole: Sequence[Rectangle], closest: float) -> Room:
    """Places of the cover's plane as the camera counts them: in widths of the frame from its middle."""

    def seen(part: Rectangle) -> tuple[float, float, float, float]:
        left, top = ((part[axis] - view.center[axis]) / view.width for axis in (0, 1))
        return (left, top, left + part[2] / view.width, top + part[3] / view.width)

    return Room(*seen(still), kept=tuple(map(seen, whole)), closest=min(0.99, closest / view.width))


def _scaled(picture: Frame, scale: float) -> Frame:
    size = (max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    return np.array(cv2.resize(picture, size, interpolation=method), np.uint8)


def _depth(study: Study, part: Rectangle) -> Map:
    """The depth of a part of the cover's plane; beyond the cover, its edge goes on."""
    unit = study.depth.shape[1]
    size = (_DEPTH_WIDTH_PX, max(8, round(_DEPTH_WIDTH_PX * part[3] / part[2])))
    x = (part[0] + part[2] * (np.arange(size[0]) + 0.5) / size[0]) * unit - 0.5
    y = (part[1] + part[3] * (np.arange(size[1]) + 0.5) / size[1]) * unit - 0.5
    column, row = (axis.astype(np.float32) for axis in np.meshgrid(x, y))
    depth = cv2.remap(study.depth, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(depth, np.float32)


def _flat(rgb: Frame) -> npt.NDArray[np.float32]:
    return np.full((max(8, rgb.shape[0] // 8), max(8, rgb.shape[1] // 8)), _FLAT_DEPTH, np.float32)


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
