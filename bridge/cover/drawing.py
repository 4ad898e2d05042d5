# SPDX-License-Identifier: GPL-3.0-or-later
"""The look as a picture: the cover before and after the grade, its palette with names, the grade's curves."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from blender_addon.core.types import CoverLook, Grade
from bridge.common import files
from bridge.common.frames import Frame
from bridge.cover.fitting import SKIN
from bridge.cover.grading import apply_grade
from bridge.cover.oklab import from_srgb, to_srgb

_INK, _PAPER = "#e8e6e3", "#18181b"


def plot(look: CoverLook, cover: Frame, path: str | Path) -> None:
    """Writes a PNG of 1400 x 900 pixels."""
    figure = Figure(figsize=(14, 9), dpi=100, facecolor=_PAPER)
    grid = figure.add_gridspec(2, 3, height_ratios=(3, 1.5), left=0.03, right=0.97, top=0.93, bottom=0.07, wspace=0.12)
    scale = min(1.0, 900 / max(cover.shape[:2]))
    small = np.asarray(cv2.resize(cover, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    chart = _test_chart()
    both = np.concatenate([chart, apply_grade(chart, look.grade)])
    _draw_picture(figure.add_subplot(grid[0, 0]), small, "the cover")
    _draw_picture(figure.add_subplot(grid[0, 1]), apply_grade(small, look.grade), "the cover, graded")
    _draw_picture(figure.add_subplot(grid[0, 2]), both, "greys, hues and skin: ungraded above, graded below")
    _draw_palette(figure.add_subplot(grid[1, :2]), look)
    _draw_curves(figure.add_subplot(grid[1, 2]), look.grade)
    with files.written_beside(Path(path)) as beside, beside.open("wb") as file:
        FigureCanvasAgg(figure).print_png(file)


def _draw_picture(axes: Axes, picture: Frame, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, color=_INK, fontsize=12)
    axes.set_axis_off()


def _draw_palette(axes: Axes, look: CoverLook) -> None:
    """Bars of each colour: width by the root of the weight, so that accents can be seen."""
    widths = np.sqrt([color.weight for color in look.palette])
    edges = np.concatenate([[0], np.cumsum(widths / widths.sum())])
    for left, right, color in zip(edges, edges[1:], look.palette, strict=False):
        axes.add_patch(Rectangle((left, 0), right - left, 1, color=np.array(color.rgb) / 255))
        bright = from_srgb(np.array(color.rgb, np.uint8))[0] > 0.6
        label = f"{color.name}  {color.weight:.1%}"
        ink = "black" if bright else "white"
        axes.text((left + right) / 2, 0.5, label, color=ink, rotation=90, ha="center", va="center", fontsize=11)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title(", ".join(look.words), color=_INK, fontsize=12)
    axes.set_axis_off()


def _draw_curves(axes: Axes, grade: Grade) -> None:
    axes.set_facecolor(_PAPER)
    axes.plot((0, 1), (0, 1), color="#55555a", linewidth=1)
    for curve, color in zip(grade.curves, ("#ff6b6b", "#5ad17a", "#6aa8ff"), strict=True):
        axes.plot(np.linspace(0, 1, len(curve)), curve, color=color)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_title("the grade's curves", color=_INK, fontsize=12)
    axes.tick_params(colors=_INK, labelsize=8)


def _test_chart() -> Frame:
    """A grey ramp, the hues at three lightnesses, and skin tones; shape (300, 600, 3)."""
    across = np.linspace(0, 1, 600, dtype=np.float32)
    grey = np.repeat(np.round(across * 255)[None, :, None], 3, axis=2)
    hue = 2 * np.pi * across
    rows: list[npt.NDArray[np.floating]] = [np.repeat(grey, 75, axis=0)]
    for lightness in (0.45, 0.62, 0.78):
        lab = np.stack([np.full_like(hue, lightness), 0.1 * np.cos(hue), 0.1 * np.sin(hue)], axis=-1)
        rows.append(np.repeat(np.clip(to_srgb(lab), 0, 1)[None] * 255, 50, axis=0))
    skin = np.repeat(SKIN.astype(np.float32), 600 // len(SKIN) + 1, axis=0)
    rows.append(np.repeat(skin[None, :600], 75, axis=0))
    return np.round(np.concatenate(rows)).astype(np.uint8)
