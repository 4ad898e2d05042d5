"""Light over a picture: it belongs to what is bright."""

import cv2
import numpy as np
import pytest

from bridge.clips.animatic.atmosphere import Atmosphere
from bridge.clips.animatic.camera import Pose
from bridge.cover.oklab import from_srgb


def sea(width_px=320, height_px=180):
    """A dark teal sea under a warm sky, with the grain of a photograph."""
    down = np.linspace(0, 1, height_px)[:, None, None]
    picture = np.where(down < 0.4, (235, 170, 110), (14, 62, 70)) * np.ones((1, width_px, 1))
    texture = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (height_px, width_px)), (0, 0), 3)
    return np.clip(picture * (1 + 0.5 * texture[..., None] / texture.std() * 0.3), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_light_does_not_grey_what_is_dark(seed):
    picture = sea()
    lit = Atmosphere(picture, 320, 180, np.random.default_rng(seed)).lay_over(picture, None, Pose(), 1.0, 0.8)
    assert lit.mean() > picture.mean() + 0.5, "there is light"
    before, after = (from_srgb(cv2.GaussianBlur(frame, (0, 0), 2)) for frame in (picture, lit))
    assert after[..., 0].std() >= 0.95 * before[..., 0].std(), "the contrast stays"
    for area in (slice(0, 60), slice(90, 180)):
        hues = [np.degrees(np.arctan2(*one[area].mean(axis=(0, 1))[[2, 1]])) for one in (before, after)]
        assert abs(hues[1] - hues[0]) <= 3
    assert np.abs(lit[90:].astype(int) - picture[90:]).mean() < 6, "and the dark is dark"
