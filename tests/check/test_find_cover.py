"""The whole cover is found in a frame, also where there is little to go by."""

import cv2
import numpy as np
import pytest

from blender_addon.core.types import Ending
from bridge import cover
from bridge.check.find_cover import find_cover


def dark(spread):
    """Soft clouds in the dark, of a few levels."""
    clouds = np.random.default_rng(3).normal(0, 1, (450, 450)).astype(np.float32)
    clouds = cv2.GaussianBlur(clouds, (0, 0), 20)
    picture = 12 + spread * clouds[..., None] / clouds.std() * np.array([0.8, 0.9, 1.1])
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
@pytest.mark.parametrize("spread", [2.0, 4.0])
def test_a_card_of_a_dark_cover_with_little_contrast_is_found(size, spread):
    picture = dark(spread)
    mounted = cover.mounted(picture, size[0], size[1], Ending.CARD)
    seen = cv2.imdecode(cv2.imencode(".jpg", mounted.picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)
    found = find_cover(np.asarray(seen, np.uint8), picture)
    assert found is not None
    assert found.width_px == pytest.approx(mounted.cover.width_px, rel=0.02)
    assert found.left_px == pytest.approx(mounted.cover.left_px, abs=4)
    assert found.likeness > 0.98


def test_the_grain_of_a_cover_that_lies_on_whole_pixels_is_there():
    """Aligned to parts of a pixel, it would be interpolated: a small frame of a grainy cover looked changed."""
    grain = np.random.default_rng(3).normal(0, 40, (900, 900, 3))
    soft = cv2.GaussianBlur(np.random.default_rng(4).normal(128, 900, (900, 900, 3)), (0, 0), 30)
    picture = np.clip(soft + grain, 0, 255).astype(np.uint8)
    for size in ((640, 360), (1920, 1080)):
        found = find_cover(cover.mounted(picture, *size).picture, picture)
        assert found is not None
        assert found.likeness > 0.98
