# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the cover each shot shows.

Places are x, y in widths of the cover, from its top left corner, unless said otherwise.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.clips.animatic.camera import ROOM
from bridge.clips.animatic.depth import depth_by
from bridge.clips.animatic.depth_classical import CLASSICAL, Map
from bridge.clips.animatic.matte import reduced
from bridge.common.frames import Frame
from bridge.cover import Box

_WIDTHS = {Framing.WIDE: 1.08, Framing.MEDIUM: 0.76, Framing.CLOSE: 0.52, Framing.DETAIL: 0.36}
"""what a shot sees at rest, in widths of the largest frame that fits into the cover"""
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
_COARSEST = 3.6
"""a pixel of the cover is shown at most this large, if the framing can be that wide"""
_AIR, _SLIVER, _LEGIBLE = 0.03, 10.0, 0.05
"""between letters and the frame's sides, in its sizes; 1 over the part of a line that is cut for sure; the height of
letters that are easily read, in heights of the frame"""
_ASTRAY, _LOOSER = 0.5, 1.5
"""how far a frame may move so as not to cut letters, in its sizes, and how much wider a close one may get"""
_AWAY_COST, _WIDER_COST, _OFF_COST, _LOST_COST = 0.8, 0.6, 0.7, 2.0
"""of a move of one size, of e times the width, of showing nothing of the cover, of losing the subject; a line that is
cut costs 1"""

Rectangle = tuple[float, float, float, float]
"""left, top, width, height"""


@dataclass(frozen=True)
class Study:
    """The cover, understood."""

    cover: Frame
    depth: Map
    salient: Map
    subject: Rectangle
    lines: tuple[Rectangle, ...]
    """of letters"""

    @property
    def height(self) -> float:
        return self.cover.shape[0] / self.cover.shape[1]

    def canvas(self, aspect: float) -> tuple[float, float]:
        """Width and height of the whole cover recomposed to a frame of this shape; their middles are one."""
        return max(1.0, self.height / aspect), max(self.height, aspect)


@dataclass(frozen=True)
class View:
    """A rectangle of the cover's plane, with the camera's room: what a still shows."""

    center: tuple[float, float]
    width: float
    aspect: float
    """height by width"""
    tilt: float = 0.0
    """radians"""

    def is_within(self, study: Study, size: tuple[float, float]) -> bool:
        """Whether it lies in a rectangle of this size around the cover's middle."""
        cos, sin = abs(np.cos(self.tilt)), abs(np.sin(self.tilt))
        reach_x = self.width / 2 * (cos + self.aspect * sin) - 1e-3
        reach_y = self.width / 2 * (sin + self.aspect * cos) - 1e-3
        off_x, off_y = abs(self.center[0] - 0.5), abs(self.center[1] - study.height / 2)
        return bool(off_x + reach_x <= size[0] / 2 and off_y + reach_y <= size[1] / 2)


@lru_cache(maxsize=2)
def studied(path: Path, depth: str = CLASSICAL) -> Study:
    """The cover in a file, understood. Kept, since all shots of a video ask for it.

    Args:
        depth: the name of what estimates the depth.
    """
    from bridge.cover import load, saliency, subject_box
    from bridge.cover.lettering import lettering
    from bridge.cover.subject import detail

    cover = load(path)
    small, written = reduced(cover, 640), lettering(cover)

    def place(box: Box) -> Rectangle:
        left, top, width, height = astuple(box)
        return (left / cover.shape[1], top / cover.shape[1], width / cover.shape[1], height / cover.shape[1])

    return Study(
        cover,
        depth_by(depth, cover),  # with its letters: an outline through them would tear them
        _telling(saliency(small), detail(small)),
        place(subject_box(written.bare)),  # the picture's, not the title's
        tuple(map(place, written.lines)),
    )


def _telling(salient: Map, detail: Map) -> Map:
    """What a close shot can show: what draws the eye and has something in it; a plain shoulder has not."""
    near = cv2.GaussianBlur(detail, (0, 0), 0.02 * detail.shape[1])
    return np.asarray(salient * (0.15 + 0.85 * near / max(float(near.max()), 1e-6)), np.float32)


def framed(request: ClipRequest, study: Study, rng: np.random.Generator) -> View:
    """What a shot's still shows."""
    aspect = request.height_px / request.width_px
    width = _width(request, study)
    center, width = _uncut(_center(request, study, width, rng), width, request, study)
    return View(center, width * ROOM, aspect, _tilt(request, rng))


def _width(request: ClipRequest, study: Study) -> float:
    """What the frame at rest sees, in widths of the cover."""
    aspect = request.height_px / request.width_px
    inscribed, whole = min(1.0, study.height / aspect), study.canvas(aspect)[0] / ROOM
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


def _medium_width(study: Study, aspect: float, inscribed: float, whole: float) -> float:
    """Wide enough for the whole subject, if a wide shot can still be wider; else the subject is cropped for good."""
    width = inscribed * _WIDTHS[Framing.MEDIUM]
    needed = _WHOLE_SUBJECT * max(study.subject[2], study.subject[3] / aspect)
    return max(width, needed) if needed * _WIDER <= whole else width


def _center(request: ClipRequest, study: Study, width: float, rng: np.random.Generator) -> tuple[float, float]:
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


