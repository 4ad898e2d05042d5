# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the cover each shot shows: a crop of it, in which no face, no body and no line of letters is cut.

Where the frame is too low or too narrow for that, more of the cover is seen than fits, on a ground of its colours: from
one side of the frame to the other, or all of it, as a card. Places are x, y in widths of the cover, from its top left
corner.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blender_addon.core.cover_size import ENLARGED
from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.clips.animatic.frame_costs import CHANCE, EDGE, WIDTH_COST, Places, Target, cuts, shown
from bridge.clips.animatic.people import Rectangle
from bridge.clips.animatic.study import Study

_SHARES = {Framing.WIDE: 0.98, Framing.MEDIUM: 0.76, Framing.CLOSE: 0.52, Framing.DETAIL: 0.36}
"""what a shot sees at rest, in widths of the largest frame that fits into the cover"""
_NO_TRAVEL, _WIDE_INSIDE = 0.12, 0.9
_WHOLE_SUBJECT, _WIDER = 1.12, 1.17
"""a medium shot is at least this much larger than the subject; than the medium shot is a wide one"""
_FACE_HEIGHTS = {Framing.WIDE: 0.0, Framing.MEDIUM: 0.3, Framing.CLOSE: 0.5, Framing.DETAIL: 0.0}
"""of the face, in the frame's; 0 where the framing is not the face's"""
_EASILY_WHOLE = 0.7
"""of the frame's height and width, at most, that a subject has which stays whole while the camera moves"""
_CARD_COST = {Framing.WIDE: 1.6, Framing.MEDIUM: 1.9, Framing.CLOSE: 2.6, Framing.DETAIL: 3.2}
"""of showing the whole cover as a card instead"""
_CARD_SIZES = {Framing.WIDE: 0.72, Framing.MEDIUM: 0.86, Framing.CLOSE: 0.94, Framing.DETAIL: 0.8}
_SMALLEST_CARD = 0.62
"""of the card, in the frame's height or width"""
_ACROSS_COST = {Framing.WIDE: 1.3, Framing.MEDIUM: 1.2, Framing.CLOSE: 1.2, Framing.DETAIL: 2.2}
"""of showing more than a crop, but not all: from one side of the frame to the other"""
_ACROSS = (1.04, 0.92)
"""such a frame is at least this much larger than the largest crop, and at most so large, against the whole cover's"""
_EYES_COST, _EYES_CHANCE = -0.8, 1.2
"""of eyes across the frame; how much of that is left to chance"""
_EYES_WIDE, _EYES_HIGH, _LARGER, _HEAD_PART = 1.2, 1.1, 1.6, 0.85
"""a frame of eyes is at least so wide and high, in theirs, and at most so much larger than it needs to be; of the head
above it, so much is seen at most: else it's a head without its mouth"""
"""a cover so coarse that a frame could be filled only from so near to all of it is always a card"""
_ASIDE = 0.3
"""how far a smaller card stands aside, of the room around it"""
_CUT_AT_ALL = 0.1
ALTERNATIVES = (1.0, 0.72, 1.4, 0.56, 1.2, 0.8, 1.0)
"""times the best width, where a shot would look too much like the one beside it; the last of them is a card"""
_ELSEWHERE = 0.5
"""how much more is left to chance with each of them: where nothing closer can be shown, something else can"""
_PLACES = 33
"""in a row that a frame may look at"""


@dataclass(frozen=True)
class View:
    """A rectangle of the cover's plane: what a shot sees at rest."""

    center: tuple[float, float]
    width: float
    aspect: float
    """height by width"""
    is_card: bool = False
    """whether it shows the cover's edges, and the ground beyond them"""
    eyes_of: int | None = None
    """the person whose eyes fill it"""

    @property
    def size(self) -> Places:
        return self.width * np.array([1.0, self.aspect])


def framed(request: ClipRequest, study: Study, alternative: int = 0) -> View:
    """What a shot's still shows.

    Args:
        alternative: which of the `ALTERNATIVES` to the best framing.
    """
    if alternative == len(ALTERNATIVES) - 1:
        return _card(request, study)
    rng = np.random.default_rng([request.seed, 2, alternative])
    change, target = ALTERNATIVES[alternative], Target.of(request, study, rng)
    chance = CHANCE * (request.kind is ShotKind.MOTION) + _ELSEWHERE * alternative
    found = [(_CARD_COST[request.framing], _card(request, study, change))]
    for widths in (_crop_widths(request, study, change), _across_widths(request, study, change)):
        found += _best(target, widths, rng, chance)
    eyes = _eyes(request, study)
    if eyes is not None:
        found.append((_EYES_COST + _EYES_CHANCE * (rng.random() + alternative), eyes))
    return min(found, key=lambda one: one[0])[1]


@dataclass(frozen=True)
class _Widths:
    """Frames to choose from, in widths of the cover."""

    wanted: float
    tried: Places
    is_across: bool = False
    """whether they are wider than the cover or higher, but not both"""


def _crop_widths(request: ClipRequest, study: Study, change: float) -> _Widths:
    """As large as the shot asks, or nearly."""
    finest, largest = closest_width(request, study), _largest(request, study)
    if finest > largest:
        return _Widths(finest, np.empty(0))
    wanted = float(np.clip(change * _width(request, study, largest), finest, largest))
    loosest = largest if request.framing in (Framing.WIDE, Framing.MEDIUM) else min(largest, 1.5 * wanted)
    tried = wanted * np.array([0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5])
    return _Widths(wanted, np.unique(np.clip(tried, finest, loosest)))


