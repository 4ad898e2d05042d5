# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the cover each shot shows: a crop of it, in which no face, no body and no line of letters is cut.

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
from bridge.clips.animatic import kept_studies
from bridge.clips.animatic.depth import depth_by
from bridge.clips.animatic.depth_classical import CLASSICAL, Map
from bridge.clips.animatic.matte import reduced
from bridge.clips.animatic.version import version
from bridge.common.files import sha256_of
from bridge.common.frames import Frame
from bridge.cover import Box

_SHARES = {Framing.WIDE: 0.98, Framing.MEDIUM: 0.76, Framing.CLOSE: 0.52, Framing.DETAIL: 0.36}
"""what a shot sees at rest, in widths of the largest frame that fits into the cover"""
_NO_TRAVEL, _WIDE_INSIDE = 0.12, 0.9
"""a wide shot that has less room than this on both axes, in its sizes, is only so large, to have some"""
_AROUND = 1.06
"""a wide shot of a cover that certainly goes on beyond its edges is this much larger than the cover"""
_WHOLE_SUBJECT, _WIDER, _UPPER = 1.12, 1.17, 0.85
"""a medium shot is at least this much larger than the subject; than the medium shot is a wide one; of a subject that is
higher than the frame, so much is seen, in the frame's height"""
_FACE_HEIGHTS = {Framing.WIDE: 0.0, Framing.MEDIUM: 0.3, Framing.CLOSE: 0.5, Framing.DETAIL: 0.0}
"""of the face, in the frame's; 0 where the framing is not the face's"""
_CROWN, _CHIN, _NECK, _EARS = 0.42, 0.08, 0.4, 0.25
"""how far a head reaches above, below and, with its neck, farther below its face, in the face's height; beside it, in
its width"""
_SHOULDERS, _STATURE = 1.5, 6.5
"""how far a body reaches to either side of its face's middle, and below it, in the face's width and height"""
_EYES, _EYES_AT = 0.4, 0.36
"""where the eyes are in a face; where a frame has them: a little above its upper third, since heads need room"""
_HEAD = 0.25
"""of the subject, from its top: where a close shot looks if it finds no face"""
ENLARGED = 3.0
"""a pixel of the cover is shown at most this large"""
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
_LOST_COST, _AWAY_COST, _WIDTH_COST, _WORTH, _LITTLE_WORTH, _CHANCE = 2.5, 0.8, 1.5, 1.5, 0.4, 0.4
"""of losing the subject; of being one size away from where it belongs; of e times the width; what the best place is
worth in a close shot, and in the others; how much is left to chance"""
_BARE_COST, _BARE_SHARE, _INNER = 6.0, 0.5, 0.7
"""of a frame in which there is nothing to see; the share of the whole cover's form from which there is something; where
it is looked for, in sizes of the frame"""
_UPPER_PART, _STANDS_ALONE = 0.3, 0.8
"""of a subject without a face, from its top: what is below isn't shown without it; of the cover's height, at most, that
a figure has: what is higher is a view"""
_EASILY_WHOLE = 0.7
"""of the frame's height and width, at most, that a subject has which stays whole while the camera moves"""
_CARD_COST = {Framing.WIDE: 1.6, Framing.MEDIUM: 1.9, Framing.CLOSE: 2.6, Framing.DETAIL: 3.2}
"""of showing the whole cover as a card instead"""
_CARD_SIZES = {Framing.WIDE: 0.72, Framing.MEDIUM: 0.86, Framing.CLOSE: 0.94, Framing.DETAIL: 0.8}
"""of the card, in the frame's height or width"""
_NEARLY_WHOLE = 1.1
"""a cover so coarse that a frame could be filled only from so near to all of it is always a card"""
_ASIDE = 0.3
"""how far a smaller card stands aside, of the room around it"""
_CUT_AT_ALL = 0.1
ALTERNATIVES = (1.0, 0.72, 1.4, 0.56, 1.2, 0.8, 1.0)
"""times the best width, where a shot would look too much like the one beside it; the last of them is a card"""
_ELSEWHERE = 0.5
"""how much more is left to chance with each of them: where nothing closer can be shown, something else can"""
SMALL_PX = 384
_FORM_SIDE_PX, _FORM_REACH = 256, 0.04
_PLACES, _EDGE = 33, 0.008
"""in a row that a frame may look at; how far it stays from the cover's edge at least, in its sizes"""

