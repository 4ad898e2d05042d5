# SPDX-License-Identifier: GPL-3.0-or-later
"""How far two pictures' colours lie apart: the sliced Wasserstein distance in Oklab.

Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", J. Math. Imaging Vis. 2015: along a line,
optimal transport pairs the sorted values; averaged over many directions it compares distributions of colours.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from bridge.common.frames import Frame
from bridge.cover.oklab import Floats, from_srgb

SAMPLES = 4096
"""colours that stand for a set of frames"""
_DIRECTIONS = 32


def directions(count: int = _DIRECTIONS) -> Floats:
    """Unit vectors spread evenly over half a sphere (a Fibonacci lattice); shape (count, 3)."""
    height = (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.cos(turn), radius * np.sin(turn)], axis=1).astype(np.float32)


def sample_colors(frames: Sequence[Frame], count: int = SAMPLES) -> Frame:
    """Colours from all frames alike, spread evenly over each picture; shape (count, 3), the same for equal input."""
    if not frames:
        raise ValueError("no frames to sample")
    pixels = np.concatenate([_thumbnail(frame) for frame in frames])
    return pixels[np.random.default_rng(0).permutation(np.resize(np.arange(len(pixels)), _multiple(pixels, count)))][
        :count
    ]


def _multiple(pixels: Frame, count: int) -> int:
    return len(pixels) * -(-count // len(pixels))


def _thumbnail(frame: Frame, side_px: int = 96) -> Frame:
    """The pixels of a small version: an average over noise, equally many for each frame."""
    small = cv2.resize(frame, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(-1, 3)


def palette_distance(frames_a: Sequence[Frame], frames_b: Sequence[Frame]) -> float:
    """The sliced Wasserstein distance between two sets of pictures' colours.

    Args:
        frames_a: pictures of any sizes.
        frames_b: likewise.

    Returns:
        The mean distance that colours move along a line, in Oklab: 0 for equal palettes, 0.02 is hard to see,
        0.1 is another mood. Symmetric and deterministic.

    Raises:
        ValueError: one of them is empty.
    """
    axes = directions().T
    projected = [np.sort(from_srgb(sample_colors(frames)) @ axes, axis=0) for frames in (frames_a, frames_b)]
    return float(np.abs(projected[0] - projected[1]).mean())


def squared_distance(colors: Floats, sorted_target: Floats, axes: Floats) -> tuple[float, Floats]:
    """The sliced Wasserstein distance, squared, and its gradient.

    Args:
        colors: shape (n, 3), Oklab.
        sorted_target: shape (n, directions): the goal's colours along each axis, sorted.
        axes: shape (3, directions).

    Returns:
        The square, times 3 so that a shift by s costs s squared; and its derivative by `colors`.
    """
    projected = colors @ axes
    order = np.argsort(projected, axis=0)
    gap = np.empty_like(projected)
    np.put_along_axis(gap, order, np.take_along_axis(projected, order, axis=0) - sorted_target, axis=0)
    scale = 3.0 / gap.size
    return float((gap**2).sum() * scale), (gap @ axes.T) * (2 * scale)
