import numpy as np
import pytest

from bridge import cover


def with_disc(x=0.6, y=0.45, radius=0.17, size_px=320):
    rows, columns = np.mgrid[0 : 1 : size_px * 1j, 0 : 1 : size_px * 1j]
    inside = np.hypot(columns - x, rows - y) < radius
    picture = np.where(inside[..., None], (230, 70, 40), np.array([30, 70, 90]) + 40 * rows[..., None])
    grain = np.random.default_rng(0).normal(0, 3, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8), inside


def test_saliency_is_on_the_subject():
    picture, inside = with_disc()
    saliency = cover.saliency(picture)
    assert saliency.shape == picture.shape[:2]
    assert saliency.dtype == np.float32
    assert 0 <= saliency.min() <= saliency.max() <= 1
    assert saliency[inside].mean() > 0.6
    assert saliency[~inside].mean() < 0.2


def test_the_mask_cuts_the_subject_out():
    picture, inside = with_disc()
    mask = cover.subject_mask(picture) > 0.5
    assert (mask & inside).sum() / (mask | inside).sum() > 0.9


def test_the_box_lies_around_the_subject():
    picture, inside = with_disc()
    box = cover.subject_box(picture)
    rows, columns = np.nonzero(inside)
    assert box.left_px == pytest.approx(columns.min(), abs=16)
    assert box.right_px == pytest.approx(columns.max(), abs=16)
    assert box.top_px == pytest.approx(rows.min(), abs=16)
    assert box.bottom_px == pytest.approx(rows.max(), abs=16)


def test_the_title_goes_where_it_is_calm():
    picture, inside = with_disc(x=0.3, y=0.3)
    picture[200:, :] = np.random.default_rng(3).integers(0, 255, (120, 320, 3))
    box = cover.calm_area(picture)
    assert box.width_px >= 60
    assert box.height_px >= 30
    assert not inside[box.slices].any()
    assert box.bottom_px <= 206


def test_a_plain_cover_has_no_subject():
    plain = np.full((100, 150, 3), 77, np.uint8)
    assert cover.saliency(plain).max() == 0
    assert cover.subject_mask(plain).max() == 0
    assert cover.subject_box(plain) == cover.Box(0, 0, 150, 100)
    assert cover.calm_area(plain).width_px > 120


@pytest.mark.parametrize("shape", [(16, 16), (16, 1600), (900, 40)])
def test_odd_shapes(shape):
    picture = np.random.default_rng(4).integers(0, 255, (*shape, 3), np.uint8)
    assert cover.saliency(picture).shape == shape
    assert cover.subject_mask(picture).shape == shape
    for box in (cover.subject_box(picture), cover.calm_area(picture)):
        assert box.left_px >= 0
        assert box.top_px >= 0
        assert box.right_px <= shape[1]
        assert box.bottom_px <= shape[0]
