# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes and sizes that a video can have. Pure: standard library only."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide a picture is for its height."""

    across: int
    down: int
    title: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Format:
    """A shape at a size."""

    name: str
    """as it was asked for: "9:16", or "1440x810" """
    width_px: int
    height_px: int

    @property
    def suffix(self) -> str:
        """The name as part of a file's name."""
        return self.name.replace(":", "x")


SHAPES = {
    "16:9": Shape(16, 9, "Landscape", "For television, cinema and desktop players"),
    "9:16": Shape(9, 16, "Portrait", "For phones held upright"),
    "1:1": Shape(1, 1, "Square", "For feeds, and as wide as most covers"),
    "4:5": Shape(4, 5, "Feed", "The tallest picture that feeds show whole"),
}
SHORT_SIDE_PX = 1080
SHORT_SIDES_PX = {1080: "Full HD", 720: "HD", 360: "a quick look at the cut", 2160: "4K"}
"""the usual sizes of a shape, by its shorter side (both, of a square)"""
SIDES_PX = (32, 4096)
"""what players decode; both sides have to be even besides, as the picture's colours are stored for two pixels by two"""
MOST_ACROSS = 4
"""how many times as long as the other a side may be"""
DRAFT_LONG_SIDE_PX = 640


def parse(text: str, short_side_px: int = SHORT_SIDE_PX) -> Format:
    """Reads a format: a shape's name such as "9:16", or a size in pixels such as "1440x810".

    Args:
        short_side_px: of a shape; a size has its own.

    Raises:
        ValueError: it is neither, or no video can have it; the message says what would be right.
    """
    name = text.strip().lower()
    if name in SHAPES:
        return Format(name, *_size(SHAPES[name], short_side_px))
    sides = re.fullmatch(r"(\d{1,6})x(\d{1,6})", name)
    if not sides:
        raise ValueError(
            f"there is no format {text.strip()!r}; there are {', '.join(SHAPES)}, and sizes in pixels such as 1440x810"
        )
    width_px, height_px = int(sides[1]), int(sides[2])
    check_size(width_px, height_px)
    return Format(f"{width_px}x{height_px}", width_px, height_px)


def parse_list(text: str, short_side_px: int = SHORT_SIDE_PX) -> tuple[Format, ...]:
    """Reads formats with commas between them, as in "16:9,9:16"; a format named twice counts once.

    Raises:
        ValueError: see `parse`.
    """
    return tuple(dict.fromkeys(parse(part, short_side_px) for part in text.split(",")))


def check_size(width_px: int, height_px: int) -> None:
    """Refuses a size that no video can have.

    Raises:
        ValueError: the message says what would be right.
    """
    short_px, long_px = sorted((width_px, height_px))
    if width_px % 2 or height_px % 2 or short_px < SIDES_PX[0] or long_px > SIDES_PX[1]:
        what = f"both sides must be even, from {SIDES_PX[0]} to {SIDES_PX[1]} pixels"
    elif long_px > MOST_ACROSS * short_px:
        what = f"one side can be at most {MOST_ACROSS} times the other"
    else:
        return
    raise ValueError(f"a video can't be {width_px} by {height_px} pixels: {what}")


def usual_sizes_px() -> tuple[tuple[int, int], ...]:
    """Width and height of every shape at every size, the usual ones first; what is no larger than a draft aside."""
    shorts = [side_px for side_px in SHORT_SIDES_PX if side_px > DRAFT_LONG_SIDE_PX]
    return tuple(_size(shape, short_px) for short_px in shorts for shape in SHAPES.values())


def draft_ratio(width_px: int, height_px: int) -> float:
    """How large the draft of a video of this size is against it: never larger."""
    return min(1.0, DRAFT_LONG_SIDE_PX / max(width_px, height_px))


def draft_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the draft of a video of this size, both even."""
    ratio = draft_ratio(width_px, height_px)
    return 2 * round(width_px * ratio / 2), 2 * round(height_px * ratio / 2)


def _size(shape: Shape, short_side_px: int) -> tuple[int, int]:
    unit = short_side_px / min(shape.across, shape.down)
    return 2 * round(shape.across * unit / 2), 2 * round(shape.down * unit / 2)
