# SPDX-License-Identifier: GPL-3.0-or-later
"""Title and artist over the opening: where the picture is calm, in a colour of the cover that can be read there.

They come when the frozen hero starts to move and are gone before the first cut; they never reach the last frame.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.platforms import NOTHING_COVERED, SafeArea
from blender_addon.core.types import CoverLook, EditPlan, PaletteColor, ShotKind, TitleLine
from bridge import cover as covers
from bridge.common import frame_sampling
from bridge.common.frames import Frame
from bridge.cover.oklab import LUMA, Floats, from_srgb, light_of, to_srgb
from bridge.cover.subject import busyness
from bridge.plan.storyboard import Storyboard
from bridge.render.fonts import Font
from bridge.render.title_drawing import runs_from_right

MOST_BUSY = 0.45
"""where nowhere is calmer, the text gets a label behind it"""
LEAST_CONTRAST = 4.5
"""Web Content Accessibility Guidelines 2.2, 1.4.3, level AA"""
SHOWN_S = 4.5
FADE_IN_S, FADE_OUT_S = 0.5, 0.7
SHORTEST_S = 1.8
"""less is too short to be read after the hold: then the titles are there from the first frame on"""
SIZES = (0.15, 0.125, 0.105, 0.088, 0.074, 0.062, 0.05)
"""the title's em, of the frame's shorter side"""
ARTIST_SIZE = 0.45
"""of the title's em"""
LEAST_SIZE = 0.03
"""of the shorter side: smaller letters can't be read on a phone"""
MARGINS = {"side": 0.07, "top": 0.09, "bottom": 0.09}
"""shares of the frame that stay free of text"""
TALL_MARGINS = {"side": 0.08, "top": 0.14, "bottom": 0.2}
"""of a frame that fills a phone held upright, where apps put their buttons"""
TALL = 1.5
"""from this ratio of height to width on a phone shows a frame that way"""
CENTRED = 0.5
_LINE_GAP = 1.12
"""from baseline to baseline, in ems"""
_ROWS = 28
_MOST_TRIED = 40


@dataclass(frozen=True)
class _Block:
    """Lines of text set under each other at one size."""

    lines: tuple[str, ...]
    sizes_px: tuple[float, ...]
    widths_px: tuple[float, ...]
    baselines_px: tuple[float, ...]
    """from the block's top"""
    height_px: float

    @property
    def width_px(self) -> float:
        return max(self.widths_px)


