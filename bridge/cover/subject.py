# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cover has something to show: saliency, the subject's box and mask, and the calm area beside it."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, uniform_filter

from bridge.common.frames import Frame
from bridge.cover.box import Box
from bridge.cover.faces import find_faces
from bridge.cover.oklab import from_srgb

Map = npt.NDArray[np.float32]

WORK_SIDE_PX = 256
"""the measures below are made on a picture of this longer side"""


def saliency(cover: Frame) -> Map:
    """How much each place draws the eye.

    Contrast of colour to the picture's borders (the borders show background as a rule: Wei et al., "Geodesic
    saliency using background priors", ECCV 2012), the spectral residual (Hou and Zhang, CVPR 2007), faces, and
    a mild preference for the centre.

    Returns:
        float32, shape (height, width), 0-1.
    """
    return _enlarged(_small_saliency(_small(cover)), cover)


def subject_mask(cover: Frame) -> Map:
    """The subject, cut out by GrabCut (Rother et al., SIGGRAPH 2004) that starts from the saliency.

    Returns:
        float32, shape (height, width): 1 on the subject, 0 off it, soft at the edge. All 0 if nothing stands out.
    """
    return np.clip(_enlarged(_small_mask(_small(cover)), cover), 0, 1)


def subject_box(cover: Frame) -> Box:
    """The rectangle around what matters most; the whole cover if nothing stands out."""
    small = _small(cover)
    mask = _small_mask(small) > 0.5
    weight = np.where(mask, _small_saliency(small), 0)
    if not mask.any():
        return Box(0, 0, cover.shape[1], cover.shape[0])
    # The middle 96 % of the weight: stray pixels don't stretch the box.
    left, right = _span(weight.sum(axis=0))
    top, bottom = _span(weight.sum(axis=1))
    scale_x, scale_y = cover.shape[1] / small.shape[1], cover.shape[0] / small.shape[0]
    x, y = round(left * scale_x), round(top * scale_y)
    return Box(x, y, max(1, round(right * scale_x) - x), max(1, round(bottom * scale_y) - y))


def calm_area(cover: Frame) -> Box:
    """The largest rectangle without detail or subject, for a title.

    At least a fifth of the cover wide and a tenth high: where there is none, the calmest such rectangle.
    """
    busy = busyness(cover)
    height, width = busy.shape
    total = np.pad(busy, ((1, 0), (1, 0))).cumsum(0, dtype=np.float64).cumsum(1)
    best, best_score = Box(0, 0, width, height), -np.inf
    for box_height in sorted({max(1, round(height * share)) for share in (0.1, 0.14, 0.2, 0.28, 0.4)}):
        for box_width in sorted({max(1, round(width * share)) for share in (0.2, 0.3, 0.45, 0.6, 0.8, 0.92)}):
            sums = (
                total[box_height:, box_width:]
                - total[:-box_height, box_width:]
                - total[box_height:, :-box_width]
                + total[:-box_height, :-box_width]
            )
            area = box_width * box_height
            score = np.sqrt(area / (width * height)) - 4.0 * sums / area
            y, x = np.unravel_index(int(score.argmax()), score.shape)
            if score[y, x] > best_score:
                best, best_score = Box(int(x), int(y), box_width, box_height), score[y, x]
    scale_x, scale_y = cover.shape[1] / width, cover.shape[0] / height
    return Box(
        int(best.left_px * scale_x),
        int(best.top_px * scale_y),
        max(1, int(best.width_px * scale_x)),
        max(1, int(best.height_px * scale_y)),
    )


def busyness(picture: Frame) -> Map:
    """How much detail or meaning each place has, 0-1; the longer side is `WORK_SIDE_PX`."""
    small = _small(picture)
    return np.maximum(detail(small), _small_saliency(small)).astype(np.float32)


