# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture that a cover's era gave it, measured: film grain, halation, vignette, faded blacks.

Each is 0 where it can't be told from the picture's content: better none than one that isn't there.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from blender_addon.core.textures import MOST, NAMES
from blender_addon.core.types import Texture
from bridge.common.frames import Frame
from bridge.cover.oklab import LUMA, Floats, light_of
from bridge.cover.subject import subject_mask

SHORT_SIDE_PX = 1080
"""larger pictures are measured at this size, as they are seen in the video"""
_BLOCK_PX = 16
_LEAST = Texture(grain=0.006, halation=0.08, vignette=0.12, fade=0.025)
"""less is nothing that anyone meant"""
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_VIGNETTE_SHARE = 0.5
"""the part of the brightness' variance that a vignette has to explain"""
_HALO = 30.0
"""of halation for each unit of excess red beside a highlight, measured on what Blender draws"""
_MOST_HALATION = 1.3
"""a stronger glow was painted: it is no film's"""
_WHITE = 0.2
"""the glow of a highlight that is redder than this is its own colour"""


def measure_texture(picture: Frame) -> Texture:
    """The texture of one picture."""
    shown = _reduced(picture)
    found = {
        "grain": _grain(picture) * min(1.0, SHORT_SIDE_PX / min(picture.shape[:2])),  # made smaller, noise averages out
        "halation": _halation(shown),
        "vignette": _vignette(shown),
        "fade": _fade(shown),
    }
    kept = {name: min(value, getattr(MOST, name)) for name, value in found.items() if value >= getattr(_LEAST, name)}
    return Texture(**{name: round(value, 4) for name, value in kept.items()})


def lacking_texture(cover: Texture, frames: Sequence[Frame]) -> Texture:
    """What the cover has and the footage has not: a still that is made from the cover has its grain already.

    Args:
        cover: its texture.
        frames: of the footage, as large as they are shown.
    """
    own = [measure_texture(frame) for frame in frames]
    has = {name: float(np.median([getattr(texture, name) for texture in own])) if own else 0.0 for name in NAMES}
    lack = {name: max(0.0, getattr(cover, name) - has[name]) for name in NAMES}
    blacks = [_black(frame) for frame in frames]  # even where it can't be told whether it was lifted
    lack["fade"] = max(0.0, cover.fade - float(np.median(blacks))) if blacks else cover.fade
    lack["grain"] = max(0.0, cover.grain**2 - has["grain"] ** 2) ** 0.5  # noise adds by its power
    return Texture(**{name: round(value, 4) for name, value in lack.items() if value >= getattr(_LEAST, name)})


def _reduced(picture: Frame) -> Frame:
    scale = SHORT_SIDE_PX / min(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _grain(picture: Frame) -> float:
    """The noise of the calmest quarter of the picture (Immerkaer, "Fast noise variance estimation", 1996)."""
    luma = picture.astype(np.float32) / 255 @ LUMA
    noise = cv2.filter2D(luma, cv2.CV_32F, _LAPLACIAN)[1:-1, 1:-1] / 6
    blocks, levels = _blocks(np.abs(noise)), _blocks(luma[1:-1, 1:-1])
    middle = (levels.mean(axis=1) > 0.1) & (levels.mean(axis=1) < 0.9)  # black and white are clipped
    if not middle.any():
        return 0.0
    sigmas = 1.4826 * np.median(blocks[middle], axis=1)
    return float(np.median(np.sort(sigmas)[: max(1, len(sigmas) // 4)]))


def _blocks(values: Floats) -> Floats:
    """Shape (blocks, pixels of one)."""
    rows, columns = (side // _BLOCK_PX for side in values.shape)
    cut = values[: rows * _BLOCK_PX, : columns * _BLOCK_PX].reshape(rows, _BLOCK_PX, columns, _BLOCK_PX)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, -1)


def _vignette(picture: Frame) -> float:
    """The share of light lost in the corners: a robust fit of a plane and r squared to the background's brightness."""
    small = np.asarray(cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA), np.uint8)
    light = np.log(light_of(small) @ LUMA + 0.004)
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    distance = (x**2 + y**2) / 2
    terms = np.stack([np.ones_like(x), x, y, distance], axis=-1)
    weight = np.where(cv2.resize(subject_mask(small), (48, 48)) > 0.3, 0.0, 1.0)
    if weight.mean() < 0.3:
        return 0.0
    numbers, rest = _robust_fit(terms, light, weight)
    without, _ = _robust_fit(terms[..., :3], light, weight)
    unexplained = ((light - terms[..., :3] @ without) ** 2 * weight).sum()
    share = 1 - (rest**2 * weight).sum() / max(float(unexplained), 1e-9)
    quarters = [(x < 0) & (y < 0), (x >= 0) & (y < 0), (x < 0) & (y >= 0), (x >= 0) & (y >= 0)]
    slopes = [np.polyfit(distance[q], light[q], 1, w=weight[q] + 1e-3)[0] for q in quarters]
    if share < _VIGNETTE_SHARE or max(slopes) > 0.5 * numbers[3]:  # every corner has to darken
        return 0.0
    return float(1 - np.exp(numbers[3]))


def _robust_fit(
    terms: npt.NDArray[np.floating], values: npt.NDArray[np.floating], weight: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Least squares, reweighted (Huber); the numbers, and what they leave unexplained."""
    flat, goal, sure = terms.reshape(-1, terms.shape[-1]), values.ravel(), weight.ravel()
    trust, numbers, rest = sure, np.zeros(flat.shape[1]), goal
    for _ in range(8):
        root = np.sqrt(trust)[:, None]
        numbers = np.linalg.lstsq(flat * root, goal * root[:, 0], rcond=None)[0]
        rest = goal - flat @ numbers
        scale = 1.4826 * np.median(np.abs(rest[sure > 0])) + 1e-6
        trust = sure * np.minimum(1.0, 1.345 * scale / np.maximum(np.abs(rest), 1e-9))
    return numbers, rest.reshape(values.shape)


def _fade(picture: Frame) -> float:
    """The level of black, if many of the darkest pixels share it and are grey: lifted blacks, no pale picture."""
    small, black = _small(picture), _black(picture)
    luma = small @ LUMA
    shadows = luma < black + 0.1
    chroma = float(np.median(np.ptp(small[shadows], axis=-1)))
    if not 0 < black <= MOST.fade or shadows.mean() < 0.06 or chroma > 0.09:
        return 0.0
    return black


def _black(picture: Frame) -> float:
    return float(np.percentile(_small(picture) @ LUMA, 1))


def _small(picture: Frame) -> Floats:
    return cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _halation(picture: Frame) -> float:
    """How much redder the surroundings of highlights are close by than farther off, for the highlights' light."""
    scale = 540 / min(picture.shape[:2])
    light = light_of(np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8))
    high = median_filter((light @ LUMA > 0.75).astype(np.uint8), 5)
    if not 0.001 < high.mean() < 0.15:
        return 0.0
    away = cv2.distanceTransform(1 - high, cv2.DIST_L2, 5)
    warm = light[..., 0] - light[..., 1:].mean(axis=-1)
    if np.median(warm[high > 0]) > _WHITE:
        return 0.0
    dark = light @ LUMA < 0.25
    near, far = (dark & (away > low) & (away <= top) for low, top in ((3, 9), (45, 70)))
    if min(near.sum(), far.sum()) < 200:
        return 0.0
    excess = float(np.median(warm[near]) - np.median(warm[far]))
    return excess * _HALO if excess * _HALO <= _MOST_HALATION else 0.0
