# SPDX-License-Identifier: GPL-3.0-or-later
"""How bad a frame around each place of the cover would be for a shot.

Places are x, y in widths of the cover, from its top left corner, unless said otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.clips.animatic.depth_classical import Map
from bridge.clips.animatic.people import Rectangle
from bridge.clips.animatic.study import Study

Places = npt.NDArray[np.float64]

_UPPER = 0.85
"""of a subject that is higher than the frame, so much is seen, in the frame's height"""
_SHOULDERS, _STATURE = 1.5, 6.5
"""how far a body reaches to either side of its face's middle, and below it, in the face's width and height"""
_EYES, _EYES_AT = 0.4, 0.36
"""where the eyes are in a face; where a frame has them: a little above its upper third, since heads need room"""
_HEAD = 0.25
"""of the subject, from its top: where a close shot looks if it finds no face"""
_MATCHED_SIDE = 0.06
"""how far from the middle, in widths of the frame, what matters is halfway through a shot with a matched cut: about as
far as the camera travels until the cut"""
_SIDE, _CUT = 0.16, 0.6
"""how wide a strip along a frame's side is, in its sizes; what it costs to have something there that draws the eye"""
_AIR, _SLIVER, _LEGIBLE = 0.03, 30.0, 0.05
"""between letters and the frame's sides, in its sizes; 1 over the part of a line that is cut for sure; the height of
letters that are easily read, in heights of the frame"""
_LINE_COST, _HEAD_COST, _BODY_COST, _GROUP_COST = 8.0, 8.0, 6.0, 1.0
"""of a line cut; a head cut; a frame full of a body without its head; some of a group, but not all"""
_LOST_COST, _AWAY_COST, _LOW_COST, WIDTH_COST, _WORTH, _LITTLE_WORTH, CHANCE = 2.5, 0.8, 4.0, 1.5, 1.5, 0.4, 0.4
"""of losing the subject; of being one size away from where it belongs; of eyes one size below the middle; of e times
the width; what the best place is worth in a close shot, and in the others; how much is left to chance"""
_BARE_COST, _BARE_SHARE, _SOFT_SHARE, _INNER = 6.0, 0.5, 0.3, 0.7
"""of a frame in which there is nothing to see; the share of the whole cover's form from which there is something, and
of what is sharp in it, since out of focus there is nothing; where it is looked for, in sizes of the frame"""
_UPPER_PART, _STANDS_ALONE = 0.3, 0.8
"""of a subject without a face, from its top: what is below isn't shown without it; of the cover's height, at most, that
a figure has: what is higher is a view"""
_INSERT = 1.0
"""a frame that is narrower than a face, in its widths, shows a thing that someone wears or holds, and no body"""
_STUCK_COST, _WAY, _WHOLE = 2.5, 0.1, 0.98
"""of a frame that can't move at all; how far one that can moves, in its widths; the share of a thing seen whole"""
EDGE = 0.008
"""how far a frame stays from the cover's edge at least, in its sizes"""


