"""The cover's texture, measured on pictures that were given one; what content must not be taken for."""

import cv2
import numpy as np
import pytest

from blender_addon.core.types import Texture
from bridge.cover import lacking_texture, measure_texture


def scene(height_px=720, width_px=720, black=6):
    """Hills with detail under a soft sky, and a shadow."""
    rng = np.random.default_rng(2)
    sky = np.linspace(190, 120, height_px)[:, None] * np.ones(width_px)
    picture = np.repeat(sky[..., None], 3, axis=2) * (1.0, 0.96, 0.9)
    rough = cv2.GaussianBlur(rng.standard_normal((height_px, width_px)), (0, 0), 2) * 160
    picture[height_px // 2 :] = (90, 110, 70) + rough[height_px // 2 :, :, None]
    picture[-height_px // 6 :, : width_px // 2] = black
    return np.clip(picture, 0, 255).astype(np.uint8)


def grained(picture, sigma, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma * 255, picture.shape[:2])[..., None]
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.015, 0.03])
def test_grain_is_found_beside_detail(sigma):
    assert measure_texture(scene()).grain == 0
    assert measure_texture(grained(scene(), sigma)).grain == pytest.approx(sigma, rel=0.15)


def test_grain_of_a_large_cover_is_what_is_left_of_it_in_the_video():
    assert measure_texture(grained(scene(2160, 2160), 0.04)).grain == pytest.approx(0.02, rel=0.15)


def test_a_pale_or_dark_picture_is_not_faded():
    pale = np.full((300, 300, 3), (240, 220, 210), np.uint8)
    pale[150:] = (180, 210, 200)
    assert measure_texture(pale).fade == 0
    assert measure_texture(scene(black=2)).fade == 0
    assert measure_texture(scene(black=30)).fade == pytest.approx(30 / 255, abs=0.01)


def test_a_dark_side_or_a_bright_subject_is_no_vignette():
    half = scene()
    half[:, :360] = half[:, :360] // 3
    lamp = np.full((400, 400, 3), 90, np.uint8)
    cv2.circle(lamp, (200, 200), 60, (250, 240, 220), -1)
    assert measure_texture(half).vignette == 0
    assert measure_texture(lamp).vignette == 0


def test_a_red_light_is_no_halation():
    night = np.full((540, 540, 3), 12, np.float32)
    cv2.circle(night, (270, 270), 30, (255, 250, 245), -1)
    glow = cv2.GaussianBlur(night, (0, 0), 12)
    warm = np.clip(night + glow * (0.2, 0.0, 0.0), 0, 255).astype(np.uint8)
    painted = np.clip(night + glow * (1.5, 0.3, 0.0), 0, 255).astype(np.uint8)
    assert measure_texture(night.astype(np.uint8)).halation == 0
    assert measure_texture(warm).halation > 0.05
    assert measure_texture(painted).halation == 0, "no film glows like that"


def test_what_the_footage_lacks():
    cover = Texture(grain=0.03, vignette=0.4, fade=0.1)
    bare, own = scene(black=0), grained(scene(black=26), 0.03)
    assert lacking_texture(cover, [bare]) == cover
    assert lacking_texture(cover, []) == cover
    left = lacking_texture(cover, [own])
    assert left.grain < 0.016
    assert left.fade == 0
    assert left.vignette == 0.4
    some = lacking_texture(cover, [grained(scene(), 0.018)])
    assert some.grain == pytest.approx(0.024, rel=0.15)