def _target(request: ClipRequest, study: Study, width: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One of the places that make a picture, the better ones more often; close-ups favour the subject's head."""
    unit = study.salient.shape[1]
    size = np.array([width, width * request.height_px / request.width_px])
    score = _worth(study, size)
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
        head = _head(study, size)
        (x, y), seen = _uncut(head, width, request, study)
        cut = _cuts(study.lines, size * seen / width, np.array([x]), np.array([y])).item()
        places.append(head)
        weights.append(1.5 * sum(weights) * max(0.02, 1 - cut))
    chosen = rng.choice(len(places), p=np.array(weights) / sum(weights))
    return np.array(places[int(chosen)])


def _head(study: Study, size: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Where a frame of this size looks at the subject's head: what tells most in its upper part, as faces do."""
    left, top, subject_w, subject_h = study.subject
    unit = study.salient.shape[1]
    first, below = round(top * unit), round((top + _HEAD * subject_h) * unit) + 1
    columns = slice(round(left * unit), round((left + subject_w) * unit) + 1)
    within = _worth(study, size)[first:below, columns]
    if not within.any():  # the frame is as large as the cover
        return left + subject_w / 2, top + min(subject_h / 2, 0.44 * float(size[1]))
    y, x = np.unravel_index(int(within.argmax()), within.shape)
    return left + (float(x) + 0.5) / unit, top + (float(y) + 0.5) / unit


def _worth(study: Study, size: npt.NDArray[np.float64]) -> Map:
    """How good a picture a frame of this size makes around each place of the salient map.

    What draws the eye belongs inside, and not on one of the frame's sides, which would cut it in two; least of all
    letters. Frames that reach beyond the cover make none.
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
    x, y = ((np.arange(count) + 0.5) / columns for count in (columns, rows))
    return np.asarray(score * inside * (1 - 0.9 * np.minimum(_cuts(study.lines, size, x, y), 1)), np.float32)


def _inside(center: npt.NDArray, size: npt.NDArray, study: Study, aspect: float) -> tuple[float, float]:
    """Moved so that a view of this size stays on the cover, or at least on the recomposed one."""
    whole = study.canvas(aspect)

    def held(value: float, size: float, cover: float, whole: float) -> float:
        room = cover if size <= cover else whole
        reach = max(0.0, (room - size) / 2)
        return float(np.clip(value, cover / 2 - reach, cover / 2 + reach))

    return (
        held(float(center[0]), float(size[0]), 1.0, whole[0]),
        held(float(center[1]), float(size[1]), study.height, whole[1]),
    )


def _uncut(
    center: tuple[float, float], width: float, request: ClipRequest, study: Study
) -> tuple[tuple[float, float], float]:
    """The frame at rest that cuts no line of letters, if there is one near: moved, or wider, or both.

    It may reach beyond the cover for that. Wide and medium shots keep as much of their subject as they had.
    """
    if not study.lines:
        return center, width
    aspect = request.height_px / request.width_px
    canvas, middle = study.canvas(aspect), (0.5, study.height / 2)
    cover, subject = (0.0, 0.0, 1.0, study.height), study.subject
    loose = request.kind is not ShotKind.HERO_HOLD and request.framing in (Framing.CLOSE, Framing.DETAIL)
    seen = _shown(subject, width * np.array([1, aspect]), np.array([center[0]]), np.array([center[1]]))
    least, best = np.inf, (center, width)
    for wide in np.geomspace(width, max(width, min(canvas[0], _LOOSER * width) if loose else canvas[0]), 12):
        size = wide * np.array([1, aspect])
        reach = (np.array(canvas) - size) / 2
        places = [center[i] + size[i] * np.linspace(-_ASTRAY, _ASTRAY, 41) for i in (0, 1)]
        places = [np.append(places[i], [line[i] + line[i + 2] / 2 for line in study.lines]) for i in (0, 1)]
        x, y = (np.clip(places[i], middle[i] - reach[i], middle[i] + reach[i]) for i in (0, 1))
        away = np.hypot(((x - center[0]) / size[0])[None, :], ((y - center[1]) / size[1])[:, None])
        off = 1 - _shown(cover, size, x, y) * study.height / (size[0] * size[1])
        cost = _cuts(study.lines, size, x, y) + _AWAY_COST * away + _WIDER_COST * np.log(wide / width) + _OFF_COST * off
        if not loose:
            cost += _LOST_COST * np.maximum(seen - _shown(subject, size, x, y), 0)
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        if cost[row, column] < least:
            least, best = float(cost[row, column]), ((float(x[column]), float(y[row])), float(size[0]))
    return best


def _cuts(
    lines: Sequence[Rectangle],
    size: npt.NDArray[np.float64],
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """How badly frames of this size around each place cut lines of letters: 1 is one line that is easily read, cut.

    Args:
        size: width, height.
        x, y: places.

    Returns:
        Shape (places in y, places in x).
    """
    total = np.zeros((len(y), len(x)))
    for line in lines:
        inside, outside = (_shown(line, size * share, x, y) for share in (1 - 2 * _AIR, 1 + _AIR))
        legible = min(1.0, line[3] / (_LEGIBLE * size[1]))
        total += legible * np.minimum(1, _SLIVER * outside) * np.minimum(1, _SLIVER * (1 - inside))
    return total


def _shown(
    part: Rectangle, size: npt.NDArray[np.float64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The share of a rectangle that frames of this size around each place show; shape (places in y, places in x)."""

    def share(middle: npt.NDArray[np.float64], size: float, start: float, length: float) -> npt.NDArray[np.float64]:
        within = np.minimum(middle + size / 2, start + length) - np.maximum(middle - size / 2, start)
        return np.clip(within / length, 0, 1)

    return np.outer(share(y, size[1], part[1], part[3]), share(x, size[0], part[0], part[2]))


def _tilt(request: ClipRequest, rng: np.random.Generator) -> float:
    """A slanted horizon, in radians: only lively shots that are close enough have one."""
    most = np.radians(3.0) * np.clip((request.motion - 130) / 80, 0, 1)
    slants = request.framing is not Framing.WIDE and request.kind is ShotKind.MOTION
    return float(rng.uniform(-most, most)) if slants else 0.0
