"""Which cut-outs become a layer of their own."""

import cv2
import numpy as np
import pytest

from bridge.engines.depth import _is_believable

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
