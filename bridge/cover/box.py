# SPDX-License-Identifier: GPL-3.0-or-later
"""A rectangle in a picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; right and bottom are one past the last pixel."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def right_px(self) -> int:
        return self.left_px + self.width_px

    @property
    def bottom_px(self) -> int:
        return self.top_px + self.height_px

    @property
    def center_px(self) -> tuple[float, float]:
        """x, y"""
        return (self.left_px + self.width_px / 2, self.top_px + self.height_px / 2)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut the rectangle out of an array."""
        return (slice(self.top_px, self.bottom_px), slice(self.left_px, self.right_px))
