# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole cover in a frame of another shape: extended beyond its edges, without bars."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dct, idct

from bridge.cover.box import Box
from bridge.cover.grain import continued_grain
from bridge.cover.oklab import Floats, from_srgb
from bridge.cover.quilting import quilt
from bridge.cover.subject import faces, subject_mask
from bridge.engines.base import Frame


def recomposed_box(cover_size_px: tuple[int, int], width_px: int, height_px: int) -> Box:
    """Where the cover lies in its recomposition: as large as fits, centred.

    Args:
        cover_size_px: width, height.
    """
    scale = min(width_px / cover_size_px[0], height_px / cover_size_px[1])
    width = min(width_px, max(1, round(cover_size_px[0] * scale)))
    height = min(height_px, max(1, round(cover_size_px[1] * scale)))
    return Box((width_px - width) // 2, (height_px - height) // 2, width, height)


def recompose(cover: Frame, width_px: int, height_px: int) -> Frame:
    """The whole cover, undistorted and uncropped, extended on two sides to fill a frame of any shape.

    Inside of `recomposed_box` the result is the cover resized, and nothing else. Beyond, an all-over pattern goes
    on as it is; other pictures dissolve: the colours of their edge flow outward, and their texture with them, of
    which the coarse forms fade first. Flat colours go on straight, with their borders. Deterministic.

    Returns:
        uint8, shape (height_px, width_px, 3).
    """
    box = recomposed_box((cover.shape[1], cover.shape[0]), width_px, height_px)
    kernel = cv2.INTER_AREA if box.width_px < cover.shape[1] else cv2.INTER_CUBIC
    fitted = np.asarray(cv2.resize(cover, (box.width_px, box.height_px), interpolation=kernel), np.uint8)
    frame = np.zeros((height_px, width_px, 3), np.uint8)
    frame[box.slices] = fitted
    depths_px = (box.left_px, box.top_px, width_px - box.right_px, height_px - box.bottom_px)
    if not any(depths_px):
        return frame
    rows, columns = box.slices
    places = (
        (rows, slice(0, box.left_px)),
        (slice(0, box.top_px), columns),
        (rows, slice(box.right_px, width_px)),
        (slice(box.bottom_px, height_px), columns),
    )
    avoid, evenness = _avoided(fitted), pattern_evenness(fitted)
    for turns, (depth_px, place) in enumerate(zip(depths_px, places, strict=True)):
        if depth_px:  # a quarter turn brings the next edge to the left
            turned = np.ascontiguousarray(np.rot90(fitted, turns), np.float32)
            strip = _left_extension(turned, np.ascontiguousarray(np.rot90(avoid, turns)), evenness, depth_px)
            frame[place] = np.rot90(np.clip(np.round(strip), 0, 255).astype(np.uint8), -turns)
    return frame


def pattern_evenness(cover: Frame) -> float:
    """1 for an all-over pattern (gravel, stars, a collage), 0 for a picture of something: is it alike everywhere?

    Compares nine fields' mean colour and detail. A long thin cover has no room for pieces to be taken from: 0.
    """
    if min(cover.shape[:2]) < 0.4 * max(cover.shape[:2]):
        return 0.0
    lab = from_srgb(np.asarray(cv2.resize(cover, (192, 192), interpolation=cv2.INTER_AREA), np.uint8))
    detail = ((lab - cv2.GaussianBlur(lab, (0, 0), 8)) ** 2).sum(axis=-1)
    means = np.asarray(cv2.resize(lab, (3, 3), interpolation=cv2.INTER_AREA)).reshape(9, 3)
    energies = np.asarray(cv2.resize(detail, (3, 3), interpolation=cv2.INTER_AREA))
    color_spread = float(np.sqrt(((means - means.mean(axis=0)) ** 2).sum(axis=1).mean()))
    detail_spread = float(np.log(energies + 1e-6).std())
    return float(np.clip((0.12 - color_spread) / 0.03, 0, 1) * np.clip((0.4 - detail_spread) / 0.1, 0, 1))


def _avoided(fitted: Frame) -> Floats:
    """Where nothing may be copied from: the subject and faces, with some room around."""
    avoid = subject_mask(fitted)
    for face in faces(fitted):
        room = face.height_px // 2
        top, left = max(0, face.top_px - room), max(0, face.left_px - room)
        avoid[top : face.bottom_px + 2 * room, left : face.right_px + room] = 1
    return avoid


def _left_extension(cover: Floats, avoid: Floats, evenness: float, depth_px: int) -> Floats:
    """What lies beyond the left edge; shape (height, depth_px, 3)."""
    length = len(cover)
    flatness = _flatness(cover)
    softening = _softening(length, depth_px) * (1 - flatness)
    base = np.ascontiguousarray(harmonic(cover[:, :3].mean(axis=1), softening)[:, ::-1])
    texture = (1 - evenness) * (1 - flatness) * continued_grain(cover, depth_px)
    if evenness > 0:
        pieces, _ = quilt(cover, base, avoid * (1 - 0.8 * evenness))
        texture += evenness * _detail(pieces, cover, length / 6)
    grown = base + texture
    step = cover[:, 0] - grown[:, -1]
    distances = np.arange(1, depth_px + 1, dtype=np.float32)
    return grown + (harmonic(step, distances) * np.exp(-distances / (0.02 * length))[None, :, None])[:, ::-1]


def _flatness(cover: Floats) -> float:
    """1 if nothing changes toward the left edge, as where print has flat colours; 0 for anything painted or filmed."""
    width_px = max(3, round(0.01 * len(cover)))
    return float(np.clip(1.5 - cover[:, :width_px].std(axis=1).mean(), 0, 1))


def _softening(length: int, depth_px: int) -> Floats:
    """How far the edge's colours have blended at each distance: at once so far that no streaks show, then slowly."""
    distance = np.arange(1, depth_px + 1, dtype=np.float32)
    return 0.025 * length * (1 - np.exp(-distance / (0.025 * length))) + 0.07 * distance


def _detail(pieces: Floats, cover: Floats, reach_px: float) -> Floats:
    """What is finer than some size."""
    beside = np.concatenate([pieces, cover[:, : round(2 * reach_px)]], axis=1)
    step = max(1.0, reach_px / 8)  # so wide a blur is the same, and far quicker, on a small version
    small_size = (max(1, round(beside.shape[1] / step)), max(1, round(beside.shape[0] / step)))
    small = cv2.resize(beside, small_size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(
        cv2.GaussianBlur(small, (0, 0), reach_px / step), beside.shape[1::-1], interpolation=cv2.INTER_LINEAR
    )
    return pieces - np.asarray(coarse, np.float32)[:, : pieces.shape[1]]


def harmonic(edge: Floats, distances_px: npt.NDArray[np.floating]) -> Floats:
    """The membrane that hangs from an edge: colours flow outward and blend, ever softer (Laplace's equation).

    Args:
        edge: shape (length, channels), the values along the edge.
        distances_px: where to look, (depth,).

    Returns:
        Shape (length, depth, channels).
    """
    waves = np.asarray(dct(edge, axis=0, norm="ortho"))
    decay = np.exp(-np.pi / len(edge) * np.outer(np.arange(len(edge)), distances_px))
    return np.asarray(idct(waves[:, None] * decay[..., None], axis=0, norm="ortho"), np.float32)
