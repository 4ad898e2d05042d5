"""What counts as a picture that rests: film grain moves and the picture doesn't."""

import cv2
import numpy as np
import pytest

from bridge.check.watching import _same

SHAPE = (270, 480, 3)


def scene() -> np.ndarray:
    """Soft forms and some edges."""
    rng = np.random.default_rng(4)
    soft = cv2.GaussianBlur(rng.integers(0, 255, SHAPE).astype(np.float32), (0, 0), 12)
    soft = 128 + 6 * (soft - soft.mean())
    cv2.circle(soft, (200, 130), 60, (230, 200, 60), -1)
    return np.clip(soft, 0, 255)


def grained(picture: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, SHAPE[:2])[..., None]
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.0, 1.5, 4.0, 8.0])
def test_grain_rests(sigma):
    assert _same(grained(scene(), sigma, 1), grained(scene(), sigma, 2))


@pytest.mark.parametrize("sigma", [0.0, 1.5, 4.0, 8.0])
def test_what_moves_under_the_grain_does_not(sigma):
    moved = np.roll(scene(), 3, axis=1)
    assert not _same(grained(scene(), sigma, 1), grained(moved, sigma, 2))


@pytest.mark.parametrize("sigma", [0.0, 4.0])
def test_what_moves_in_one_place_does_not(sigma):
    other = scene()
    cv2.circle(other, (204, 130), 60, (230, 200, 60), -1)
    assert not _same(grained(scene(), sigma, 1), grained(other, sigma, 2))
