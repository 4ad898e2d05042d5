# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments of the user's material: each place where a shot could begin, and how well it would suit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from bridge.material.folder import Item
from bridge.material.watching import STEP_S

Values = npt.NDArray[np.float64]

CELL_S = 0.25
"""material is used up in cells of this length"""
_GUARD_S = 0.15
"""what is left out beside a cut within a clip: it was found to the nearest picture that was looked at"""
_EDGE_S = 0.1
_MOST_PEAKS = 6
_PEAK_OVER = 1.6
"""a movement's peak has so many times the middle movement around it"""
_BLURRED = 0.25
"""the sharpness of a picture that is blurred through and through"""
_LIT = 0.5
"""the exposure from which a picture's sharpness means something"""
PICTURE_LIFE = 0.15
"""a picture is as lively as the material's calmest part"""


@dataclass(frozen=True)
class Want:
    """What a shot asks of its moment."""

    length_s: float
    """of what moves; the shot's hold shows the moment's first picture"""
    hold_s: float
    life: float
    """0-1: how much is to happen"""
    beats: tuple[tuple[float, float], ...]
    """where in the shot a movement may peak, in seconds, and how much that is worth"""


@dataclass(frozen=True)
class Stretch:
    """A part of a clip between two cuts of its own, or a picture."""

    item: int
    """the number of its file"""
    start_s: float
    end_s: float
    first_cell: int
    """its first cell, counted over all the material"""
    peaks: tuple[tuple[float, float], ...] = ()
    """when its movement peaks, in seconds of the clip, and how clearly (0-1)"""

    @property
    def cell_count(self) -> int:
        return max(1, int(np.ceil((self.end_s - self.start_s) / CELL_S)))


@dataclass(frozen=True)
class Moment:
    """A place where a shot could begin, and what speaks for it."""

    stretch: int
    start_s: float
    first_cell: int
    end_cell: int
    score: float
    life: float
    quality: float
    face: float
    on_beat_s: float | None
    """where in the shot its movement peaks on a beat"""
    opening: tuple[float, ...]
    """colours of its first picture, and of its last"""
    closing: tuple[float, ...]


@dataclass(frozen=True)
class _Start:
    """Where a moment may begin."""

    time_s: float
    on_beat_s: float | None = None
    hit: float = 0.0
    """what a peak on a beat is worth, 0-1"""


class Library:
    """All the material, ready to be asked."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.stretches: list[Stretch] = []
        self.cell_count = 0
        for number, item in enumerate(items):
            for start_s, end_s in _parts(item):
                stretch = Stretch(number, start_s, end_s, self.cell_count, tuple(_peaks(item, start_s, end_s)))
                self.stretches.append(stretch)
                self.cell_count += stretch.cell_count
        scales = _scales(items)
        self._curves = [_Curves(item, *scales) for item in items]

    def moments(
        self, want: Want, seed: int, used: npt.NDArray[np.bool_], most: int, most_per_stretch: int
    ) -> list[Moment]:
        """The best moments for a shot, the best first; those of one stretch don't overlap by more than half.

        Args:
            used: the cells that are shown elsewhere.
        """
        found = [
            moment
            for number, stretch in enumerate(self.stretches)
            for moment in self._best_of(number, stretch, want, seed, used, most_per_stretch)
        ]
        return sorted(found, key=lambda moment: (-moment.score, moment.first_cell))[:most]

    def _best_of(
        self, number: int, stretch: Stretch, want: Want, seed: int, used: npt.NDArray[np.bool_], most: int
    ) -> list[Moment]:
        starts = [
            start
            for start in self._starts(stretch, want)
            if not used[slice(*_cells(stretch, start.time_s, want.length_s))].any()
        ]
        if not starts:
            return []
        curves = self._curves[stretch.item]
        is_picture = self.items[stretch.item].measured.is_picture
        part = curves.parts(want.length_s)
        at = np.minimum(np.round(np.array([start.time_s for start in starts]) / STEP_S).astype(int), len(part.life) - 1)
        life = np.full(len(at), PICTURE_LIFE) if is_picture else part.life[at]
        chance = np.random.default_rng([seed, stretch.first_cell]).random(len(at))
        scores = (
            2.0 * (1 - np.abs(life - want.life))
            + 1.5 * (0.6 * part.quality[at] + 0.4 * part.worst[at])
            + 0.7 * np.array([start.hit for start in starts])
            + 0.25 * np.minimum(1.0, 4 * part.face[at])
            + 0.05 * chance
        )
        kept: list[Moment] = []
        for i in np.argsort(-scores, kind="stable").tolist():
            if all(abs(starts[i].time_s - other.start_s) >= want.length_s / 2 for other in kept):
                end_s = min(stretch.end_s, starts[i].time_s + want.length_s)
                first, end = _cells(stretch, starts[i].time_s, want.length_s)
                kept.append(
                    Moment(
                        stretch=number,
                        start_s=starts[i].time_s,
                        first_cell=first,
                        end_cell=end,
                        score=float(scores[i]),
                        life=float(life[i]),
                        quality=float(part.quality[at[i]]),
                        face=float(part.face[at[i]]),
                        on_beat_s=starts[i].on_beat_s,
                        opening=curves.tiles(starts[i].time_s),
                        closing=curves.tiles(end_s),
                    )
                )
            if len(kept) == most:
                break
        return kept

    def _starts(self, stretch: Stretch, want: Want) -> list[_Start]:
        """Every cell, and where a peak of movement would lie on a beat."""
        if self.items[stretch.item].measured.is_picture:
            return [_Start(0.0)]
        room_s = stretch.end_s - stretch.start_s - want.length_s
        if room_s < 0:
            return []
        starts = [_Start(stretch.start_s + i * CELL_S) for i in range(int(room_s / CELL_S) + 1)]
        for peak_s, clear in stretch.peaks:
            for beat_s, worth in want.beats:
                start_s = peak_s - (beat_s - want.hold_s)
                if beat_s >= want.hold_s and stretch.start_s <= start_s <= stretch.start_s + room_s:
                    starts.append(_Start(start_s, beat_s, clear * worth))
        return starts

    def cells(self, item: int, start_s: float, end_s: float) -> list[range]:
        """The cells of a part of a file, for what somebody uses already."""
        found = []
        for stretch in self.stretches:
            if stretch.item == item and stretch.start_s < end_s and stretch.end_s > start_s:
                first = max(0, int((start_s - stretch.start_s) / CELL_S))
                end = min(stretch.cell_count, int(np.ceil((end_s - stretch.start_s) / CELL_S)))
                found.append(range(stretch.first_cell + first, stretch.first_cell + max(first + 1, end)))
        if self.items[item].measured.is_picture:
            found = [range(s.first_cell, s.first_cell + 1) for s in self.stretches if s.item == item]
        return found


@dataclass(frozen=True)
class _Parts:
    """Of each part of one length, by the step on which it begins."""

    life: Values
    quality: Values
    worst: Values
    face: Values


class _Curves:
    """One file's curves, in shares of what all the material has."""

    def __init__(self, item: Item, motions: Values, sharpest: float) -> None:
        measured = item.measured
        motion = np.array(measured.motion_px_s)
        ranks = np.searchsorted(motions, motion, "left") + np.searchsorted(motions, motion, "right")
        self._life = ranks / 2 / len(motions)
        self._looks, self._times = measured.looks, np.array([look.time_s for look in measured.looks])
        grid = np.arange(len(motion)) * STEP_S

        def curve(values: list[float]) -> Values:
            return np.asarray(np.interp(grid, self._times, values), np.float64)

        span = max(sharpest - _BLURRED, 0.05)
        sharp = np.clip((curve([look.sharpness for look in measured.looks]) - _BLURRED) / span, 0, 1)
        lit = curve([look.exposure for look in measured.looks])
        self._quality = np.minimum(0.5 * (sharp + lit), 1.5 * np.minimum(sharp, lit))
        self._face = curve([look.face for look in measured.looks])

    def parts(self, length_s: float) -> _Parts:
        """Means over every part of a length, and how good its worst picture is."""
        count = min(len(self._life), max(1, round(length_s / STEP_S)))
        life, quality, face = (sliding_window_view(one, count) for one in (self._life, self._quality, self._face))
        return _Parts(life.mean(axis=1), quality.mean(axis=1), quality.min(axis=1), face.mean(axis=1))

    def tiles(self, time_s: float) -> tuple[float, ...]:
        """The colours of the picture that was looked at nearest to a time."""
        return self._looks[int(np.abs(self._times - time_s).argmin())].tiles