def _across_widths(request: ClipRequest, study: Study, change: float) -> _Widths:
    """Larger than any crop, smaller than the whole cover; none where what lies beside the cover is certain anyway."""
    aspect, largest = request.height_px / request.width_px, _largest(request, study)
    inscribed, whole = min(1.0, study.height / aspect), max(1.0, study.height / aspect)
    least, most = max(closest_width(request, study), _ACROSS[0] * inscribed), _ACROSS[1] * whole
    if least > most or largest > inscribed:
        return _Widths(least, np.empty(0), is_across=True)
    wanted = float(np.clip(change * _width(request, study, largest), least, most))
    return _Widths(wanted, np.unique(np.clip(wanted * np.array([0.88, 1.0, 1.12, 1.25]), least, most)), is_across=True)


def _largest(request: ClipRequest, study: Study) -> float:
    """The width of the largest crop."""
    aspect = request.height_px / request.width_px
    world = study.world(aspect)
    return min(world[2], world[3] / aspect)


def _best(target: Target, widths: _Widths, rng: np.random.Generator, chance: float) -> Iterator[tuple[float, View]]:
    """The best place of frames of each width, with what it costs.

    Args:
        chance: how much is left to it.
    """
    request, study = target.request, target.study
    aspect = request.height_px / request.width_px
    base = _ACROSS_COST[request.framing] if widths.is_across else 0.0
    left, top, width, height = (0.0, 0.0, 1.0, study.height) if widths.is_across else study.world(aspect)
    for tried in widths.tried:
        size = tried * np.array([1.0, aspect])
        x, y = (
            _places(start, length, side) for start, length, side in ((left, width, size[0]), (top, height, size[1]))
        )
        cost = base + target.cost(size, x, y) + WIDTH_COST * abs(np.log(tried / widths.wanted))
        cost += chance * rng.random(cost.shape)
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        place = (float(x[column]), float(y[row]))
        yield float(cost[row, column]), View(place, float(tried), aspect, is_card=widths.is_across)


def _places(start: float, length: float, side: float) -> Places:
    """Where the middle of a frame may be, along an axis: inside, or with all of the cover inside of it."""
    ends = (start + side * (0.5 + EDGE), start + length - side * (0.5 + EDGE))
    if abs(side - length) < 2 * EDGE * side:
        ends = (start + length / 2,) * 2
    return np.linspace(min(ends), max(ends), _PLACES)


def _eyes(request: ClipRequest, study: Study) -> View | None:
    """The eyes of the largest face, from one side of the frame to the other: its edge goes through no feature."""
    person = study.people[0] if study.people else None
    if request.framing is not Framing.DETAIL or person is None or person.eyes is None:
        return None
    aspect = request.height_px / request.width_px
    left, top, width, height = person.eyes
    bottom = (top + height + person.mouth[1]) / 2
    needed = max(_EYES_WIDE * width, _EYES_HIGH * (bottom - top) / aspect)
    size = max(needed, closest_width(request, study))
    middle = left + width / 2
    is_inside = size * aspect < bottom and size / 2 < min(middle, 1 - middle)
    if not is_inside or size > _LARGER * needed or size * aspect > _HEAD_PART * (bottom - person.crown):
        return None
    return View((middle, bottom - size * aspect / 2), size, aspect, eyes_of=0)


def closest_width(request: ClipRequest, study: Study) -> float:
    """The smallest part of the cover that may fill the frame, or its larger part would be mush; in its widths."""
    return (request.draft_for_px or request.width_px) / (ENLARGED * study.cover.shape[1])


def kept(view: View, study: Study, framing: Framing) -> tuple[Rectangle, ...]:
    """What the shot shows whole, or not at all, and has to while the camera moves: left, top, width, height."""
    if view.is_card and (view.size >= (1.0, study.height)).all():
        return ((0.0, 0.0, 1.0, study.height),)
    x, y = (np.array([value]) for value in view.center)
    parts = (*_heads(view, study, framing), *study.lines)
    if framing in (Framing.WIDE, Framing.MEDIUM) and (study.subject[2:] < _EASILY_WHOLE * view.size).all():
        parts = (*parts, study.subject)
    whole = (part for part in parts if cuts(study, (part,), view.size, x, y).item() < _CUT_AT_ALL)
    seen = (_within_view(part, view) if shown(part, view.size, x, y).item() > 0.5 else part for part in whole)
    return (*seen, *_beyond(view, study))


def _heads(view: View, study: Study, framing: Framing) -> tuple[Rectangle, ...]:
    """Heads, but for the one that the frame is inside of: of that, its features."""
    heads = study.heads(framing)
    if view.eyes_of is None:
        return heads
    person = study.people[view.eyes_of]
    assert person.eyes is not None
    return (*heads[: view.eyes_of], person.eyes, person.mouth, *heads[view.eyes_of + 1 :])


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
    width = whole / max(_SMALLEST_CARD, _CARD_SIZES[request.framing] * min(1.0, change))
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
