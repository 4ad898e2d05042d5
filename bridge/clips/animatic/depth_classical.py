# SPDX-License-Identifier: GPL-3.0-or-later
"""A depth map from a single picture by several cues: no model, no weights, smooth where nothing is certain."""

import cv2
import numpy as np
import numpy.typing as npt

from bridge.clips.animatic.matte import reduced, refined
from bridge.common.frames import Frame

Map = npt.NDArray[np.float32]


CLASSICAL = "classical"


WORK_SIDE_PX = 512
"""depth is estimated on a picture of this longer side"""


_MATTE_BAND_PX = 5
"""the rough outline is at most this far off"""


_BACKGROUND_DEPTH = (0.05, 0.5)


_SUBJECT_DEPTH = (0.72, 0.95)


_SUBJECT_SHARE = (0.015, 0.6)
"""a subject smaller or larger than this part of the picture is no layer of its own"""


_BESIDE_PX = 15
"""the colours at either side of an outline are taken from a window of this side around each of its places"""


_DIM_LEVELS = 5.0
"""colours vary by at least so much: a picture's noise"""


_BLURRED_SHARE = 0.25
"""a cut-out is believed if, along all but this part of its outline, the colours at either side differ by more than they
vary: through fog, or across a house of which only the lit windows were cut out, its edge would be seen"""


_LONGEST_OUTLINE = 22.0
"""for the root of its area (a disc has 3.5, a figure about 10): what is in many pieces is a pattern, no subject"""


_STRONG = 4.0


_CUT_SHARE = 0.02
"""unless more than this part of its outline cuts through edges that are this much stronger than average"""


def estimate(picture: Frame) -> Map:
    """How near each place is.

    The subject (saliency, GrabCut) is near and domed, with a sharp edge where its outline is believed; the rest
    lies between: lower in the picture, sharper and more salient is nearer.

    Args:
        picture: any size.

    Returns:
        float32, longer side `WORK_SIDE_PX` or less, 0 far, 1 near.
    """
    from bridge.cover import saliency, subject_mask

    small = reduced(picture, WORK_SIDE_PX)
    salient, mask = saliency(small), subject_mask(small)
    ground = _background(small, salient)
    if not _is_believable(small, mask):
        dome = _soft(np.maximum(salient, 0.7 * mask), 0.08)
        return np.clip(ground + 0.4 * dome, 0, 1).astype(np.float32)
    matte = refined(small, mask > 0.5, _MATTE_BAND_PX)
    return (ground * (1 - matte) + _dome(mask) * matte).astype(np.float32)


def _background(small: Frame, salient: Map) -> Map:
    height, width = small.shape[:2]
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    low = np.linspace(0, 1, height, dtype=np.float32)[:, None] ** 1.3 * np.ones((1, width), np.float32)
    sharp = _soft(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), 0.04)
    mixed = 0.6 * low + 0.25 * sharp / max(float(sharp.max()), 1e-3) + 0.15 * salient
    near, far = _BACKGROUND_DEPTH[1], _BACKGROUND_DEPTH[0]
    return _soft(far + (near - far) * mixed, 0.05)


def _dome(mask: Map) -> Map:
    """Rounded toward the viewer in its middle."""
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    height = np.sqrt(inside / max(float(inside.max()), 1.0))
    low, high = _SUBJECT_DEPTH
    return _soft(low + (high - low) * height, 0.02)


def _is_believable(small: Frame, mask: Map) -> bool:
    """Whether the cut-out has a plausible size, and its outline follows edges of the picture and cuts none."""
    if not _SUBJECT_SHARE[0] <= float(mask.mean()) <= _SUBJECT_SHARE[1]:
        return False
    normals, (y, x) = _outline(mask)
    if not len(x) or len(x) > _LONGEST_OUTLINE * np.sqrt((mask > 0.5).sum()):
        return False
    blurred = _distinction(small, mask)[y, x] < 1
    return float(blurred.mean()) < _BLURRED_SHARE and _cut_share(small, normals, (y, x)) < _CUT_SHARE


def _distinction(small: Frame, mask: Map) -> Map:
    """How far apart the mean colours at either side of the mask's edge are around each place, in deviations."""
    means, variances = [], []
    for share in (mask, 1 - mask):
        weight = cv2.boxFilter(share, -1, (_BESIDE_PX, _BESIDE_PX)) + 1e-6
        mean, square = (
            cv2.boxFilter(values * share[..., None], -1, (_BESIDE_PX, _BESIDE_PX)) / weight[..., None]
            for values in (small.astype(np.float32), small.astype(np.float32) ** 2)
        )
        means.append(mean)
        variances.append((square - mean**2).sum(axis=2))
    gap = np.linalg.norm(means[0] - means[1], axis=2)
    return np.asarray(gap / np.sqrt(np.maximum(sum(variances) / 2, 0) + _DIM_LEVELS**2), np.float32)


def _cut_share(
    small: Frame, normals: tuple[npt.NDArray, npt.NDArray], places: tuple[npt.NDArray, npt.NDArray]
) -> float:
    """The part of the outline with a line that goes on at either side, as drawings and letters have: it would tear."""
    edges, (normal_x, normal_y), (y, x) = _gradients(small), normals, places
    along = np.abs(edges[1] * normal_x[..., None] - edges[0] * normal_y[..., None]).max(axis=2)
    typical = float(np.hypot(*edges).max(axis=2).mean()) + 1e-6
    near_along = cv2.dilate(along, np.ones((3, 3), np.uint8))

    def beside(step_px: int) -> npt.NDArray:
        row = np.round(y + step_px * normal_y[y, x]).astype(int).clip(0, small.shape[0] - 1)
        return near_along[row, np.round(x + step_px * normal_x[y, x]).astype(int).clip(0, small.shape[1] - 1)]

    return float((np.minimum(beside(7), beside(-7)) > _STRONG * typical).mean())


def _gradients(small: Frame) -> tuple[npt.NDArray, npt.NDArray]:
    """Per channel, to the right and down."""
    smooth = cv2.GaussianBlur(small, (0, 0), 1.2).astype(np.float32)
    return cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)


def _outline(mask: Map) -> tuple[tuple[npt.NDArray, npt.NDArray], tuple[npt.NDArray, npt.NDArray]]:
    """The direction across the mask's edge everywhere near it, and the edge's places, without the picture's rim."""
    solid = (mask > 0.5).astype(np.float32)
    soft = cv2.GaussianBlur(solid, (0, 0), 3)
    x, y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    length = np.hypot(x, y) + 1e-6
    edge = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge[:3] = edge[-3:] = edge[:, :3] = edge[:, -3:] = False
    return (x / length, y / length), np.nonzero(edge)  # pyright: ignore[reportReturnType]


def _soft(values: npt.NDArray, share: float) -> Map:
    """Blurred by a share of the longer side."""
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), share * max(values.shape)), np.float32)