@dataclass(frozen=True)
class Target:
    """What a shot is about."""

    request: ClipRequest
    study: Study
    focus: tuple[float, float]
    """the place that matters"""
    at: tuple[float, float]
    """where in the frame it belongs, in its sizes"""
    whole: Rectangle | None
    """what is to be seen whole"""

    @classmethod
    def of(cls, request: ClipRequest, study: Study, rng: np.random.Generator) -> "Target":
        aside = 0.0
        if request.matched:
            aside = _MATCHED_SIDE * request.direction * (1 if request.matched == "in" else -1)
        elif request.kind is ShotKind.MOTION:
            aside = float(rng.choice([-0.12, 0.0, 0.12]))
        if study.faces and request.framing is not Framing.DETAIL:
            alone = request.framing is Framing.CLOSE
            looked_at = study.faces[: 1 if alone else None]
            if alone and request.kind is ShotKind.MOTION:  # one of the group, each in turn
                looked_at = (study.faces[int(rng.integers(len(study.faces)))],)
            left, right = min(face[0] for face in looked_at), max(face[0] + face[2] for face in looked_at)
            eyes = [face[1] + _EYES * face[3] for face in looked_at]
            focus = ((left + right) / 2, (min(eyes) + max(eyes)) / 2)
            return cls(request, study, focus, (0.5 + aside * (len(looked_at) == 1), _EYES_AT), None)
        left, top, width, height = study.subject
        whole = study.subject if request.framing in (Framing.WIDE, Framing.MEDIUM) else None
        middle = _HEAD if request.framing is Framing.CLOSE else 0.5
        return cls(request, study, (left + width / 2, top + middle * height), (0.5 + aside, 0.5), whole)

    def cost(self, size: Places, x: Places, y: Places) -> Places:
        """How bad frames of this size around each place are; shape (places in y, places in x)."""
        study = self.study
        cost = _LINE_COST * cuts(study, study.lines, size, x, y, _legible(study.lines, size))
        cost += _HEAD_COST * cuts(study, study.heads(self.request.framing), size, x, y) + self._people(size, x, y)
        cost += _STUCK_COST * self._stuck(size, x, y)
        lacking = [
            1 - _spread(form, _INNER * size, x, y) / (part * max(float(form.std()), 1e-3))
            for form, part in ((study.form, _BARE_SHARE), (study.fine, _SOFT_SHARE))
        ]
        cost += _BARE_COST * np.clip(np.max(lacking, axis=0), 0, 1)
        if self.whole is not None:
            whole = within_cover(self._fitting(size), study, _AIR * size, EDGE * size)
            cost += _LOST_COST * (1 - shown(whole, size, x, y))
        worth = _worth(study, size, x, y)
        worth /= max(float(worth.max()), 1e-6)
        is_detail = self.request.framing is Framing.DETAIL
        cost -= (_WORTH if is_detail or (self.whole is None and not study.faces) else _LITTLE_WORTH) * worth
        if is_detail:
            return cost
        focus_y = self.focus[1]
        if self.whole is not None:
            focus_y = self._fitting(size)[1] + self._fitting(size)[3] / 2
        off_x = (x + (self.at[0] - 0.5) * size[0] - self.focus[0]) / size[0]
        off_y = (y + (self.at[1] - 0.5) * size[1] - focus_y) / size[1]
        if study.faces and size[1] < study.height and size[0] < 1:  # across the frame, a hat leaves no other place
            cost += _LOW_COST * np.maximum(0, self.at[1] - 0.5 - off_y)[:, None]
        return cost + _AWAY_COST * np.hypot(off_x[None, :], off_y[:, None])

    def _fitting(self, size: Places) -> Rectangle:
        """What is to be seen whole, or its upper part, where its head is, if the frame is too low for it."""
        assert self.whole is not None
        left, top, width, height = self.whole
        return (left, top, width, min(height, _UPPER * float(size[1])))

    def _people(self, size: Places, x: Places, y: Places) -> Places:
        """What it costs to show a body without its head, or part of a group."""
        study = self.study
        cost = np.zeros((len(y), len(x)))
        seen = np.zeros((len(y), len(x)))
        for face, head in zip(study.faces, study.heads(self.request.framing), strict=True):
            left, below = face[0] + face[2] / 2 - _SHOULDERS * face[2], head[1] + head[3]
            body = (left, below, 2 * _SHOULDERS * face[2], min(study.height, face[1] + _STATURE * face[3]) - below)
            has_head = shown(head, size, x, y) > _WHOLE
            seen += has_head
            if body[3] > 0:
                part = shown(body, size, x, y) * body[2] * body[3] / (size[0] * size[1])
                cost += _BODY_COST * part * ~has_head * (size[0] > _INSERT * face[2])
        if not study.faces:
            cost += self._headless(size, x, y)
        return cost + _GROUP_COST * ((seen > 1) & (seen < len(study.faces)))

    def _stuck(self, size: Places, x: Places, y: Places) -> Places:
        """How much the camera lacks of a way in the plane that cuts nothing which the frame shows whole, 0-1."""
        study, aspect = self.study, float(size[1] / size[0])
        if size[0] > 1 or size[1] > study.height:  # there is ground beside a card, or above
            return np.zeros((len(y), len(x)))
        world, ways = study.world(aspect), []
        parts = (*study.heads(self.request.framing), *study.lines)
        whole = [shown(part, size, x, y) > _WHOLE for part in parts]
        for axis, side in enumerate(size):
            first = np.full((len(y), len(x)), world[axis] + side / 2)
            last = np.full((len(y), len(x)), world[axis] + world[axis + 2] - side / 2)
            for part, is_whole in zip(parts, whole, strict=True):
                first = np.where(is_whole, np.maximum(first, part[axis] + part[axis + 2] - side / 2), first)
                last = np.where(is_whole, np.minimum(last, part[axis] + side / 2), last)
            ways.append((last - first) / size[0])
        return np.clip(1 - np.max(ways, axis=0) / _WAY, 0, 1)

    def _headless(self, size: Places, x: Places, y: Places) -> Places:
        """What it costs to show the lower part of a subject that stands by itself without its upper one."""
        left, top, width, height = self.study.subject
        if height > _STANDS_ALONE * self.study.height:
            return np.zeros((len(y), len(x)))
        head, body = _UPPER_PART * height, (1 - _UPPER_PART) * height
        part = shown((left, top + head, width, body), size, x, y) * width * body / (size[0] * size[1])
        return _BODY_COST * part * (1 - shown((left, top, width, head), size, x, y))


