# SPDX-License-Identifier: GPL-3.0-or-later
"""Title and artist over the opening: where the picture is calm, in a colour of the cover that can be read there.

They come when the frozen hero starts to move and are gone before the first cut; they never reach the last frame.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from blender_addon.core.platforms import NOTHING_COVERED, SafeArea
from blender_addon.core.types import CoverLook, EditPlan, PaletteColor, ShotKind, TitleLine
from bridge import cover as covers
from bridge.common import frame_sampling
from bridge.common.frames import Frame
from bridge.cover.subject import busyness
from bridge.plan.storyboard import Storyboard
from bridge.render.fonts import Font
from bridge.render.text_placement import (
    CENTRED,
    LEAST_SIZE,
    MOST_BUSY,
    Block,
    Ground,
    Place,
    Span,
    halves,
    label_colors,
    lines_at,
    margins_of,
    readable,
    set_lines,
)

SHOWN_S = 4.5
FADE_IN_S, FADE_OUT_S = 0.5, 0.7
SHORTEST_S = 1.8
"""less is too short to be read after the hold: then the titles are there from the first frame on"""
SIZES = (0.15, 0.125, 0.105, 0.088, 0.074, 0.062, 0.05)
"""the title's em, of the frame's shorter side"""
ARTIST_SIZE = 0.45
"""of the title's em"""
_ROWS = 28


def plan_titles(
    plan: EditPlan,
    title: str,
    artist: str,
    frames: Sequence[Frame],
    palette: Sequence[PaletteColor],
    font: Font,
    safe: SafeArea = NOTHING_COVERED,
) -> tuple[TitleLine, ...]:
    """The lines of text for a plan, none if there is no text or no shot.

    Args:
        frames: of the opening, as they will be seen (graded), while the titles are shown.
        palette: the cover's.
        safe: what the platform covers with its own.

    Raises:
        BadInput: the font can't be read.
    """
    span = title_span(plan)
    texts = [text for text in (title, artist) if text]
    if not texts or span is None or not frames:
        return ()
    start, count, fades_in = span
    places = _places(plan, texts, frames, font, margins_of(plan, safe))
    if places[0].busy > MOST_BUSY:
        place, (rgb, backing) = places[0], label_colors(palette)
    else:
        place, rgb, _ = readable(places, frames, palette, plan)
        backing = None
    return lines_at(
        place,
        plan,
        rgb,
        backing,
        Span(start, count, round(FADE_IN_S * plan.fps) if fades_in else 0, _fade_out(count, plan)),
    )


def _fade_out(count: int, plan: EditPlan) -> int:
    return min(count // 3, round(FADE_OUT_S * plan.fps))


def opening(plan: EditPlan, look: CoverLook, clip: Path | None, cover: Path) -> list[Frame]:
    """Frames to plan titles over, graded: of the clip that opens the video or, as long as there is none, the cover.

    Raises:
        BadInput: the cover cannot be read.
    """
    if clip:
        frames = frame_sampling.sample([clip], per_video=5)[:-1]
    else:
        height_px = round(frame_sampling.SAMPLE_WIDTH_PX * plan.height_px / plan.width_px)
        frames = [covers.mounted(covers.load(cover), frame_sampling.SAMPLE_WIDTH_PX, height_px).picture]
    return [covers.apply_grade(frame, look.grade) for frame in frames]


def title_span(plan: EditPlan) -> tuple[int, int, bool] | None:
    """When titles are shown: first frame, frame count, and whether they fade in. None if there is no room."""
    if not plan.shots:
        return None
    first = plan.shots[0]
    rests_at_end = first.kind is ShotKind.COVER_END
    room = first.frame_count - (first.hold_frames if rests_at_end else 0) - round(plan.fps / 6)
    start = 0 if rests_at_end else first.hold_frames
    if room - start < SHORTEST_S * plan.fps:
        start = 0
    count = min(room - start, round(SHOWN_S * plan.fps))
    return (start, count, start > 0) if count > plan.fps / 2 else None


def texts_of(title: str | None, artist: str | None, board: Storyboard) -> tuple[str, str]:
    """Title and artist. None is the storyboard's; an empty text is no text, and either can do without the other."""
    chosen = (board.title if title is None else title, board.artist if artist is None else artist)
    return tuple(unicodedata.normalize("NFC", text).strip() for text in chosen)  # pyright: ignore[reportReturnType]


def _blocks(plan: EditPlan, texts: Sequence[str], font: Font, side: float) -> Iterator[Block]:
    """The texts at all sizes that fit, large to small, on one line each or with the title on two."""
    short = min(plan.width_px, plan.height_px)
    room = plan.width_px * (1 - 2 * side)
    layouts = [[*texts]] + ([[*halves(texts[0]), *texts[1:]]] if " " in texts[0] else [])
    fitted = False
    for share in SIZES:
        for lines in layouts:
            title_lines = len(lines) - len(texts) + 1
            block = set_lines(lines, title_lines, share * short, max(LEAST_SIZE, share * ARTIST_SIZE) * short, font)
            if block.width_px <= room:
                fitted = True
                yield block
    if not fitted:
        lines = layouts[-1]
        block = set_lines(lines, len(lines) - len(texts) + 1, SIZES[-1] * short, LEAST_SIZE * short, font)
        shrink = room / block.width_px
        yield set_lines(
            lines, len(lines) - len(texts) + 1, SIZES[-1] * short * shrink, LEAST_SIZE * short * shrink, font
        )


def _places(
    plan: EditPlan, texts: Sequence[str], frames: Sequence[Frame], font: Font, margins: Mapping[str, float]
) -> list[Place]:
    """Where the texts could go, best first: calm, even, and rather large."""
    ground, found = Ground.of(frames, np.max([busyness(frame) for frame in frames], axis=0), plan), []
    side, top = margins["side"] * plan.width_px, margins["top"] * plan.height_px
    for block in _blocks(plan, texts, font, margins["side"]):
        lowest = plan.height_px * (1 - margins["bottom"]) - block.height_px
        size = np.log(block.sizes_px[0] / (SIZES[0] * min(plan.width_px, plan.height_px)))
        for align in (0.0, CENTRED, 1.0):
            x = side + align * (plan.width_px - 2 * side - block.width_px)
            for y in np.linspace(top, max(top, lowest), _ROWS):
                busy, cost = ground.under(block, x, float(y))
                cost += 0.35 * (len(block.lines) - len(texts)) - 1.6 * float(size)
                found.append(Place(block, align, x, float(y), cost, busy))
    return sorted(found, key=lambda place: place.cost)
