"""A mark that stays is found and removed; what belongs to the scene is left alone."""

import functools

import cv2
import numpy as np
import pytest

from bridge.clips import watermark

SIZE = (320, 180)


@functools.cache
def world(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    total = np.zeros((300, 480, 3))
    for sigma in (1.5, 4, 12, 30):
        noise = cv2.GaussianBlur(random.standard_normal(total.shape), (0, 0), sigma)
        total += noise / noise.std() * sigma**0.5
    total = (total - total.min()) / np.ptp(total) * 255
    return total.astype(np.uint8)


def film(seed: int, speed: float = 4.0, count: int = 14) -> list[np.ndarray]:
    picture = world(seed)
    frames = []
    for i in range(count):
        matrix = np.array([[1, 0, -20 - speed * i], [0, 1, -20 - speed * i / 3]])
        frames.append(cv2.warpAffine(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT))
    return frames


CORNERS = {"bottom right": (236, 168), "top left": (8, 20), "bottom left": (8, 168)}


def marked(frames, corner="bottom right", strength=0.6):
    stamp = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    cv2.putText(stamp, "MODEL 1", CORNERS[corner], cv2.FONT_HERSHEY_SIMPLEX, 0.55, (1, 1, 1), 2)
    alpha = stamp * strength
    return [(frame * (1 - alpha) + 245 * alpha).astype(np.uint8) for frame in frames], stamp[..., 0] > 0.5


@pytest.mark.parametrize("corner", list(CORNERS))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mark_is_found_where_it_is(corner, seed):
    frames, place = marked(film(seed), corner)
    marks = watermark.find(frames)
    assert [mark.corner for mark in marks] == [corner]
    covered = marks[0].mask[place].mean()
    assert covered > 0.9, "nearly all of it"
    assert marks[0].mask.mean() < 0.06, "and little else"
    assert corner in str(marks[0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("speed", [0.0, 0.3, 1.0, 4.0])
def test_clean_footage_has_none(seed, speed):
    random = np.random.default_rng(seed)
    frames = [np.clip(frame + random.normal(0, 3, frame.shape), 0, 255).astype(np.uint8) for frame in film(seed, speed)]
    assert watermark.find(frames) == []


def test_a_fade_over_a_still_scene_is_no_mark():
    still = film(5, speed=0.0)
    faded = [(frame * (0.3 + 0.05 * i)).astype(np.uint8) for i, frame in enumerate(still)]
    assert watermark.find(faded) == []


def test_painting_out_brings_the_picture_back():
    clean = film(1)
    frames, place = marked(clean)
    fixed = list(watermark.painted_out(iter(frames), watermark.find(frames)))
    before = np.mean([np.abs(a.astype(int) - b)[place].mean() for a, b in zip(frames, clean, strict=True)])
    after = np.mean([np.abs(a.astype(int) - b)[place].mean() for a, b in zip(fixed, clean, strict=True)])
    assert after < before / 2
    outside = np.abs(fixed[0].astype(int) - frames[0])[:90]
    assert outside.max() == 0, "the rest is untouched"


@pytest.mark.parametrize("corner", list(CORNERS))
def test_cropping_leaves_the_mark_out(corner):
    frames, _ = marked(film(2), corner)
    marks = watermark.find(frames)
    parts = list(watermark.cropped(iter(frames), marks))
    height, width = parts[0].shape[:2]
    assert abs(width / height - 320 / 180) < 0.03
    assert width > 200
    assert watermark.find(parts) == []
    assert len({part.shape for part in parts}) == 1