def _legible(lines: Sequence[Rectangle], size: Places) -> list[float]:
    """How easily each line is read in a frame of this size, 0-1."""
    height = float(size[1])
    return [min(1.0, max(0.3, line[3] / (_LEGIBLE * height))) for line in lines]


def _worth(study: Study, size: Places, x: Places, y: Places) -> Places:
    """How good a picture a frame of this size makes around each place.

    What draws the eye belongs inside, and not on one of the frame's sides, which would cut it in two.
    """
    salient = study.salient
    unit = salient.shape[1]
    width, height = size * unit

    def mean(width_px: float, height_px: float) -> Map:
        return np.asarray(cv2.boxFilter(salient, -1, (max(1, round(width_px)), max(1, round(height_px)))), np.float32)

    rows, columns = (
        np.clip(np.round(places * unit).astype(int), 0, count - 1)
        for places, count in ((y, salient.shape[0]), (x, salient.shape[1]))
    )

    def seen(values: Map, down: int = 0, across: int = 0) -> Map:
        """At the places themselves, or so far beside them; what is beyond a side is at the other one."""
        return values[np.ix_((rows + down) % values.shape[0], (columns + across) % values.shape[1])]

    upright, level = mean(_SIDE * width, height), mean(width, _SIDE * height)
    reach_x, reach_y = int(width / 2), int(height / 2)
    sides = [seen(upright, across=-reach_x), seen(upright, across=reach_x)]
    sides += [seen(level, down=-reach_y), seen(level, down=reach_y)]
    score = np.maximum(seen(mean(0.6 * width, 0.6 * height)) - _CUT * np.max(sides, axis=0), 0)
    return score.astype(np.float64)


def _spread(form: Map, size: Places, x: Places, y: Places) -> Places:
    """How much form there is in frames of this size around each place: the standard deviation, 0-255."""
    unit = form.shape[1]
    columns, rows = (
        [np.clip(np.round((places + side * end) * unit), 0, count).astype(int) for end in (-0.5, 0.5)]
        for places, side, count in ((x, size[0], form.shape[1]), (y, size[1], form.shape[0]))
    )

    def total(sums: Places) -> Places:
        (left, right), (top, bottom) = columns, rows
        return (
            sums[np.ix_(bottom, right)]
            - sums[np.ix_(top, right)]
            - sums[np.ix_(bottom, left)]
            + sums[np.ix_(top, left)]
        )

    sums, squares = cv2.integral2(form, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    count = np.maximum(np.outer(rows[1] - rows[0], columns[1] - columns[0]), 1)
    mean = total(np.asarray(sums, np.float64)) / count
    return np.sqrt(np.maximum(total(np.asarray(squares, np.float64)) / count - mean**2, 0))


def cuts(
    study: Study,
    parts: Sequence[Rectangle],
    size: Places,
    x: Places,
    y: Places,
    weights: Sequence[float] = (),  # 1 each if empty
) -> Places:
    """How badly frames of this size around each place cut some rectangles: 1 for each that is clearly cut.

    The cover's own edge cuts nothing that it hasn't cut already.

    Args:
        size: width, height.
        x, y: places.

    Returns:
        Shape (places in y, places in x).
    """
    total = np.zeros((len(y), len(x)))
    for part, weight in zip(parts, weights or [1.0] * len(parts), strict=True):
        inside = shown(within_cover(part, study, _AIR * size, EDGE * size), size, x, y)
        outside = shown(part, size * (1 + _AIR), x, y)
        total += weight * np.minimum(1, _SLIVER * outside) * np.minimum(1, _SLIVER * (1 - inside))
    return total


def within_cover(part: Rectangle, study: Study, room: Places, off_edge: Places | float = 0.0) -> Rectangle:
    """The rectangle with room around, as far as the cover goes.

    Args:
        room: free space, beside it and above.
        off_edge: how far from the cover's edges the frames stay: what is nearer to them is taken for seen.
    """
    edge_x, edge_y = np.broadcast_to(off_edge, 2)
    left, right = (float(np.clip(at, edge_x, 1 - edge_x)) for at in (part[0] - room[0], part[0] + part[2] + room[0]))
    top, bottom = (
        float(np.clip(at, edge_y, study.height - edge_y)) for at in (part[1] - room[1], part[1] + part[3] + room[1])
    )
    return (left, top, max(1e-6, right - left), max(1e-6, bottom - top))


def shown(part: Rectangle, size: Places, x: Places, y: Places) -> Places:
    """The share of a rectangle that frames of this size around each place show; shape (places in y, places in x)."""

    def share(middle: Places, size: float, start: float, length: float) -> Places:
        within = np.minimum(middle + size / 2, start + length) - np.maximum(middle - size / 2, start)
        return np.clip(within / length, 0, 1)

    return np.outer(share(y, size[1], part[1], part[3]), share(x, size[0], part[0], part[2]))
