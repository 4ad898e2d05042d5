"""Retiming along the motion, on motion that is known exactly."""

import cv2
import numpy as np
import pytest

from bridge.common import interpolation

pytestmark = pytest.mark.slow

SIZE = (320, 180)


def texture(seed: int, size=(480, 320)) -> np.ndarray:
    """Noise at every scale, as nature has it."""
    random = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for sigma in (2, 4, 8, 16, 32):
        noise = cv2.GaussianBlur(random.standard_normal(total.shape), (0, 0), sigma)
        total += noise / noise.std()
    return ((total - total.min()) / np.ptp(total) * 255).astype(np.uint8)


def moved(picture: np.ndarray, dx: float, dy: float, angle: float, zoom: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((240, 160), angle, zoom)
    matrix[:, 2] += (dx - 80, dy - 70)
    return cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def scene(time: float, kind: str) -> np.ndarray:
    back = texture(1)
    if kind == "truck":
        return moved(back, 12 * time, 3 * time, 0, 1)
    if kind == "orbit":
        return moved(back, 0, 0, 4 * time, 1 + 0.06 * time)
    frame = moved(back, -6 * time, 0, 0, 1)
    left = round(80 + 16 * time)  # a layer in front, hiding and showing what is behind
    frame[50:130, left : left + 80] = texture(2)[50:130, 80:160]
    return frame


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("kind", ["truck", "orbit", "layers"])
@pytest.mark.parametrize("time", [0.25, 0.5, 0.75])
def test_frames_along_the_motion_beat_a_crossfade(kind, time):
    before, after, truth = scene(0, kind), scene(1, kind), scene(time, kind)
    faded = cv2.addWeighted(before, 1 - time, after, time, 0)
    made = interpolation.between(before, after, [time])[0]
    assert psnr(made, truth) >= psnr(faded, truth) + 3


def test_the_ends_are_the_frames_themselves():
    before, after = scene(0, "truck"), scene(1, "truck")
    first, last = interpolation.between(before, after, [0.0, 1.0])
    assert np.abs(first.astype(int) - before).max() <= 1
    assert np.abs(last.astype(int) - after).max() <= 1


def test_a_cut_gives_pictures_without_holes():
    before, after = texture(1)[:180, :320], texture(9)[:180, :320]
    middle = interpolation.between(before, after, [0.5])[0]
    assert middle.shape == before.shape
    assert 40 < middle.mean() < 215
