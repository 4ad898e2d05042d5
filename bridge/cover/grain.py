# SPDX-License-Identifier: GPL-3.0-or-later
"""The fine texture along a picture's edge, continued without its forms: grain, fur, grass, canvas.

Random phase noise (Galerne, Gousseau and Morel, "Random phase textures: theory and synthesis", IEEE TIP 2011):
white noise is filtered with a piece of the texture, so that it gets the texture's spectrum and colours, and no
object can come back as a ghost.
"""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import irfft2, rfft2

from bridge.cover.oklab import Floats

_SEGMENTS = 6
"""along the edge, each with its own spectrum"""
_FINEST = 1 / 400
"""detail is what is finer than this share of the edge"""
_GREYNESS = 0.7
_MOST = 2.0
_UNSEEN = 0.5
"""sRGB levels"""


def continued_grain(picture: Floats, depth_px: int) -> Floats:
    """Texture for the region beyond a picture's left edge, to be added to smooth colours.

    Its strength follows the typical detail along the edge: lines and letters that touch a plain edge give
    none. Deterministic.

    Args:
        picture: shape (height, width, 3), sRGB 0-255.

    Returns:
        Shape (height, depth_px, 3), about 0 in the mean.
    """
    height = len(picture)
    strip = picture[:, : max(8, round(0.12 * height))]
    detail = strip - cv2.GaussianBlur(strip, (0, 0), max(1.0, _FINEST * height))
    detail -= detail.mean(axis=1, keepdims=True)
    strength = _strength(detail, height)
    if strength.max() < _UNSEEN:
        return np.zeros((height, depth_px, 3), np.float32)
    most = _MOST * strength[:, None, None]
    detail = np.clip(detail, -most, most)
    # Mostly grey: the colours of single edges would turn to confetti.
    greyer = detail + _GREYNESS * (detail.mean(axis=-1, keepdims=True) - detail)
    # Larger than needed, so that the ends, which the filtering joins to a ring, are not neighbours in the result.
    shape = (_fast(height + height // _SEGMENTS), _fast(depth_px + strip.shape[1]))
    spectrum = np.asarray(rfft2(np.random.default_rng(0).standard_normal(shape, np.float32)))
    total = np.zeros((height, depth_px, 3), np.float32)
    centers = (np.arange(_SEGMENTS) + 0.5) * height / _SEGMENTS
    for number in range(_SEGMENTS):
        rows = slice(round(number * height / _SEGMENTS), round((number + 1) * height / _SEGMENTS))
        share = _share(np.arange(height), centers, number)[:, None, None]
        total += share * _filtered(spectrum, shape, greyer[rows])[:height, :depth_px]
    return total * strength[:, None, None]


def _fast(length: int) -> int:
    """The next length whose Fourier transform is quick."""
    return -(-length // 64) * 64


def _share(rows: npt.NDArray[np.integer], centers: npt.NDArray[np.floating], number: int) -> Floats:
    """How much of the texture at each row is of this segment; squares sum to 1, so that its strength stays even."""
    weights = np.array([np.interp(rows, centers, np.eye(len(centers))[i]) for i in range(len(centers))])
    return (weights[number] / np.linalg.norm(weights, axis=0)).astype(np.float32)


def _filtered(spectrum: npt.NDArray[np.complexfloating], shape: tuple[int, int], texture: Floats) -> Floats:
    """Noise with the spectrum of a piece of texture, of standard deviation 1 over all channels."""
    window = np.outer(np.hanning(texture.shape[0] + 2)[1:-1], np.hanning(texture.shape[1] + 2)[1:-1])
    kernel = (texture - texture.mean(axis=(0, 1))) * window[..., None].astype(np.float32)
    kernel /= np.sqrt((kernel**2).sum() / 3) + 1e-6
    channels = [np.asarray(irfft2(spectrum * np.asarray(rfft2(kernel[..., c], shape)), shape)) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def _strength(detail: Floats, height: int) -> Floats:
    """The standard deviation of the typical detail at each row; shape (height,)."""
    around = np.sqrt(cv2.GaussianBlur((detail**2).mean(axis=-1), (0, 0), 3))
    fields = np.array_split(around, 24, axis=0)
    typical = np.array([[1.1 * np.percentile(field, 33)] for field in fields], np.float32)
    smooth = cv2.GaussianBlur(typical, (1, 5), 0)
    return cv2.resize(smooth, (1, height), interpolation=cv2.INTER_LINEAR)[:, 0].astype(np.float32)
