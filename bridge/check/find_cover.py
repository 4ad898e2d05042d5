# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for the whole cover in a frame, wherever and however large it stands there."""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bridge.check import color_tags
from bridge.common.frames import Frame

_SEARCH_SIDE_PX = 160
"""the frame's longer side while the cover is searched for"""
_SMALLEST = 0.35
"""of the largest size at which the cover fits into the frame"""
_SIZES, _TRIED, _ANOTHER_SIZE, _UNLIKE = 48, 6, 0.08, 0.5
"""how many are looked for; how many of the likeliest are compared, and how far apart at least, as a ratio's logarithm;
correlation of what can't be it"""
_RESIZED = 7.0
"""percent that the cover may be larger or smaller than it was found"""
_SIDE_PX = 320
"""the two are compared at this longer side of the cover, or less: finer is the encoder's"""
_LEAST_PX = 8
"""a side of a picture whose structure is compared"""
_FLAT = 0.7
"""standard deviation (0-255) of a cover without form"""


@dataclass(frozen=True)
class FoundCover:
    """Where a frame shows a cover, and how true."""

    left_px: float
    top_px: float
    width_px: float
    width_share: float
    """of the frame"""
    likeness: float
    """structural similarity of the brightness (Wang et al., 2004)"""
    difference_levels: float
    """mean, 0-255"""
    made_as: str = ""
    """what the pixels were made as, if their tags say otherwise: see `color_tags`"""


def find_cover(frame: Frame, cover: Frame) -> FoundCover | None:
    """The upright cover, whole, at any place and size; None if nothing like it is there.

    By template matching at many sizes, then aligned to parts of a pixel. A cover without form has no place: it is
    compared with the frame's middle.
    """
    scale = min(1.0, _SEARCH_SIDE_PX / max(frame.shape[:2]))
    small, levels = _form(_levels(frame), scale), _levels(cover)
    largest = min(small.shape[1] / cover.shape[1], small.shape[0] / cover.shape[0])
    found: list[tuple[float, float, tuple[float, float]]] = []
    for size in np.geomspace(_SMALLEST * largest, largest, _SIZES):
        template = _form(levels, float(size))
        template = template[: small.shape[0], : small.shape[1]]
        _, score, _, at = cv2.minMaxLoc(cv2.matchTemplate(small, template, cv2.TM_CCOEFF_NORMED))
        found.append((score, float(size), (float(at[0]), float(at[1]))))
    if _gray(cover).std() < _FLAT:
        middle = (np.array(small.shape[::-1]) - np.array(cover.shape[1::-1]) * found[0][1]) / 2
        found = [(1.0, found[0][1], (float(middle[0]), float(middle[1])))]
    likely: list[tuple[float, float, tuple[float, float]]] = []
    for one in sorted(found, reverse=True):  # sizes that are nearly the same are aligned to the same place
        if len(likely) < _TRIED and all(abs(np.log(one[1] / other[1])) > _ANOTHER_SIZE for other in likely):
            likely.append(one)
    tried = [
        _compared(frame, cover, size / scale, (place[0] / scale, place[1] / scale))
        for score, size, place in likely
        if score > _UNLIKE
    ]
    return max(tried, key=lambda one: one.likeness, default=None)


def _compared(frame: Frame, cover: Frame, unit: float, place: tuple[float, float]) -> FoundCover:
    """The cover about there, aligned and compared.

    Args:
        unit: the frame's pixels per pixel of the cover.
    """
    fine = min(1.0, _SIDE_PX / (unit * max(cover.shape[:2])))
    picture = _resized(frame, frame.shape[1] * fine, frame.shape[0] * fine)
    wanted = _resized(cover, cover.shape[1] * unit * fine, cover.shape[0] * unit * fine)
    left, top, size = _aligned(_gray(picture), _gray(wanted), (place[0] * fine, place[1] * fine))
    shown = np.asarray(_seen(picture, wanted.shape, left, top, size), np.uint8)
    box = np.array([left, top, size * wanted.shape[1], size * wanted.shape[0]]) / fine
    pairs = [(shown, wanted), *_on_whole_pixels(frame, cover, box, fine)]
    likeness, shown, wanted = max(((_likeness(*pair), *pair) for pair in pairs), key=lambda one: one[0])
    return FoundCover(
        float(box[0]),
        float(box[1]),
        float(box[2]),
        float(box[2]) / frame.shape[1],
        likeness,
        float(cv2.absdiff(shown, wanted).mean()),
        color_tags.lying(shown, wanted),
    )


