# SPDX-License-Identifier: GPL-3.0-or-later
"""Oklab, the perceptual colour space in which covers are compared (Ottosson 2020, bottosson.github.io/posts/oklab)."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LMS_OF_LINEAR = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_LAB_OF_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_LINEAR_OF_LMS = np.linalg.inv(_LMS_OF_LINEAR.astype(np.float64)).astype(np.float32)
_LMS_OF_LAB = np.linalg.inv(_LAB_OF_LMS.astype(np.float64)).astype(np.float32)


def linear_of_srgb(encoded: npt.NDArray[np.floating]) -> Floats:
    """sRGB-encoded values 0-1 to linear light (IEC 61966-2-1)."""
    value = np.asarray(encoded, np.float32)
    return np.where(value <= 0.04045, value / 12.92, ((np.maximum(value, 0) + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb_of_linear(linear: npt.NDArray[np.floating]) -> Floats:
    """Linear light to sRGB-encoded values; not clipped above 1, negative light is continued linearly."""
    value = np.asarray(linear, np.float32)
    bent = 1.055 * np.maximum(value, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(value <= 0.0031308, value * 12.92, bent).astype(np.float32)


_LINEAR_OF_BYTE = linear_of_srgb(np.arange(256) / 255)
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""the weights of red, green and blue in luminance (ITU-R BT.709)"""


def light_of(encoded: npt.NDArray[np.generic]) -> Floats:
    """Linear light 0-1 of sRGB: uint8 0-255, by a table, or floating 0-1."""
    if encoded.dtype == np.uint8:
        return _LINEAR_OF_BYTE[encoded.astype(np.uint8, copy=False)]
    return linear_of_srgb(encoded.astype(np.float32))


def from_srgb(encoded: npt.NDArray[np.generic]) -> Floats:
    """Oklab of sRGB.

    Args:
        encoded: shape (..., 3); uint8 0-255, or floating 0-1.

    Returns:
        Shape (..., 3), float32: L 0-1, a (green to red) and b (blue to yellow) within about ±0.32.
    """
    return (np.cbrt(light_of(encoded) @ _LMS_OF_LINEAR.T) @ _LAB_OF_LMS.T).astype(np.float32)


def to_srgb(lab: npt.NDArray[np.floating]) -> Floats:
    """sRGB-encoded values of Oklab, not clipped: outside of 0-1 where the colour is out of gamut."""
    lms = (np.asarray(lab, np.float32) @ _LMS_OF_LAB.T) ** 3
    return srgb_of_linear(lms @ _LINEAR_OF_LMS.T)


def gradient_to_srgb(encoded: Floats, by_lab: Floats) -> Floats:
    """Takes a derivative by Oklab back to one by the sRGB-encoded values it was computed from.

    Args:
        encoded: shape (n, 3), 0-1 (a little beyond does no harm).
        by_lab: shape (n, 3).
    """
    linear = np.maximum(linear_of_srgb(encoded), 1e-5)
    root = np.cbrt(linear @ _LMS_OF_LINEAR.T)
    by_linear = ((by_lab @ _LAB_OF_LMS) / (3 * root**2)) @ _LMS_OF_LINEAR
    bent = ((np.maximum(encoded, 0) + 0.055) / 1.055) ** 1.4 * (2.4 / 1.055)
    return (by_linear * np.where(encoded <= 0.04045, 1 / 12.92, bent)).astype(np.float32)
