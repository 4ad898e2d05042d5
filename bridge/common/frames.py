# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that go everywhere: a picture, a value per frame, and the step between two values."""

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
"""One picture, shape (height_px, width_px, 3), sRGB"""


Curve = npt.NDArray[np.float64]


def smoothstep(t: Curve | float) -> Curve:
    """From 0 to 1, slowly at both ends; the same before and after."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def resized(picture: Frame, width_px: int, height_px: int) -> Frame:
    """The picture at another size, cropped evenly where the shapes differ."""
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.fit(Image.fromarray(picture), (width_px, height_px), Image.Resampling.LANCZOS))