Rectangle = tuple[float, float, float, float]
"""left, top, width, height"""
Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Study:
    """The cover, understood."""

    cover: Frame
    depth: Map
    salient: Map
    subject: Rectangle
    lines: tuple[Rectangle, ...]
    """of letters"""
    faces: tuple[Rectangle, ...]
    """the largest first"""
    goes_on: tuple[bool, bool]
    """whether it's certain what lies beside it, and above and below it"""
    small: Frame
    """the cover at `SMALL_PX` on its longer side, to be compared in"""
    form: Map
    """its brightness without light and shade over large parts, 0-255, small"""

    @property
    def height(self) -> float:
        return self.cover.shape[0] / self.cover.shape[1]

    def heads(self, framing: Framing) -> tuple[Rectangle, ...]:
        """The faces with crown and ears, and with the neck but in close shots, which go from crown to chin."""
        below = _CHIN if framing is Framing.CLOSE else _NECK
        grown = (
            (x - _EARS * w, y - _CROWN * h, w * (1 + 2 * _EARS), h * (1 + _CROWN + below)) for x, y, w, h in self.faces
        )
        return tuple(_within_cover(head, self, np.zeros(2)) for head in grown)

    def world(self, aspect: float) -> Rectangle:
        """What frames of this shape may show: the cover, and what certainly lies around it."""
        beside = max(0.0, _AROUND * self.height / aspect - 1) / 2 if self.goes_on[0] else 0.0
        above = max(0.0, _AROUND * aspect - self.height) / 2 if self.goes_on[1] else 0.0
        return (-beside, -above, 1 + 2 * beside, self.height + 2 * above)


@dataclass(frozen=True)
class View:
    """A rectangle of the cover's plane: what a shot sees at rest."""

    center: tuple[float, float]
    width: float
    aspect: float
    """height by width"""
    is_card: bool = False
    """whether it shows the cover as a card on its ground"""

    @property
    def size(self) -> Places:
        return self.width * np.array([1.0, self.aspect])


@lru_cache(maxsize=2)
def studied(path: Path, depth: str = CLASSICAL) -> Study:
    """The cover in a file, understood. Kept, since all shots of a video ask for it.

    Args:
        depth: the name of what estimates the depth.
    """
    from bridge.cover import load

    cover = load(path)
    if depth == CLASSICAL:
        found = kept_studies.kept(f"{sha256_of(path)}-{version()}", lambda: _found(cover, depth))
    else:  # a model's weights may change under its name
        found = _found(cover, depth)
    subject, lines, faces = (_rectangles(found[name]) for name in ("subject", "lines", "faces"))
    return Study(
        cover,
        found["depth"],
        found["salient"],
        subject[0],
        lines,
        faces,
        (bool(found["goes_on"][0]), bool(found["goes_on"][1])),
        np.asarray(reduced(cover, SMALL_PX), np.uint8),
        _form(cover),
    )


def _found(cover: Frame, depth: str) -> kept_studies.Arrays:
    """What takes seconds to find, by the names of a study's fields; a rectangle is a row."""
    from bridge.cover import saliency, subject_box
    from bridge.cover.extend import certain
    from bridge.cover.lettering import lettering
    from bridge.cover.subject import detail, faces

    small, written = reduced(cover, 640), lettering(cover)

    def places(boxes: Sequence[Box]) -> Places:
        return np.array([astuple(box) for box in boxes], np.float64).reshape(-1, 4) / cover.shape[1]

    sure = [certain(np.ascontiguousarray(np.rot90(cover, turns))) is not None for turns in range(4)]
    return {
        "depth": depth_by(depth, cover),  # with its letters: an outline through them would tear them
        "salient": _telling(saliency(small), detail(small)),
        "subject": places([subject_box(written.bare)]),  # the picture's, not the title's
        "lines": places(written.lines),
        "faces": places(faces(cover)),
        "goes_on": np.array([sure[0] and sure[2], sure[1] and sure[3]]),
    }


