# SPDX-License-Identifier: GPL-3.0-or-later
"""Which moment each shot shows: one dynamic program over the shots, of which the best few hundred beginnings are kept.

A first-order program could not know what was used before; so each beginning carries the material that it has used up
(a beam search, as in Lowerre's thesis of 1976). The same material, plan and seed give the same edit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from blender_addon.core import rules
from blender_addon.core.timing import frame_at, time_of
from blender_addon.core.types import EditPlan, OwnMedia, Shot, ShotKind, SongAnalysis
from bridge.material.folder import Item, Watched
from bridge.material.moments import Library, Moment, Want
from bridge.plan.storyboard import BoardShot, Storyboard

_BEAM = 200
_MOST, _MOST_PER_STRETCH = 60, 4
"""moments that are weighed for each shot: at least so many, and more if there are few clips for many shots"""
_SAME_STRETCH, _SAME_FILE, _NEAR_FILE = 1.2, 0.8, 0.3
"""what it costs to show a part of a clip, or another part of it, right after it; and with one shot in between"""
_AGAIN = 0.12
"""what each earlier use of a file costs"""
_ALIKE_LEVELS, _ALIKE = 30.0, 0.8
"""neighbours whose quarters differ by fewer levels (0-255) look alike, and what that costs"""
_NOTHING = -3.0
"""of a shot that finds no moment: any moment is better"""
_BEAT_WORTH = 0.6
"""of a peak on a beat; on a downbeat it is 1"""


@dataclass(frozen=True)
class _Way:
    """A beginning of the edit: a moment, or none, for each shot so far."""

    score: float
    chosen: tuple[Moment | None, ...]
    used: npt.NDArray[np.bool_]
    """by cell"""
    uses: tuple[int, ...]
    """by file"""


def assign(plan: EditPlan, analysis: SongAnalysis, watched: Watched, board: Storyboard) -> EditPlan:
    """The plan with a moment for each shot that the storyboard gives no picture or clip of its own.

    The last shot turns into the cover and keeps it. Where the material is used up, a shot keeps the cover too. A shot
    whose storyboard entry says `next = 1` shows the next best moment beside the neighbours that it has; the other
    shots stay as they are.
    """
    library = Library(watched.items)
    entries = dict(zip((f"s{number:02d}" for number in range(1, len(board.shots) + 1)), board.shots, strict=True))
    free = [
        index
        for index, shot in enumerate(plan.shots)
        if shot.kind is not ShotKind.COVER_END and not _is_fixed(entries.get(shot.id))
    ]
    wants = {index: _want(plan.shots[index], plan, analysis) for index in free}
    used = _used_by_fixed(plan, library, entries)
    most_per_stretch = max(_MOST_PER_STRETCH, math.ceil(3 * len(free) / max(1, len(library.stretches))))
    most = max(_MOST, 3 * len(free))
    choices = {
        index: library.moments(want, plan.shots[index].seed, used, most, most_per_stretch)
        for index, want in wants.items()
    }
    chosen = dict(zip(range(len(plan.shots)), _best_way(len(plan.shots), choices, library, used), strict=True))
    for index in free:
        if count := entries.get(plan.shots[index].id, BoardShot()).next:
            chosen[index] = _next_best(index, count, chosen, choices[index], library, used)
    shots = [
        replace(shot, media=_media(moment, library), why=(*shot.why, _reason(moment, wants[index], library)))
        if (moment := chosen[index]) is not None
        else replace(shot, why=(*shot.why, "the material is used up")) if index in wants else shot
        for index, shot in enumerate(plan.shots)
    ]  # fmt: skip
    return replace(plan, shots=tuple(shots))


def _is_fixed(entry: BoardShot | None) -> bool:
    return entry is not None and bool(entry.image or entry.clip)


def _want(shot: Shot, plan: EditPlan, analysis: SongAnalysis) -> Want:
    """What a shot asks for: as lively among the material as its motion is among the shots'."""
    motions = [other.motion for other in plan.shots]
    low, span = min(motions), max(motions) - min(motions)
    downbeats = set(rules.downbeat_frames(plan, analysis)) if rules.has_bars(analysis) else set()
    beats = {frame_at(beat.time_s - plan.excerpt.start_s, plan.fps) for beat in analysis.beats} | downbeats
    inside = sorted(frame for frame in beats if shot.start_frame <= frame < shot.end_frame)
    hold_s = time_of(shot.hold_frames, plan.fps)
    return Want(
        length_s=time_of(shot.frame_count, plan.fps) - hold_s,
        hold_s=hold_s,
        life=0.1 + 0.8 * (shot.motion - low) / span if span else 0.5,
        beats=tuple(
            (time_of(frame - shot.start_frame, plan.fps), 1.0 if frame in downbeats else _BEAT_WORTH)
            for frame in inside
        ),
    )


def _used_by_fixed(plan: EditPlan, library: Library, entries: Mapping[str, BoardShot]) -> npt.NDArray[np.bool_]:
    """The cells that shots with a file of their own show already."""
    used = np.zeros(library.cell_count, np.bool_)
    places = {item.path.resolve(): number for number, item in enumerate(library.items)}
    for shot in plan.shots:
        entry = entries.get(shot.id, BoardShot())
        file = entry.clip or entry.image
        number = places.get(file.resolve()) if file else None
        if number is not None:
            start_s = entry.from_s or 0.0
            for cells in library.cells(number, start_s, start_s + time_of(shot.frame_count, plan.fps)):
                used[cells.start : cells.stop] = True
    return used


