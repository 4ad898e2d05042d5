# SPDX-License-Identifier: GPL-3.0-or-later
"""The song's words over its shots: on the beat, beside the faces, all at one size, near where the last ones were."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from blender_addon.core import strip_layout
from blender_addon.core.lyrics import SungLine
from blender_addon.core.platforms import NOTHING_COVERED, SafeArea
from blender_addon.core.timing import frame_at
from blender_addon.core.types import CoverLook, EditPlan, PaletteColor, ShotKind, SongAnalysis, TitleLine
from bridge import cover as covers
from bridge.common import frame_sampling
from bridge.common.frames import Frame
from bridge.cover import subject
from bridge.cover.box import Box
from bridge.cover.faces import find_faces
from bridge.cover.subject import Map
from bridge.render.fonts import Font
from bridge.render.text_placement import (
    CENTRED,
    LEAST_CONTRAST,
    LEAST_SIZE,
    Block,
    Ground,
    Place,
    Span,
    label_colors,
    lines_at,
    margins_of,
    readable,
    set_lines,
)

SIZES = (0.078, 0.066, 0.056, 0.048, 0.04)
"""the em, of the frame's shorter side: one for all lines, the largest at which each fits on two lines"""
SHORTEST_S = 0.4
"""what would be shown for less is left out"""
FADE_IN_S, FADE_OUT_S = 0.08, 0.16
FRAMES_PER_SHOT = 3
LABEL_GAP = 1.75
"""from baseline to baseline of rows on labels, in ems"""
SAFE_CONTRAST = 1.25 * LEAST_CONTRAST
"""on the frames that are looked at: the picture moves between them"""
FACE_ROOM = 0.35
"""around a face, of its size: hair and chin"""
_ROWS = 24
_WANDERING = 2.0
"""what it costs to go from the last line's place across the whole frame"""
_WORTH = 1.5
"""how much worse a place may be than the best one to do without a label"""
_ASIDE = 1.5
"""what it costs not to stand in the middle"""

Area = tuple[float, float, float, float]
"""left, top, right, bottom, as shares of the frame"""


@dataclass(frozen=True)
class Placed:
    """The words on the frame."""

    lines: tuple[tuple[TitleLine, Font], ...]
    left_out: tuple[str, ...]
    """what found no place beside the faces"""


def place(
    plan: EditPlan,
    analysis: SongAnalysis,
    lines: Sequence[SungLine],
    shots: "Shots",
    palette: Sequence[PaletteColor],
    fonts: Mapping[str, Font],
    safe: SafeArea = NOTHING_COVERED,
) -> Placed:
    """The lines that are sung during a plan, two rows at most each.

    Args:
        shots: what is seen.
        palette: the cover's, which colours them.
        fonts: of each line, by its text.
        safe: what a platform covers stays free of words.
    """
    timed = [(line, span) for line in lines if (span := span_of(plan, analysis, line))]
    if not timed:
        return Placed((), ())
    nexts = [*(span for _, span in timed[1:]), None]
    timed = [(line, _until(span, after)) for (line, span), after in zip(timed, nexts, strict=True)]
    margins = margins_of(plan, safe)
    share = _size([line.text for line, _ in timed], plan, fonts, margins)
    found: list[tuple[TitleLine, Font]] = []
    left_out: list[str] = []
    last: tuple[float, tuple[int, int, int] | None] = (1.0, None)
    for line, span in timed:
        font = fonts[line.text]
        seen = shots.during(span)
        over = [_box(title, plan, font) for title in plan.titles if _meet(title, span)]
        placed = _placed(line.text, share, plan, margins, seen, over, palette, font, last)
        if placed is None:
            left_out.append(line.text)
            continue
        spot, rgb, backing = placed
        last = (spot.y_px / plan.height_px, rgb)
        found += [(row, font) for row in lines_at(spot, plan, rgb, backing, span, is_sung=True)]
    return Placed(tuple(found), tuple(left_out))


def span_of(plan: EditPlan, analysis: SongAnalysis, line: SungLine) -> Span | None:
    """When a line is shown: from the beat nearest to its first syllable on; None if it isn't during the plan.

    The opening's frozen frame and the last shot's cover stay bare.
    """
    starts_s = line.words[0].start_s if line.words else line.start_s
    start = max(plan.shots[0].hold_frames, frame_at(_beat(analysis, starts_s) - plan.excerpt.start_s, plan.fps))
    end = min(frame_at(line.end_s - plan.excerpt.start_s, plan.fps), _end(plan))
    if end - start < SHORTEST_S * plan.fps:
        return None
    return Span(start, end - start, round(FADE_IN_S * plan.fps), round(FADE_OUT_S * plan.fps))