def _likeness(one: Frame, other: Frame) -> float:
    from skimage.metrics import structural_similarity

    return float(structural_similarity(_gray(one), _gray(other), data_range=255))  # pyright: ignore


def _on_whole_pixels(
    frame: Frame, cover: Frame, box: npt.NDArray[np.float64], fine: float
) -> list[tuple[Frame, Frame]]:
    """What is seen there and the cover, if it lies on whole pixels: none of the frame's is mixed with its neighbours.

    Between pixels a frame has to be interpolated, which takes a noisy cover's grain from it. Of the places one pixel
    around, the one that is the most like it.

    Args:
        box: left, top, width, height.
        fine: the scale at which both are compared.
    """
    found: list[tuple[float, Frame, Frame]] = []
    for off in itertools.product((-1, 0, 1), repeat=3):
        left, top, width = (round(at) + by for at, by in zip(box[:3], off, strict=True))
        height = round(width * cover.shape[0] / cover.shape[1])
        part = frame[max(0, top) : top + height, max(0, left) : left + width]
        if part.shape[:2] == (height, width) and min(width, height) >= _LEAST_PX:
            size = (width * fine, height * fine)
            shown, wanted = _resized(part, *size), _resized(cover, *size)
            found.append((float(cv2.absdiff(shown, wanted).mean()), shown, wanted))
    return [min(found, key=lambda one: one[0])[1:]] if found else []


def _aligned(
    picture: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8], place: tuple[float, float]
) -> tuple[float, float, float]:
    """Left, top and size (1 as it is) at which the wanted picture lies in the other, to parts of a pixel."""
    from scipy.optimize import minimize

    numbers = np.zeros(3)
    for seen_in, goal, step_px in ((_soft(picture), _soft(wanted), 3.0), (picture, wanted, 0.4)):

        def miss(numbers: npt.NDArray[np.float64], seen_in=seen_in, goal=goal) -> float:
            if abs(numbers[2]) > _RESIZED:
                return 255.0**2
            seen = _seen(seen_in, goal.shape, place[0] + numbers[0], place[1] + numbers[1], 1 + numbers[2] / 100)
            return float(np.square(seen.astype(np.float32) - goal).mean())

        simplex = numbers + step_px * np.vstack([np.zeros(3), np.eye(3)])
        options = {"initial_simplex": simplex, "maxfev": 120, "xatol": 0.005, "fatol": 1e-3}
        numbers = minimize(miss, numbers, method="Nelder-Mead", options=options).x
    return float(place[0] + numbers[0]), float(place[1] + numbers[1]), float(1 + numbers[2] / 100)


def _seen(picture: npt.NDArray[np.uint8], shape: tuple[int, ...], left: float, top: float, size: float) -> npt.NDArray:
    """The part of the picture at that place, at that shape."""
    matrix = np.array([[size, 0, left + (size - 1) / 2], [0, size, top + (size - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _resized(picture: Frame, width: float, height: float) -> Frame:
    size = (max(4, round(width)), max(4, round(height)))
    method = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _levels(rgb: Frame) -> npt.NDArray[np.float32]:
    """Its brightness in fractions of levels, since a dark picture has few."""
    return np.asarray(cv2.cvtColor(np.asarray(rgb, np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def _form(gray: npt.NDArray[np.float32], scale: float) -> npt.NDArray[np.float32]:
    """A brightness, small and soft."""
    size = (max(4, round(gray.shape[1] * scale)), max(4, round(gray.shape[0] * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2), np.float32)


def _soft(gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), 1.2), np.uint8)


def _gray(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.asarray(rgb, np.uint8), cv2.COLOR_RGB2GRAY), np.uint8)