def _best_way(
    count: int, choices: Mapping[int, Sequence[Moment]], library: Library, used: npt.NDArray[np.bool_]
) -> tuple[Moment | None, ...]:
    ways = [_Way(0.0, (), used, (0,) * len(library.items))]
    for index in range(count):
        reached = []
        for way in ways:
            free = _free(choices.get(index, ()), way.used)
            rated = [(way.score + moment.score + _beside(way, moment, library), moment) for moment in free]
            reached += [(score, way, moment) for score, moment in rated]
            reached.append((way.score + (_NOTHING if index in choices else 0.0), way, None))
        reached.sort(key=lambda one: -one[0])  # stable: of equals the earlier stays
        ways = [_grown(way, moment, score, library) for score, way, moment in reached[:_BEAM]]
    return ways[0].chosen


def _free(moments: Sequence[Moment], used: npt.NDArray[np.bool_]) -> list[Moment]:
    if not moments:
        return []
    sums = np.concatenate([[0], np.cumsum(used)])
    spans = np.array([(moment.first_cell, moment.end_cell) for moment in moments])
    taken = sums[spans[:, 1]] - sums[spans[:, 0]]
    return [moment for moment, cells in zip(moments, taken, strict=True) if not cells]


def _beside(way: _Way, moment: Moment, library: Library) -> float:
    """What it costs (negative) to show a moment after those before it."""
    item = library.stretches[moment.stretch].item
    price = _AGAIN * way.uses[item]
    before = way.chosen[-1] if way.chosen else None
    if before is not None:
        price += _too_near(before, moment, library)
    if len(way.chosen) > 1 and (other := way.chosen[-2]) is not None:
        price += _NEAR_FILE * (library.stretches[other.stretch].item == item)
    return -price


def _too_near(before: Moment, after: Moment, library: Library) -> float:
    """What it costs to show two moments one after the other: they should differ."""
    price = 0.0
    if before.stretch == after.stretch:
        price += _SAME_STRETCH
    elif library.stretches[before.stretch].item == library.stretches[after.stretch].item:
        price += _SAME_FILE
    levels = sum(abs(a - b) for a, b in zip(before.closing, after.opening, strict=True)) / len(after.opening)
    return price + _ALIKE * max(0.0, 1 - levels / _ALIKE_LEVELS)


def _grown(way: _Way, moment: Moment | None, score: float, library: Library) -> _Way:
    if moment is None:
        return _Way(score, (*way.chosen, None), way.used, way.uses)
    used = way.used.copy()
    used[moment.first_cell : moment.end_cell] = True
    item = library.stretches[moment.stretch].item
    uses = (*way.uses[:item], way.uses[item] + 1, *way.uses[item + 1 :])
    return _Way(score, (*way.chosen, moment), used, uses)


def _next_best(
    index: int,
    count: int,
    chosen: Mapping[int, Moment | None],
    moments: Sequence[Moment],
    library: Library,
    used: npt.NDArray[np.bool_],
) -> Moment | None:
    """The `count`th best other moment for one shot, beside its neighbours; after the last comes the first choice."""
    taken = used.copy()
    for other in chosen.values():
        if other is not None:
            taken[other.first_cell : other.end_cell] = True

    def rated(moment: Moment) -> float:
        price = 0.0
        if (before := chosen.get(index - 1)) is not None:
            price += _too_near(before, moment, library)
        if (after := chosen.get(index + 1)) is not None:
            price += _too_near(moment, after, library)
        return moment.score - price

    order: list[Moment | None] = [chosen[index]]
    for moment in sorted(_free(moments, taken), key=rated, reverse=True):
        if all(moment.first_cell >= one.end_cell or moment.end_cell <= one.first_cell for one in order if one):
            order.append(moment)
    return order[count % len(order)]


def _media(moment: Moment, library: Library) -> OwnMedia:
    item = library.items[library.stretches[moment.stretch].item]
    return OwnMedia(str(item.path.absolute()), None if item.measured.is_picture else round(moment.start_s, 3))


def _reason(moment: Moment, want: Want, library: Library) -> str:
    """Why this moment, for people."""
    item: Item = library.items[library.stretches[moment.stretch].item]
    if item.measured.is_picture:
        found = [f"your picture {item.name}"]
    else:
        found = [f"{item.name} at {int(moment.start_s // 60)}:{moment.start_s % 60:04.1f}"]
        mood = "calm" if moment.life < 1 / 3 else "lively" if moment.life > 2 / 3 else "moving"
        fits = abs(moment.life - want.life) < 0.2
        found.append(f"{mood}, as the music is" if fits else f"{mood}, the nearest there is")
    if moment.on_beat_s is not None:
        where = "on its first frame" if moment.on_beat_s == 0 else f"{moment.on_beat_s:.1f} s in"
        found.append(f"its movement peaks on a beat, {where}")
    if moment.face > 0.05:
        found.append("a face")
    if moment.quality < 0.4:
        found.append("not sharp or not well lit")
    return ", ".join(found)


def summary(plan: EditPlan, watched: Watched) -> str:
    """How many shots show the material, in a sentence."""
    shown = [Path(shot.media.path) for shot in plan.shots if shot.media]
    return (
        f"{len(shown)} of {len(plan.shots)} shots show your material, "
        f"{len(set(shown))} of its {len(watched.items)} files."
    )