def _rectangles(rows: Places) -> tuple[Rectangle, ...]:
    return tuple((left, top, width, height) for left, top, width, height in rows.tolist())


def _form(cover: Frame) -> Map:
    grey = cv2.cvtColor(reduced(cover, _FORM_SIDE_PX), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), _FORM_REACH * _FORM_SIDE_PX), np.float32)


def _telling(salient: Map, detail: Map) -> Map:
    """What a close shot can show: what draws the eye and has something in it; a plain shoulder has not."""
    near = cv2.GaussianBlur(detail, (0, 0), 0.02 * detail.shape[1])
    return np.asarray(salient * (0.15 + 0.85 * near / max(float(near.max()), 1e-6)), np.float32)


def framed(request: ClipRequest, study: Study, alternative: int = 0) -> View:
    """What a shot's still shows.

    Args:
        alternative: which of the `ALTERNATIVES` to the best framing.
    """
    rng = np.random.default_rng([request.seed, 2, alternative])
    aspect = request.height_px / request.width_px
    card, card_cost = _card(request, study), _CARD_COST[request.framing]
    if alternative == len(ALTERNATIVES) - 1:
        return card
    world = study.world(aspect)
    largest = min(world[2], world[3] / aspect)
    finest = closest_width(request, study)
    if finest > largest:
        return _coarse(request, study, rng, ALTERNATIVES[alternative])
    wanted = float(np.clip(ALTERNATIVES[alternative] * _width(request, study, largest), finest, largest))
    target = _Target.of(request, study, rng)
    best, least = card, card_cost
    loosest = largest if request.framing in (Framing.WIDE, Framing.MEDIUM) else min(largest, 1.5 * wanted)
    for width in np.unique(np.clip(wanted * np.array([0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5]), finest, loosest)):
        size = width * np.array([1.0, aspect])
        x, y = (
            _between(start + side * (0.5 + _EDGE), start + length - side * (0.5 + _EDGE))
            for start, length, side in ((world[0], world[2], size[0]), (world[1], world[3], size[1]))
        )
        cost = target.cost(size, x, y) + _WIDTH_COST * abs(np.log(width / wanted))
        chance = _CHANCE * (request.kind is ShotKind.MOTION) + _ELSEWHERE * alternative
        cost += chance * rng.random(cost.shape)
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        if cost[row, column] < least:
            least, best = float(cost[row, column]), View((float(x[column]), float(y[row])), float(width), aspect)
    return best


def _coarse(request: ClipRequest, study: Study, rng: np.random.Generator, change: float) -> View:
    """What is shown of a cover with so few pixels that no part of it fills a frame.

    It is a card, or a part that goes from one side of the frame to the other, with the card's ground on both others.
    """
    card = _card(request, study, change)
    aspect, width = card.aspect, closest_width(request, study) * max(1.0, change)
    is_far = request.framing in (Framing.WIDE, Framing.MEDIUM) and change == 1.0
    if is_far or width * _NEARLY_WHOLE > max(1.0, study.height / aspect):
        return card
    size = width * np.array([1.0, aspect])
    x, y = (
        np.array([whole / 2]) if side >= whole else _between(side * (0.5 + _EDGE), whole - side * (0.5 + _EDGE))
        for whole, side in ((1.0, size[0]), (study.height, size[1]))
    )
    cost = _Target.of(request, study, rng).cost(size, x, y)
    cost += _CHANCE * rng.random(cost.shape) * (request.kind is ShotKind.MOTION)
    row, column = np.unravel_index(int(cost.argmin()), cost.shape)
    if cost[row, column] > _CARD_COST[request.framing]:
        return card
    return View((float(x[column]), float(y[row])), float(width), aspect, is_card=True)


def _between(first: float, last: float) -> Places:
    """Places along an axis; its middle if there is no room for more."""
    middle = (first + last) / 2
    return np.linspace(min(first, middle), max(last, middle), _PLACES)


