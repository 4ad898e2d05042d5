"""Which cut-outs become a layer of their own; what lies beyond the cover, and the air."""

import cv2
import numpy as np
import pytest

from bridge.clips.animatic import cover_painter
from bridge.clips.animatic.atmosphere import Atmosphere
from bridge.clips.animatic.camera import Pose
from bridge.clips.animatic.depth_classical import _distinction, _is_believable, _outline
from bridge.clips.animatic.study import studied
from bridge.cover import subject_mask
from tests.clips.animatic.animatic_world import Desk, cover

SIDE = 512


def discs(count: int, radius: int, *, fog: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Dark discs on light ground with a little texture, and their mask; in fog, the right half of each has no edge."""
    rng = np.random.default_rng(3)
    mask = np.zeros((SIDE, SIDE), np.float32)
    rows = int(np.ceil(count**0.5))
    for i in range(count):
        center = (round((i % rows + 0.5) * SIDE / rows), round((i // rows + 0.5) * SIDE / rows))
        cv2.circle(mask, center, radius, (1.0,), -1)
    ground = 200 + cv2.GaussianBlur(rng.normal(0, 6, (SIDE, SIDE)), (0, 0), 3)
    shade = 1 - 0.7 * mask * (np.linspace(1.2, -1.2, SIDE).clip(0, 1)[None] if fog else 1)
    return np.repeat((ground * shade)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8), mask


@pytest.mark.parametrize(("count", "radius"), [(1, 120), (2, 80)])
def test_a_subject_or_two(count, radius):
    assert _is_believable(*discs(count, radius))


def test_many_pieces_are_no_subject():
    assert not _is_believable(*discs(100, 14))


def test_an_outline_through_fog_is_no_edge():
    assert not _is_believable(*discs(1, 200, fog=True))


def street(seed: int) -> np.ndarray:
    """Drawn dark houses with lit windows at both sides of a road, lamps with their glow, and a red car."""
    rng, unit = np.random.default_rng(seed), SIDE / 2000

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * unit), round(y * unit)

    picture = np.full((SIDE, SIDE, 3), (40, 26, 70), np.uint8)
    for side, k in np.ndindex(2, 6):
        top, shade = 340 + k * 110 + int(rng.integers(-60, 60)), 18 + k * 7
        left, right = sorted(abs(2000 * side - x) for x in (k * 150, k * 150 + 170 - k * 8))
        cv2.rectangle(picture, at(left, top), at(right, 1300 + (5 - k) * 90), (shade, shade, shade + 22), -1)
        for y in range(top + 30, 1250, 48):
            for x in range(left + 16, right - 24, 40):
                if rng.random() < 0.42:
                    cv2.rectangle(picture, at(x, y), at(x + 20, y + 28), (190, 150, 80), -1)
    road = np.array([at(0, 2000), at(2000, 2000), at(1150, 1260), at(850, 1260)])
    cv2.fillPoly(picture, [road], (22, 20, 34))
    glow = np.zeros_like(picture)
    for share in (0.2, 0.4, 0.6, 0.8, 1.0):
        for side in (-1, 1):
            lamp = at(1000 + side * (170 + 700 * share**2), 1180 - 500 * share**2)
            cv2.circle(picture, lamp, round((10 + 26 * share) * unit), (255, 235, 190), -1)
            cv2.circle(glow, lamp, round((40 + 104 * share) * unit), (190, 130, 60), -1)
    cv2.rectangle(picture, at(1120, 1400), at(1500, 1660), (150, 20, 30), -1)
    bright = picture + cv2.GaussianBlur(glow, (0, 0), 60 * unit).astype(float) + rng.normal(0, 3, picture.shape)
    return bright.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", [3, 5, 19])
def test_the_lit_part_of_drawn_houses_is_no_subject(seed):
    """GrabCut parts it from the dark part of the same houses: moved apart, their windows and walls would tear."""
    picture = street(seed)
    mask = subject_mask(picture)
    assert mask.mean() > 0.1, "something was cut out"
    assert not _is_believable(picture, mask)


def test_an_outline_through_one_texture_parts_nothing():
    picture, mask = discs(1, 120)
    texture = cv2.GaussianBlur(np.random.default_rng(2).normal(120, 150, picture.shape), (0, 0), 2)
    places = _outline(mask)[1]
    assert np.median(_distinction(picture, mask)[places]) > 4
    assert np.median(_distinction(texture.clip(0, 255).astype(np.uint8), mask)[places]) < 1


@pytest.mark.slow
def test_beyond_the_cover_the_edges_depth_goes_on(tmp_path):
    """A mirrored one would put a ghost of the subject there, in haze."""
    picture = cover(240)
    study = studied(Desk(tmp_path, picture).file("c" * 64))
    study.depth[:, -4:] = 0.25
    depth = cover_painter._depth(study, (0.6, 0.275, 0.8, 0.45))
    assert depth[:, depth.shape[1] // 2 + 4 :] == pytest.approx(0.25, abs=1e-3)
    assert depth[:, : depth.shape[1] // 3].std() > 0.02


def test_flat_colours_get_little_haze():
    grain = np.random.default_rng(0).normal(0, 4, (720, 720, 3))
    flat = np.full((720, 720, 3), (240, 226, 60), float)
    flat[480:] = (214, 40, 70)
    grey, light = np.full((90, 160, 3), 128, np.uint8), []
    for picture in (flat, cover(720).astype(float)):
        air = Atmosphere(np.clip(picture + grain, 0, 255).astype(np.uint8), 160, 90, np.random.default_rng(3))
        light.append(air.lay_over(grey, None, Pose(), 1.0, 1.0).mean() - 128)
    assert 0 < light[0] < 0.5 * light[1]