def _small(cover: Frame) -> Frame:
    scale = WORK_SIDE_PX / max(cover.shape[:2])
    size = (max(8, round(cover.shape[1] * scale)), max(8, round(cover.shape[0] * scale)))
    return np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(small: Map, cover: Frame) -> Map:
    size = (cover.shape[1], cover.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _remembered(found: Callable[[Frame], Map]) -> Callable[[Frame], Map]:
    """The same, found once for each of the last few pictures: framing, depth and grade all ask about a cover."""

    @lru_cache(maxsize=8)
    def of(pixels: bytes, shape: tuple[int, ...]) -> Map:
        values = found(np.frombuffer(pixels, np.uint8).reshape(shape))
        values.flags.writeable = False  # it's everyone's
        return values

    return lambda small: of(small.tobytes(), small.shape)


@_remembered
def _small_saliency(small: Frame) -> Map:
    lab = from_srgb(small)
    height, width = small.shape[:2]
    contrast = _stretched(gaussian_filter(_border_contrast(lab), 2))
    residual = _stretched(_spectral_residual(lab[..., 0]))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    center = np.exp(-(x**2 + y**2) / (2 * 0.7**2))
    mixed = (0.7 * contrast + 0.3 * residual) * (0.35 + 0.65 * center)
    for box in (face.box for face in find_faces(small)):
        face_x, face_y = box.center_px
        reach = ((np.arange(width) - face_x) / (0.75 * box.width_px)) ** 2
        rise = ((np.arange(height)[:, None] - face_y) / (0.95 * box.height_px)) ** 2
        mixed = np.maximum(mixed, np.exp(-((reach + rise) ** 2)) * max(float(mixed.max()), 0.1) * 1.2)
    return _stretched(mixed).astype(np.float32)


def _border_contrast(lab: npt.NDArray[np.float32]) -> Map:
    """Distance of each pixel's colour from those along the borders, the least over the four sides' mixtures."""
    strip = max(2, min(lab.shape[:2]) // 16)
    sides = (lab[:strip], lab[-strip:], lab[:, :strip], lab[:, -strip:])
    distances = []
    for side in sides:
        colors = side.reshape(-1, 3).astype(np.float32)
        count = min(4, len(colors))
        criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1e-4)
        cv2.setRNGSeed(1)
        _, labels, centers = cv2.kmeans(colors, count, np.zeros((len(colors), 1), np.int32), criteria, 1, 2)
        shares = np.bincount(labels.ravel(), minlength=count) / len(colors)
        gaps = np.linalg.norm(lab[:, :, None] - centers[None, None], axis=-1)
        # A colour rare on the border is weak evidence of background: its gap counts for more.
        distances.append((gaps + 0.06 * (1 - shares)[None, None]).min(axis=-1))
    nearest_two = np.sort(np.stack(distances), axis=0)[:2]
    return nearest_two.mean(axis=0).astype(np.float32)


def _spectral_residual(lightness: Map) -> Map:
    if lightness.std() < 1e-3:  # of a plain picture, only rounding errors would be left
        return np.zeros_like(lightness)
    side = (64, max(8, round(64 * lightness.shape[0] / lightness.shape[1])))
    spectrum = np.fft.fft2(cv2.resize(lightness, side, interpolation=cv2.INTER_AREA))
    log_amplitude = np.log(np.abs(spectrum) + 1e-6)
    residual = log_amplitude - uniform_filter(log_amplitude, 3, mode="wrap")
    energy = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    smooth = gaussian_filter(energy, 2.5).astype(np.float32)
    return np.asarray(cv2.resize(smooth, lightness.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _stretched(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The 2nd to 98th percentile onto 0-1; a flat map stays flat at 0."""
    low, high = np.percentile(values, (2, 98))
    if high - low < 1e-4:
        return np.zeros_like(values)
    return np.clip((values - low) / (high - low), 0, 1)


@_remembered
def _small_mask(small: Frame) -> Map:
    salient = _small_saliency(small)
    if salient.max() <= 0:
        return np.zeros(salient.shape, np.float32)
    eight_bit = np.round(salient * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(eight_bit, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    trimap = np.where(eight_bit > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[eight_bit >= np.percentile(eight_bit, 97)] = cv2.GC_FGD
    trimap[eight_bit < threshold * 0.25] = cv2.GC_BGD
    if not ((trimap == cv2.GC_BGD) | (trimap == cv2.GC_PR_BGD)).any():
        return np.zeros(salient.shape, np.float32)
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    trimap, _, _ = cv2.grabCut(small[..., ::-1].copy(), trimap, None, *models, 4, cv2.GC_INIT_WITH_MASK)  # pyright: ignore[reportCallIssue, reportArgumentType]
    mask = ((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    return np.asarray(gaussian_filter(mask.astype(np.float32), 1.0), np.float32)


def _span(weights: npt.NDArray[np.floating]) -> tuple[int, int]:
    share = np.cumsum(weights) / weights.sum()
    return int(np.searchsorted(share, 0.02)), int(np.searchsorted(share, 0.98)) + 1


def detail(small: Frame) -> Map:
    """Local contrast, 0-1: 1 where text or texture is strong."""
    lightness = from_srgb(small)[..., 0]
    mean = uniform_filter(lightness, 7)
    variance = np.maximum(uniform_filter(lightness**2, 7) - mean**2, 0)
    return np.clip(np.sqrt(variance) / 0.08, 0, 1).astype(np.float32)