def closest_width(request: ClipRequest, study: Study) -> float:
    """The smallest part of the cover that may fill the frame, or its larger part would be mush; in its widths."""
    return (request.draft_for_px or request.width_px) / (ENLARGED * study.cover.shape[1])


def kept(view: View, study: Study, framing: Framing) -> tuple[Rectangle, ...]:
    """What the shot shows whole, or not at all, and has to while the camera moves: left, top, width, height."""
    if view.is_card and (view.size >= (1.0, study.height)).all():
        return ((0.0, 0.0, 1.0, study.height),)
    x, y = (np.array([value]) for value in view.center)
    parts = (*study.heads(framing), *study.lines)
    if framing in (Framing.WIDE, Framing.MEDIUM) and (study.subject[2:] < _EASILY_WHOLE * view.size).all():
        parts = (*parts, study.subject)
    whole = (part for part in parts if _cuts(study, (part,), view.size, x, y).item() < _CUT_AT_ALL)
    seen = (_within_view(part, view) if _shown(part, view.size, x, y).item() > 0.5 else part for part in whole)
    return (*seen, *_beyond(view, study))


def _beyond(view: View, study: Study) -> tuple[Rectangle, ...]:
    """What lies beside a card that goes from one side of the frame to the other, or above and below it."""
    if not view.is_card:
        return ()
    if view.size[0] < 1.0:
        return ((-1.0, -1.0, 1.0, 2.0 + study.height), (1.0, -1.0, 1.0, 2.0 + study.height))
    return ((-1.0, -1.0, 3.0, 1.0), (-1.0, study.height, 3.0, 1.0))


def _within_view(part: Rectangle, view: View) -> Rectangle:
    left, top = (max(part[axis], view.center[axis] - view.size[axis] / 2) for axis in (0, 1))
    right, bottom = (min(part[axis] + part[axis + 2], view.center[axis] + view.size[axis] / 2) for axis in (0, 1))
    return (left, top, right - left, bottom - top)


def _card(request: ClipRequest, study: Study, change: float = 1.0) -> View:
    """The whole cover, as a card; a smaller one stands aside.

    Args:
        change: times its size, if below 1.
    """
    aspect = request.height_px / request.width_px
    whole = max(1.0, study.height / aspect)
    width = whole / (_CARD_SIZES[request.framing] * min(1.0, change))
    size, cover = width * np.array([1.0, aspect]), np.array([1.0, study.height])
    aside = _ASIDE * (size - cover) * (change < 1) * (1 if request.seed % 2 else -1)
    axis = int((size - cover).argmax())
    center = cover / 2
    center[axis] += aside[axis]
    return View((float(center[0]), float(center[1])), width, aspect, is_card=True)


def _width(request: ClipRequest, study: Study, largest: float) -> float:
    """What the frame at rest would see, in widths of the cover."""
    aspect = request.height_px / request.width_px
    inscribed = min(1.0, study.height / aspect)
    share = _FACE_HEIGHTS[request.framing]
    if study.faces and share:
        return study.faces[0][3] / share / aspect
    medium = inscribed * _SHARES[Framing.MEDIUM]
    needed = _WHOLE_SUBJECT * max(study.subject[2], study.subject[3] / aspect)
    if needed * _WIDER <= largest:
        medium = max(medium, needed)
    if request.framing is Framing.MEDIUM:
        return medium
    if request.framing is not Framing.WIDE:
        return inscribed * _SHARES[request.framing]
    world = study.world(aspect)
    beside, above = world[2] / largest - 1, world[3] / largest / aspect - 1
    room = beside if request.direction else max(beside, above)  # a matched cut asks for a way to the side
    whole = (world[2] > 1 or world[3] > study.height) and not request.direction
    return largest * (_SHARES[Framing.WIDE] if whole or room > _NO_TRAVEL else _WIDE_INSIDE)


