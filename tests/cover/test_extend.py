"""What certainly lies beyond a cover's edges, and the whole cover in a frame."""

import cv2
import numpy as np
import pytest

from blender_addon.core.types import Ending
from bridge import cover

pytestmark = pytest.mark.slow

SHAPES = [(320, 180), (180, 320), (240, 240)]


def flat(side_px=240):
    picture = np.full((side_px, side_px, 3), (200, 60, 40), np.uint8)
    cv2.circle(picture, (side_px // 2, side_px // 2), side_px // 4, (240, 230, 200), -1)
    return picture


def gradient(side_px=240):
    down = np.linspace(0, 1, side_px)[:, None, None] * np.ones((1, side_px, 1))
    picture = np.array([30, 40, 110]) * (1 - down) + np.array([240, 150, 90]) * down
    return np.round(picture).astype(np.uint8)


def paper(side_px=240):
    noise = np.random.default_rng(0).normal(0, 5, (side_px, side_px, 1))
    return np.clip(np.array([220, 205, 170]) + noise, 0, 255).astype(np.uint8)


def clouds(side_px=240):
    """Soft, but of a form."""
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (side_px, side_px)), (0, 0), 12)
    return np.clip(140 + 30 * noise[..., None] / noise.std() * np.ones(3), 0, 255).astype(np.uint8)


def band(side_px=240):
    """Flat, but for a stripe that runs off the sides."""
    picture = flat(side_px)
    picture[side_px // 2 :][: side_px // 12] = (20, 20, 60)
    return picture


def stones(side_px=240):
    noise = np.random.default_rng(1).integers(0, 255, (side_px, side_px, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)


def uneven(side_px=240):
    """Smooth above, grainy below."""
    picture = gradient(side_px).astype(float)
    picture[side_px // 2 :] += np.random.default_rng(2).normal(0, 7, (side_px - side_px // 2, side_px, 1))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("made", [flat, gradient, paper])
def test_what_is_certain_goes_on(made):
    picture = made()
    whole = cover.extended(picture, 90, 0)
    assert whole.picture.shape == (240, 420, 3)
    assert np.array_equal(whole.picture[whole.cover.slices], picture)
    for beyond, edge in ((whole.picture[:, :90], picture[:, :20]), (whole.picture[:, -90:], picture[:, -20:])):
        rows = [part.astype(float).reshape(24, -1, 3) for part in (beyond, edge)]
        assert np.abs(rows[0].mean(axis=1) - rows[1].mean(axis=1)).max() < 3, "the colours of each height"
        grain = [part.std(axis=1).mean() for part in rows]
        assert grain[0] == pytest.approx(grain[1], rel=0.4, abs=0.7), "and their texture"


@pytest.mark.parametrize("made", [clouds, band, stones, uneven])
def test_what_is_not_certain_does_not(made):
    picture = made()
    assert np.array_equal(cover.extended(picture, 90, 0).picture, picture)


def test_each_edge_is_judged_by_itself():
    picture = flat()
    picture[:, 200:] = stones()[:, 200:]
    whole = cover.extended(picture, 50, 0)
    assert (whole.cover.left_px, whole.picture.shape[1]) == (50, 290)
    higher = cover.extended(flat(), 0, 30)
    assert (higher.cover.top_px, higher.picture.shape[0]) == (30, 300)


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("cover_size", [(200, 200), (300, 200), (90, 400), (64, 64)])
@pytest.mark.parametrize("ending", list(Ending))
def test_the_whole_cover_is_in_the_frame(size, cover_size, ending):
    picture = np.asarray(cv2.resize(stones(), cover_size), np.uint8)
    whole = cover.mounted(picture, size[0], size[1], ending)
    box = whole.cover
    assert whole.picture.shape == (size[1], size[0], 3)
    kernel = cv2.INTER_AREA if box.width_px < cover_size[0] else cv2.INTER_CUBIC
    assert np.array_equal(
        whole.picture[box.slices], cv2.resize(picture, (box.width_px, box.height_px), None, 0, 0, kernel)
    )
    assert box.width_px / box.height_px == pytest.approx(cover_size[0] / cover_size[1], rel=0.02), "undistorted"
    off = np.array(box.center_px) - np.array(size) / 2
    assert np.abs(off).max() <= 0.5, "in the middle"
    fills = max(box.width_px / size[0], box.height_px / size[1])
    if ending is Ending.CARD:
        assert fills < 0.9
    if ending is Ending.FULL:
        assert fills > 0.99


@pytest.mark.parametrize("size", SHAPES[:2])
def test_by_itself_it_fills_the_frame_only_where_that_is_certain(size):
    assert cover.mounted(flat(), *size).cover.height_px == min(size)
    assert cover.mounted(clouds(), *size).cover.height_px < 0.9 * min(size)
    assert cover.mounted(stones(), 240, 240).cover.height_px == 240, "where the shapes agree"


@pytest.mark.parametrize("made", [clouds, stones])
def test_the_ground_is_the_covers_colour_soft_and_darker(made):
    picture = cv2.resize(made(), (200, 200)) // 2 + np.array([100, 40, 0], np.uint8)
    whole = cover.mounted(picture, 320, 180, Ending.CARD)
    ground = np.concatenate([whole.picture[:, :60], whole.picture[:, -60:]], axis=1).astype(float)
    assert ground.mean() < 0.75 * picture.mean()
    red, green, blue = ground.mean(axis=(0, 1))
    assert red > green > blue
    assert np.abs(np.diff(cv2.blur(ground, (5, 5)), axis=1)).mean() < 2


def test_the_same_every_time():
    assert np.array_equal(cover.mounted(paper(), 180, 320).picture, cover.mounted(paper(), 180, 320).picture)
