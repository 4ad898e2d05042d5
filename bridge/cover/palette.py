# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours that a person would name when asked what a cover looks like."""

import cv2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import PaletteColor
from bridge.common.frames import Frame
from bridge.cover.names import name_all
from bridge.cover.oklab import Floats, from_srgb, to_srgb

MAX_COLORS = 7
NEAR_DUPLICATE = 0.07
"""in Oklab: closer colours are one to the eye"""
_SMALLEST_WEIGHT = 0.02
_SMALLEST_ACCENT = 0.002
_CELL = 0.02
"""in Oklab: the grain of the histogram that is clustered"""


def palette(cover: Frame) -> tuple[PaletteColor, ...]:
    """One to seven colours, heaviest first; small vivid accents are kept, near-duplicates merged.

    Weighted k-means in Oklab on a histogram in which rare colours and vivid ones count for more than their area.
    """
    lab = _calm_pixels(cover)
    cells, shares = _histogram(lab)
    vividness = 1 + 6 * np.hypot(cells[:, 1], cells[:, 2])
    centers = _k_means(cells, (np.sqrt(shares) * vividness).astype(np.float32), MAX_COLORS * 2)
    centers, weights = _settled(cells, shares, centers)
    chosen = _chosen(centers, weights)
    _, weights = _assigned(cells, shares, centers[chosen])
    order = np.argsort(-weights, kind="stable")
    rgb = np.round(np.clip(to_srgb(centers[chosen][order]), 0, 1) * 255).astype(int)
    colors = [(int(r), int(g), int(b)) for r, g, b in rgb]
    names = name_all(colors)
    return tuple(
        PaletteColor(color, float(weight), name)
        for color, weight, name in zip(colors, weights[order], names, strict=True)
    )


def _calm_pixels(cover: Frame) -> Floats:
    """A small version without grain, whose edges don't make colours that the cover hasn't."""
    scale = min(1.0, 192 / max(cover.shape[:2]))
    size = (max(1, round(cover.shape[1] * scale)), max(1, round(cover.shape[0] * scale)))
    small = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.uint8)
    lab = from_srgb(cv2.medianBlur(small, 3).astype(np.uint8))
    kernel = np.ones((3, 3), np.uint8)
    spread = np.linalg.norm(cv2.dilate(lab, kernel) - cv2.erode(lab, kernel), axis=-1)
    flat = spread <= max(0.08, float(np.median(spread)))
    return lab[flat]


def _histogram(lab: Floats) -> tuple[Floats, Floats]:
    """Mean colour and share of the pixels of each occupied cell."""
    _, place = np.unique(np.floor(lab / _CELL).astype(int), axis=0, return_inverse=True)
    counts = np.bincount(place.ravel())
    means = np.stack([np.bincount(place.ravel(), lab[:, i]) / counts for i in range(3)], axis=1)
    return means.astype(np.float32), (counts / len(lab)).astype(np.float32)


def _distances(cells: Floats, centers: Floats) -> Floats:
    return np.linalg.norm(cells[:, None] - centers[None], axis=-1).astype(np.float32)


def _k_means(cells: Floats, mass: Floats, count: int) -> Floats:
    """Lloyd's algorithm from greedy starts: each next centre is where the most unexplained mass is."""
    centers = cells[[int(mass.argmax())]]
    while len(centers) < min(count, len(cells)):
        unexplained = mass * _distances(cells, centers).min(axis=1) ** 2
        if unexplained.max() <= 1e-9:
            break
        centers = np.concatenate([centers, cells[[int(unexplained.argmax())]]])
    for _ in range(12):
        centers, _ = _assigned(cells, mass, centers)
    return centers


def _assigned(cells: Floats, mass: Floats, centers: Floats) -> tuple[Floats, Floats]:
    """The centres moved to the means of what lies nearest to them, and its mass."""
    nearest = _distances(cells, centers).argmin(axis=1)
    weights = np.bincount(nearest, mass, minlength=len(centers))
    moved = centers.copy()
    used = weights > 0
    for i in range(3):
        moved[used, i] = np.bincount(nearest, mass * cells[:, i], minlength=len(centers))[used] / weights[used]
    return moved, weights.astype(np.float32)


def _settled(cells: Floats, shares: Floats, centers: Floats) -> tuple[Floats, Floats]:
    """Centres moved to their true means, with near-duplicates merged into the heavier one."""
    centers, weights = _assigned(cells, shares, centers)
    while len(centers) > 1:
        gaps = _distances(centers, centers) + 9 * np.eye(len(centers), dtype=np.float32)
        a, b = np.unravel_index(int(gaps.argmin()), gaps.shape)
        if gaps[a, b] >= NEAR_DUPLICATE:
            break
        keep = np.arange(len(centers)) != (a if weights[a] < weights[b] else b)
        centers, weights = _assigned(cells, shares, centers[keep])
    return centers, weights


def _chosen(centers: Floats, weights: Floats) -> npt.NDArray[np.intp]:
    """The heaviest, and small ones that are vivid and unlike the rest."""
    others = _distances(centers, centers) + 9 * np.eye(len(centers), dtype=np.float32)
    chroma = np.hypot(centers[:, 1], centers[:, 2])
    accent = np.clip((chroma - 0.05) / 0.1, 0, 1) * np.clip(others.min(axis=1) / 0.12, 0, 1)
    worthy = (weights >= _SMALLEST_WEIGHT) | ((weights >= _SMALLEST_ACCENT) & (accent > 0.6))
    score = np.where(worthy, weights + 0.25 * accent, -1.0)
    score[int(weights.argmax())] = 9.0
    best = np.argsort(-score, kind="stable")[:MAX_COLORS]
    return best[score[best] > 0]