@dataclass(frozen=True)
class _Target:
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
    def of(cls, request: ClipRequest, study: Study, rng: np.random.Generator) -> "_Target":
        aside = 0.0
        if request.matched:
            aside = _MATCHED_SIDE * request.direction * (1 if request.matched == "in" else -1)
        elif request.kind is ShotKind.MOTION:
            aside = float(rng.choice([-0.12, 0.0, 0.12]))
        if study.faces and request.framing is not Framing.DETAIL:
            alone = request.framing is Framing.CLOSE
            shown = study.faces[: 1 if alone else None]
            if alone and request.kind is ShotKind.MOTION:  # one of the group, each in turn
                shown = (study.faces[int(rng.integers(len(study.faces)))],)
            left, right = min(face[0] for face in shown), max(face[0] + face[2] for face in shown)
            eyes = [face[1] + _EYES * face[3] for face in shown]
            focus = ((left + right) / 2, (min(eyes) + max(eyes)) / 2)
            return cls(request, study, focus, (0.5 + aside * (len(shown) == 1), _EYES_AT), None)
        left, top, width, height = study.subject
        whole = study.subject if request.framing in (Framing.WIDE, Framing.MEDIUM) else None
        middle = _HEAD if request.framing is Framing.CLOSE else 0.5
        return cls(request, study, (left + width / 2, top + middle * height), (0.5 + aside, 0.5), whole)

    def cost(self, size: Places, x: Places, y: Places) -> Places:
        """How bad frames of this size around each place are; shape (places in y, places in x)."""
        study = self.study
        cost = _LINE_COST * _cuts(study, study.lines, size, x, y, _legible(study.lines, size))
        cost += _HEAD_COST * _cuts(study, study.heads(self.request.framing), size, x, y) + self._people(size, x, y)
        least = _BARE_SHARE * max(float(study.form.std()), 1e-3)
        cost += _BARE_COST * np.clip(1 - _spread(study, _INNER * size, x, y) / least, 0, 1)
        if self.whole is not None:
            whole = _within_cover(self._fitting(size), study, _AIR * size, _EDGE * size)
            cost += _LOST_COST * (1 - _shown(whole, size, x, y))
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
            has_head = _shown(head, size, x, y) > 0.98
            seen += has_head
            if body[3] > 0:
                part = _shown(body, size, x, y) * body[2] * body[3] / (size[0] * size[1])
                cost += _BODY_COST * part * ~has_head
        if not study.faces:
            cost += self._headless(size, x, y)
        return cost + _GROUP_COST * ((seen > 1) & (seen < len(study.faces)))

    def _headless(self, size: Places, x: Places, y: Places) -> Places:
        """What it costs to show the lower part of a subject that stands by itself without its upper one."""
        left, top, width, height = self.study.subject
        if height > _STANDS_ALONE * self.study.height:
            return np.zeros((len(y), len(x)))
        head, body = _UPPER_PART * height, (1 - _UPPER_PART) * height
        part = _shown((left, top + head, width, body), size, x, y) * width * body / (size[0] * size[1])
        return _BODY_COST * part * (1 - _shown((left, top, width, head), size, x, y))


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


def _spread(study: Study, size: Places, x: Places, y: Places) -> Places:
    """How much form there is in frames of this size around each place: the standard deviation, 0-255."""
    form = study.form
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


def _cuts(
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
        inside = _shown(_within_cover(part, study, _AIR * size, _EDGE * size), size, x, y)
        outside = _shown(part, size * (1 + _AIR), x, y)
        total += weight * np.minimum(1, _SLIVER * outside) * np.minimum(1, _SLIVER * (1 - inside))
    return total


def _within_cover(part: Rectangle, study: Study, room: Places, off_edge: Places | float = 0.0) -> Rectangle:
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


def _shown(part: Rectangle, size: Places, x: Places, y: Places) -> Places:
    """The share of a rectangle that frames of this size around each place show; shape (places in y, places in x)."""

    def share(middle: Places, size: float, start: float, length: float) -> Places:
        within = np.minimum(middle + size / 2, start + length) - np.maximum(middle - size / 2, start)
        return np.clip(within / length, 0, 1)

    return np.outer(share(y, size[1], part[1], part[3]), share(x, size[0], part[0], part[2]))