def _cells(stretch: Stretch, start_s: float, length_s: float) -> tuple[int, int]:
    """The cells that a shot uses up: the first one, and one past the last."""
    after_s = start_s - stretch.start_s
    first = min(stretch.cell_count - 1, int(after_s / CELL_S + 1e-6))
    end = min(stretch.cell_count, math.ceil((after_s + length_s) / CELL_S - 1e-6))
    return stretch.first_cell + first, stretch.first_cell + max(first + 1, end)


def _scales(items: Sequence[Item]) -> tuple[Values, float]:
    """All movement in order, and how sharp the sharper tenth is."""
    clips = [item.measured for item in items if not item.measured.is_picture]
    motions = np.sort(np.concatenate([np.array(one.motion_px_s) for one in clips])) if clips else np.zeros(1)
    looks = [look for item in items for look in item.measured.looks]
    lit = [look.sharpness for look in looks if look.exposure > _LIT]  # in the dark, noise looks sharp
    return motions, float(np.percentile(lit or [look.sharpness for look in looks], 90))


def _parts(item: Item) -> list[tuple[float, float]]:
    """From cut to cut, in seconds, without what is too near to one."""
    measured = item.measured
    if measured.is_picture:
        return [(0.0, 0.0)]
    edges = [0.0, *measured.cuts_s, measured.duration_s]
    last = len(edges) - 2
    parts = [
        (edges[i] + (_GUARD_S if i else 0.0), edges[i + 1] - (_GUARD_S if i < last else _EDGE_S))
        for i in range(last + 1)
    ]
    return [(start_s, end_s) for start_s, end_s in parts if end_s - start_s > CELL_S]


def _peaks(item: Item, start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Where the movement is clearly stronger than around, the clearest first."""
    motion = np.array(item.measured.motion_px_s)
    first, end = int(np.ceil(start_s / STEP_S)), int(end_s / STEP_S)
    part = motion[first:end]
    if len(part) < 5:
        return []
    usual = max(float(np.median(part)), 1.0)
    found = []
    for i in range(1, len(part) - 1):
        before, here, after = part[i - 1 : i + 2]
        if here >= before and here > after and here > _PEAK_OVER * usual:
            bend = before - 2 * here + after
            offset = 0.5 * (before - after) / bend if bend else 0.0
            found.append(((first + i + float(offset)) * STEP_S, float(min(1.0, (here / usual - 1) / 2))))
    return sorted(found, key=lambda peak: (-peak[1], peak[0]))[:_MOST_PEAKS]
