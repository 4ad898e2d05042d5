# SPDX-License-Identifier: GPL-3.0-or-later
"""Text on a moving picture: lines under each other, places for them, colours of the cover that can be read there."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.platforms import NOTHING_COVERED, SafeArea
from blender_addon.core.types import EditPlan, PaletteColor, TitleLine
from bridge.common.frames import Frame
from bridge.cover.oklab import LUMA, Floats, from_srgb, light_of, to_srgb
from bridge.render.fonts import Font
from bridge.render.title_drawing import runs_from_right

MOST_BUSY = 0.45
"""where nowhere is calmer, the text gets a label behind it"""
LEAST_CONTRAST = 4.5
"""Web Content Accessibility Guidelines 2.2, 1.4.3, level AA"""
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
_MOST_TRIED = 40


@dataclass(frozen=True)
class Block:
    """Lines of text set under each other at one size."""

    lines: tuple[str, ...]
    sizes_px: tuple[float, ...]
    widths_px: tuple[float, ...]
    baselines_px: tuple[float, ...]
    """from the block's top"""
    height_px: float
    font: Font

    @property
    def width_px(self) -> float:
        return max(self.widths_px)


@dataclass(frozen=True)
class Place:
    """A block on the frame, and what it costs to have it there."""

    block: Block
    align: float
    """0 left, `CENTRED`, 1 right"""
    x_px: float
    y_px: float
    cost: float
    busy: float
    """0-1: how much detail lies behind"""


@dataclass(frozen=True)
class Span:
    """When a text is shown, in frames of the plan."""

    start: int
    count: int
    fade_in: int
    fade_out: int