def _until(span: Span, after: Span | None) -> Span:
    """Gone when the next one comes."""
    count = min(span.count, after.start - span.start) if after and after.start > span.start else span.count
    return Span(span.start, count, min(span.fade_in, count // 4), min(span.fade_out, count // 4))


def _beat(analysis: SongAnalysis, time_s: float) -> float:
    """The nearest beat's time, if one is near: not where the song has none."""
    if not analysis.beats:
        return time_s
    nearest = min((beat.time_s for beat in analysis.beats), key=lambda beat_s: abs(beat_s - time_s))
    return nearest if abs(nearest - time_s) <= 30 / max(1.0, analysis.tempo_bpm) else time_s


def _end(plan: EditPlan) -> int:
    last = plan.shots[-1]
    if last.kind is not ShotKind.COVER_END:
        return plan.frame_count
    return last.start_frame + strip_layout.cover_turn(last.frame_count, last.hold_frames, plan.fps).start


@dataclass(frozen=True)
class Seen:
    """What is behind the words."""

    frames: tuple[Frame, ...]
    """graded"""
    busy: Map
    """the most detail of all frames, as `subject.busyness` gives it"""
    faces: tuple[Area, ...]

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> "Seen":
        """Looks at frames; this takes a while."""
        found = tuple(_face(face.box, frame) for frame in frames for face in find_faces(frame))
        return cls(tuple(frames), np.max([subject.busyness(frame) for frame in frames], axis=0), found)


@dataclass(frozen=True)
class Shots:
    """What each shot looks like, looked at as it is asked for."""

    plan: EditPlan
    seen: Callable[[str], Seen]
    """by the shot's id"""

    @classmethod
    def of(cls, plan: EditPlan, clips: Mapping[str, Path], look: CoverLook) -> "Shots":
        """Of clips, graded."""

        @cache
        def seen(shot_id: str) -> Seen:
            sampled = frame_sampling.sample([clips[shot_id]], FRAMES_PER_SHOT)
            return Seen.of([covers.apply_grade(frame, look.grade) for frame in sampled])

        return cls(plan, seen)

    def during(self, span: Span) -> Seen:
        """All shots that are seen during a span, as one."""
        end = span.start + span.count
        parts = [
            self.seen(shot.id) for shot in self.plan.shots if shot.start_frame < end and shot.end_frame > span.start
        ]
        frames = tuple(frame for part in parts for frame in part.frames)
        faces = tuple(face for part in parts for face in part.faces)
        return Seen(frames, np.max([part.busy for part in parts], axis=0), faces)


def _face(found: Box, frame: Frame) -> Area:
    height_px, width_px = frame.shape[:2]
    room_x, room_y = FACE_ROOM * found.width_px, FACE_ROOM * found.height_px
    return (
        (found.left_px - room_x) / width_px,
        (found.top_px - room_y) / height_px,
        (found.left_px + found.width_px + room_x) / width_px,
        (found.top_px + found.height_px + room_y) / height_px,
    )


def _meet(title: TitleLine, span: Span) -> bool:
    return title.start_frame < span.start + span.count and title.start_frame + title.frame_count > span.start


def _box(line: TitleLine, plan: EditPlan, font: Font) -> Area:
    em = line.size_px / plan.height_px
    width = font.face(line.size_px).getlength(line.text) / plan.width_px
    return (line.left, 1 - line.bottom - 1.3 * em, line.left + width, 1 - line.bottom + 0.2 * em)


def rows_of(text: str, room_px: float, em_px: float, font: Font) -> tuple[str, ...] | None:
    """A text on one line or two; None if it is too long for both. Without spaces it is cut anywhere."""
    face = font.face(em_px)
    if face.getlength(text) <= room_px:
        return (text,)
    cuts = [i for i, sign in enumerate(text) if sign == " "] or list(range(1, len(text)))
    halves = [(text[:cut].rstrip(), text[cut:].lstrip()) for cut in cuts]
    best = min(halves, key=lambda pair: max(face.getlength(row) for row in pair), default=(text, ""))
    return best if max(face.getlength(row) for row in best) <= room_px else None


def _room(plan: EditPlan, margins: Mapping[str, float]) -> float:
    return plan.width_px * (1 - 2 * margins["side"])


def _size(texts: Sequence[str], plan: EditPlan, fonts: Mapping[str, Font], margins: Mapping[str, float]) -> float:
    """The em for all lines, as a share of the frame's shorter side."""
    short = min(plan.width_px, plan.height_px)
    fits = (
        share
        for share in SIZES
        if all(rows_of(text, _room(plan, margins), share * short, fonts[text]) for text in texts)
    )
    return next(fits, SIZES[-1])


def _block(text: str, share: float, plan: EditPlan, margins: Mapping[str, float], font: Font) -> Block:
    """A text at a size, or smaller if it is too long for two rows."""
    em_px = share * min(plan.width_px, plan.height_px)
    while (rows := rows_of(text, _room(plan, margins), em_px, font)) is None:
        em_px *= 0.9
    return set_lines(rows, len(rows), em_px, em_px, font)


def _placed(
    text: str,
    share: float,
    plan: EditPlan,
    margins: Mapping[str, float],
    seen: Seen,
    over: Sequence[Area],
    palette: Sequence[PaletteColor],
    font: Font,
    last: tuple[float, tuple[int, int, int] | None],
) -> tuple[Place, tuple[int, int, int], tuple[int, int, int] | None] | None:
    """Place, colour and maybe a label's colour; None if there is no place beside faces and titles, at any size."""
    ground, blocked, last_y, last_rgb = Ground.of(seen.frames, seen.busy, plan), (*seen.faces, *over), *last
    for size in (share, 0.8 * share, max(LEAST_SIZE, 0.62 * share)):
        block = _block(text, size, plan, margins, font)
        places = [
            Place(block, align, x, y, cost + _moved(align, y / plan.height_px - last_y), busy)
            for align, x, y in _spots(block, plan, margins)
            if not any(_touch(block, x, y, box, plan) for box in blocked)
            for busy, cost in [ground.under(block, x, y)]
        ]
        if places:
            break
    else:
        return None
    places.sort(key=lambda place: place.cost)
    near = [place for place in places if place.cost < places[0].cost + _WORTH]
    spot, rgb, contrast = readable(near, seen.frames, palette, plan, last_rgb, SAFE_CONTRAST)
    if contrast >= SAFE_CONTRAST:
        return spot, rgb, None
    tall = _labelled(block)
    raised = (
        replace(place, block=tall, y_px=place.y_px - (tall.height_px - block.height_px))
        for place in places
        if place.y_px - (tall.height_px - block.height_px) >= margins["top"] * plan.height_px or len(block.lines) == 1
    )
    free = (spot for spot in raised if not any(_touch(tall, spot.x_px, spot.y_px, box, plan) for box in blocked))
    chosen = next(free, None)
    return (chosen, *label_colors(palette)) if chosen else None


def _labelled(block: Block) -> Block:
    """The same rows so far apart that no row's label lies on another row."""
    em_px = block.sizes_px[0]
    return set_lines(block.lines, len(block.lines), em_px, em_px, block.font, LABEL_GAP)


def _moved(align: float, by: float) -> float:
    return _WANDERING * abs(by) + _ASIDE * (align != CENTRED)


def _spots(block: Block, plan: EditPlan, margins: Mapping[str, float]) -> list[tuple[float, float, float]]:
    """Alignment, left and top: in the middle, from the bottom to the top; then at the sides."""
    side, top = margins["side"] * plan.width_px, margins["top"] * plan.height_px
    lowest = max(top, plan.height_px * (1 - margins["bottom"]) - block.height_px)
    heights = [float(y) for y in np.linspace(lowest, top, _ROWS)]
    room = plan.width_px - 2 * side - block.width_px
    return [(align, side + align * room, y) for align in (CENTRED, 0.0, 1.0) for y in heights]


def _touch(block: Block, x_px: float, y_px: float, box: Area, plan: EditPlan) -> bool:
    left, top, right, bottom = box
    inside_x = x_px < right * plan.width_px and x_px + block.width_px > left * plan.width_px
    return inside_x and y_px < bottom * plan.height_px and y_px + block.height_px > top * plan.height_px