@dataclass(frozen=True)
class _Place:
    """A block on the frame, and what it costs to have it there."""

    block: _Block
    align: float
    """0 left, `CENTRED`, 1 right"""
    x_px: float
    y_px: float
    cost: float
    busy: float
    """0-1: how much detail lies behind"""


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
    places = _places(plan, texts, frames, font, _margins(plan, safe))
    if places[0].busy > MOST_BUSY:
        place, (rgb, backing) = places[0], _label_colors(palette)
    else:
        (place, rgb), backing = _best(places, frames, palette, plan), None
    flush = 1.0 if place.align != CENTRED and runs_from_right(texts[0]) else place.align
    descent = [font.face(size).getmetrics()[1] for size in place.block.sizes_px]
    return tuple(
        TitleLine(
            text=line,
            start_frame=start,
            frame_count=count,
            fade_in_frames=round(FADE_IN_S * plan.fps) if fades_in else 0,
            fade_out_frames=min(count // 3, round(FADE_OUT_S * plan.fps)),
            left=(place.x_px + flush * (place.block.width_px - width)) / plan.width_px,
            bottom=1 - (place.y_px + baseline + below) / plan.height_px,
            size_px=size,
            rgb=rgb,
            backing_rgb=backing,
        )
        for line, size, width, baseline, below in zip(
            place.block.lines,
            place.block.sizes_px,
            place.block.widths_px,
            place.block.baselines_px,
            descent,
            strict=True,
        )
    )


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


def _blocks(plan: EditPlan, texts: Sequence[str], font: Font, side: float) -> Iterator[_Block]:
    """The texts at all sizes that fit, large to small, on one line each or with the title on two."""
    short = min(plan.width_px, plan.height_px)
    room = plan.width_px * (1 - 2 * side)
    layouts = [[*texts]] + ([[*_halves(texts[0]), *texts[1:]]] if " " in texts[0] else [])
    fitted = False
    for share in SIZES:
        for lines in layouts:
            title_lines = len(lines) - len(texts) + 1
            block = _set(lines, title_lines, share * short, max(LEAST_SIZE, share * ARTIST_SIZE) * short, font)
            if block.width_px <= room:
                fitted = True
                yield block
    if not fitted:
        lines = layouts[-1]
        block = _set(lines, len(lines) - len(texts) + 1, SIZES[-1] * short, LEAST_SIZE * short, font)
        shrink = room / block.width_px
        yield _set(lines, len(lines) - len(texts) + 1, SIZES[-1] * short * shrink, LEAST_SIZE * short * shrink, font)


def _set(lines: Sequence[str], title_lines: int, em_px: float, artist_px: float, font: Font) -> _Block:
    sizes = [em_px if i < title_lines else artist_px for i in range(len(lines))]
    widths = [font.face(size).getlength(line) for line, size in zip(lines, sizes, strict=True)]
    baselines, y = [], 0.0
    for i, size in enumerate(sizes):
        y += 0.8 * size if i == 0 else _LINE_GAP * size + (0.25 * em_px if i == title_lines else 0.0)
        baselines.append(y)
    return _Block(tuple(lines), tuple(sizes), tuple(widths), tuple(baselines), y + 0.25 * sizes[-1])


def _halves(text: str) -> tuple[str, str]:
    """Cut at the space nearest to the middle."""
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return text[:middle], text[middle + 1 :]


def _margins(plan: EditPlan, safe: SafeArea) -> dict[str, float]:
    usual = TALL_MARGINS if plan.height_px >= TALL * plan.width_px else MARGINS
    theirs = {"side": max(safe.left, safe.right), "top": safe.top, "bottom": safe.bottom}
    return {side: max(share, theirs[side]) for side, share in usual.items()}


def _places(
    plan: EditPlan, texts: Sequence[str], frames: Sequence[Frame], font: Font, margins: Mapping[str, float]
) -> list[_Place]:
    """Where the texts could go, best first: calm, even, and rather large."""
    busy = np.max([busyness(frame) for frame in frames], axis=0)
    scale = busy.shape[1] / plan.width_px
    small = [cv2.resize(frame, busy.shape[::-1], interpolation=cv2.INTER_AREA) for frame in frames]
    light = np.stack([from_srgb(np.asarray(frame, np.uint8))[..., 0] for frame in small])
    found = []
    side, top = margins["side"] * plan.width_px, margins["top"] * plan.height_px
    for block in _blocks(plan, texts, font, margins["side"]):
        lowest = plan.height_px * (1 - margins["bottom"]) - block.height_px
        for align in (0.0, CENTRED, 1.0):
            x = side + align * (plan.width_px - 2 * side - block.width_px)
            for y in np.linspace(top, max(top, lowest), _ROWS):
                part = _cut(block, x, float(y), scale, busy.shape)
                uneven = float(np.percentile(light[:, *part], 95) - np.percentile(light[:, *part], 5))
                size = np.log(block.sizes_px[0] / (SIZES[0] * min(plan.width_px, plan.height_px)))
                behind = float(busy[part].mean())
                cost = 4 * behind + 1.5 * float(busy[part].max()) + 2 * uneven - 1.6 * float(size)
                found.append(_Place(block, align, x, float(y), cost + 0.35 * (len(block.lines) - len(texts)), behind))
    return sorted(found, key=lambda place: place.cost)


def _cut(block: _Block, x_px: float, y_px: float, scale: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The block's part of a small picture, with a little room around."""
    room = 0.2 * block.sizes_px[0]
    left, right = (x_px - room) * scale, (x_px + block.width_px + room) * scale
    top, bottom = (y_px - room) * scale, (y_px + block.height_px + room) * scale
    rows = slice(max(0, int(top)), min(shape[0], int(bottom) + 1))
    return rows, slice(max(0, int(left)), min(shape[1], int(right) + 1))


def _best(
    places: Sequence[_Place], frames: Sequence[Frame], palette: Sequence[PaletteColor], plan: EditPlan
) -> tuple[_Place, tuple[int, int, int]]:
    """The best place where a colour can be read; if there is none, the most readable of the best ones."""
    colors = _colors(palette)
    best, best_contrast = (places[0], (255, 255, 255)), 0.0
    for place in places[:: max(1, len(places) // (8 * _MOST_TRIED))][:_MOST_TRIED]:
        behind = np.concatenate([_behind(frame, place, plan) for frame in frames])
        contrasts = np.array([contrast(color, behind) for color in colors])
        readable = np.nonzero(contrasts >= LEAST_CONTRAST)[0]
        chosen = int(readable[0]) if len(readable) else int(contrasts.argmax())
        if contrasts[chosen] > best_contrast:
            best, best_contrast = (place, colors[chosen]), float(contrasts[chosen])
        if len(readable):
            break
    return best


def _label_colors(
    palette: Sequence[PaletteColor],
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Of text and label: the most colourful label on which another colour of the palette, white or black, reads."""
    own = [*(color.rgb for color in palette), (255, 255, 255), (0, 0, 0)]
    pairs = [(one, other) for one in own for other in own if one != other]
    enough = [pair for pair in pairs if contrast(pair[0], np.array([pair[1]], np.uint8)) >= LEAST_CONTRAST]
    lab = {color: from_srgb(np.array(color, np.uint8)) for color in own}
    return max(enough, key=lambda pair: float(np.hypot(*lab[pair[1]][1:]) + 0.2 * lab[pair[0]][0]))


def _behind(frame: Frame, place: _Place, plan: EditPlan) -> Frame:
    scale = frame.shape[1] / plan.width_px
    return frame[_cut(place.block, place.x_px, place.y_px, scale, frame.shape[:2])].reshape(-1, 3)


def contrast(color: tuple[int, int, int], behind: Frame) -> float:
    """WCAG's contrast ratio to what lies behind, at its worst but for a few pixels; 1 if it is the same, at most 21."""
    own = float(light_of(np.array(color, np.uint8)) @ LUMA)
    dark, light = np.percentile(light_of(behind) @ LUMA, (2, 98))
    if dark <= own <= light:
        return 1.0
    other = float(light if own > light else dark)
    return (max(own, other) + 0.05) / (min(own, other) + 0.05)


def _colors(palette: Sequence[PaletteColor]) -> list[tuple[int, int, int]]:
    """The palette's colours, colourful ones first; then lighter and darker ones of their hues; white and black."""
    lab = from_srgb(np.array([color.rgb for color in palette] or [(255, 255, 255)], np.uint8))
    lab = lab[np.argsort(-np.hypot(lab[:, 1], lab[:, 2]))]
    shades = [_rgb(lab)]
    for light in (0.97, 0.93, 0.88, 0.82, 0.12, 0.2, 0.28):
        toned = lab.copy()
        toned[:, 0] = light
        toned[:, 1:] *= 0.45 if light > 0.5 else 0.7
        shades.append(_rgb(toned))
    colors = [tuple(int(v) for v in color) for shade in shades for color in shade]
    return [*colors, (255, 255, 255), (0, 0, 0)]  # pyright: ignore[reportReturnType] # three each


def _rgb(lab: Floats) -> npt.NDArray[np.int64]:
    return np.round(np.clip(to_srgb(lab), 0, 1) * 255).astype(int)