def lines_at(
    place: Place,
    plan: EditPlan,
    rgb: tuple[int, int, int],
    backing: tuple[int, int, int] | None,
    span: Span,
    *,
    is_sung: bool = False,
) -> tuple[TitleLine, ...]:
    """A block of text at its place, a line each; `backing` is the colour of a label behind it."""
    flush = 1.0 if place.align != CENTRED and runs_from_right(place.block.lines[0]) else place.align
    descent = [place.block.font.face(size).getmetrics()[1] for size in place.block.sizes_px]
    return tuple(
        TitleLine(
            text=line,
            start_frame=span.start,
            frame_count=span.count,
            fade_in_frames=span.fade_in,
            fade_out_frames=span.fade_out,
            left=(place.x_px + flush * (place.block.width_px - width)) / plan.width_px,
            bottom=1 - (place.y_px + baseline + below) / plan.height_px,
            size_px=size,
            rgb=rgb,
            backing_rgb=backing,
            is_sung=is_sung,
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


def set_lines(
    lines: Sequence[str], title_lines: int, em_px: float, artist_px: float, font: Font, gap: float = _LINE_GAP
) -> Block:
    """The first lines at one size, the others, with a space before them, at another.

    `gap` is the distance from baseline to baseline, in ems.
    """
    sizes = [em_px if i < title_lines else artist_px for i in range(len(lines))]
    widths = [font.face(size).getlength(line) for line, size in zip(lines, sizes, strict=True)]
    baselines, y = [], 0.0
    for i, size in enumerate(sizes):
        y += 0.8 * size if i == 0 else gap * size + (0.25 * em_px if i == title_lines else 0.0)
        baselines.append(y)
    return Block(tuple(lines), tuple(sizes), tuple(widths), tuple(baselines), y + 0.25 * sizes[-1], font)


def halves(text: str) -> tuple[str, str]:
    """Cut at the space nearest to the middle."""
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return text[:middle], text[middle + 1 :]


def margins_of(plan: EditPlan, safe: SafeArea = NOTHING_COVERED) -> dict[str, float]:
    """The shares of a plan's frame that stay free of text: at each side, at the top and at the bottom."""
    usual = TALL_MARGINS if plan.height_px >= TALL * plan.width_px else MARGINS
    theirs = {"side": max(safe.left, safe.right), "top": safe.top, "bottom": safe.bottom}
    return {side: max(share, theirs[side]) for side, share in usual.items()}


@dataclass(frozen=True)
class Ground:
    """What lies behind a text: some frames, small, as one."""

    busy: npt.NDArray[np.floating]
    """0-1: the most detail of all frames, shape (height, width)"""
    light: npt.NDArray[np.floating]
    """OKLab's lightness, shape (frames, height, width)"""
    scale: float
    """its pixels by the plan's"""

    @classmethod
    def of(cls, frames: Sequence[Frame], busy: npt.NDArray[np.floating], plan: EditPlan) -> "Ground":
        """The ground of frames as they will be seen, and of where they are busy."""
        small = [cv2.resize(frame, busy.shape[::-1], interpolation=cv2.INTER_AREA) for frame in frames]
        light = np.stack([from_srgb(np.asarray(frame, np.uint8))[..., 0] for frame in small])
        return cls(busy, light, busy.shape[1] / plan.width_px)

    def under(self, block: Block, x_px: float, y_px: float) -> tuple[float, float]:
        """How busy it is under a block, 0-1, and what it costs to have it there: detail and differences of light."""
        part = part_of(block, x_px, y_px, self.scale, self.busy.shape)
        uneven = float(np.percentile(self.light[:, *part], 95) - np.percentile(self.light[:, *part], 5))
        busy = float(self.busy[part].mean())
        return busy, 4 * busy + 1.5 * float(self.busy[part].max()) + 2 * uneven


def part_of(block: Block, x_px: float, y_px: float, scale: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The block's part of a small picture, with a little room around."""
    room = 0.2 * block.sizes_px[0]
    left, right = (x_px - room) * scale, (x_px + block.width_px + room) * scale
    top, bottom = (y_px - room) * scale, (y_px + block.height_px + room) * scale
    rows = slice(max(0, int(top)), min(shape[0], int(bottom) + 1))
    return rows, slice(max(0, int(left)), min(shape[1], int(right) + 1))


def readable(
    places: Sequence[Place],
    frames: Sequence[Frame],
    palette: Sequence[PaletteColor],
    plan: EditPlan,
    first: tuple[int, int, int] | None = None,
    least: float = LEAST_CONTRAST,
) -> tuple[Place, tuple[int, int, int], float]:
    """The best place where a colour can be read, the colour (`first`, if it will do) and its contrast.

    If there is none, it is the most readable of the best ones.
    """
    colors = [*([first] if first else []), *_colors(palette)]
    best = (places[0], (255, 255, 255), 0.0)
    for place in places[:: max(1, len(places) // (8 * _MOST_TRIED))][:_MOST_TRIED]:
        behind = np.concatenate([_pixels(frame, place, plan) for frame in frames])
        span = _lights(behind)
        contrasts = np.array([_contrast(color, *span) for color in colors])
        enough = np.nonzero(contrasts >= least)[0]
        chosen = int(enough[0]) if len(enough) else int(contrasts.argmax())
        if contrasts[chosen] > best[2]:
            best = (place, colors[chosen], float(contrasts[chosen]))
        if len(enough):
            break
    return best


def label_colors(
    palette: Sequence[PaletteColor],
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Of text and label: the most colourful label on which another colour of the palette, white or black, reads."""
    own = [*(color.rgb for color in palette), (255, 255, 255), (0, 0, 0)]
    pairs = [(one, other) for one in own for other in own if one != other]
    enough = [pair for pair in pairs if contrast(pair[0], np.array([pair[1]], np.uint8)) >= LEAST_CONTRAST]
    lab = {color: from_srgb(np.array(color, np.uint8)) for color in own}
    return max(enough, key=lambda pair: float(np.hypot(*lab[pair[1]][1:]) + 0.2 * lab[pair[0]][0]))


def _pixels(frame: Frame, place: Place, plan: EditPlan) -> Frame:
    scale = frame.shape[1] / plan.width_px
    return frame[part_of(place.block, place.x_px, place.y_px, scale, frame.shape[:2])].reshape(-1, 3)


def contrast(color: tuple[int, int, int], behind: Frame) -> float:
    """WCAG's contrast ratio to what lies behind, at its worst but for a few pixels; 1 if it is the same, at most 21."""
    return _contrast(color, *_lights(behind))


def _lights(behind: Frame) -> tuple[float, float]:
    """The darkest and the lightest luminance of pixels, but for a few."""
    dark, light = np.percentile(light_of(behind) @ LUMA, (2, 98))
    return float(dark), float(light)


def _contrast(color: tuple[int, int, int], dark: float, light: float) -> float:
    own = float(light_of(np.array(color, np.uint8)) @ LUMA)
    if dark <= own <= light:
        return 1.0
    other = light if own > light else dark
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
