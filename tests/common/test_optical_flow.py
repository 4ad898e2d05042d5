"""Flow of known moves: of textures, and of flat shapes under a light that goes its own way."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from bridge.common import optical_flow

FPS = Fraction(24)
SIDE = 480
MOVED_PX = 4


def poster() -> np.ndarray:
    """Flat colours, some letters and a sun, with a margin to move in."""
    picture = np.full((SIDE + 40, SIDE + 40, 3), (238, 196, 40), np.uint8)
    cv2.circle(picture, (370, 130), 60, (250, 240, 222), -1)
    cv2.putText(picture, "LOUD", (90, 190), cv2.FONT_HERSHEY_DUPLEX, 3, (24, 24, 28), 12)
    cv2.rectangle(picture, (0, 360), (SIDE + 40, SIDE + 40), (222, 50, 50), -1)
    return picture


def texture() -> np.ndarray:
    grain = cv2.GaussianBlur(np.random.default_rng(1).normal(120, 200, (SIDE + 40, SIDE + 40)), (0, 0), 3)
    return np.repeat(grain[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def lit(picture: np.ndarray, at: float) -> np.ndarray:
    """With a soft light of 10 levels from one side."""
    place = np.linspace(0, 1, SIDE)
    light = 10 * np.exp(-(((place[None] - at) / 0.3) ** 2)) * np.exp(-(((place[:, None] - 0.4) / 0.4) ** 2))
    return (picture + light[..., None]).clip(0, 255).astype(np.uint8)


def measured(picture: np.ndarray, light: tuple[float, float] | None = None) -> float:
    """In pixels of the picture between two of its frames."""
    frames = [picture[20 : 20 + SIDE, left : left + SIDE] for left in (20, 20 + MOVED_PX)]
    if light:
        frames = [lit(frame, at) for frame, at in zip(frames, light, strict=True)]
    return (
        optical_flow.FlowMeter.between(frames[0], frames[1], FPS)
        * SIDE
        / optical_flow.REFERENCE_WIDTH_PX
        * optical_flow.FlowMeter.step(FPS)
        / 24
    )


def test_a_texture_moves_as_far_as_it_does():
    assert measured(texture()) == pytest.approx(MOVED_PX, rel=0.03)


@pytest.mark.parametrize("light", [None, (0.1, 0.2), (0.6, 0.5)])
def test_flat_colours_do_too_whatever_the_light(light):
    assert measured(poster(), light) == pytest.approx(MOVED_PX, rel=0.2)


def test_a_plain_picture_does_not_move():
    plain = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert optical_flow.measure([plain] * 7, FPS) == 0.0


def test_one_of_so_many_pairs_is_measured():
    """The picture moves from the first to the second, and rests until the third."""
    step = optical_flow.FlowMeter.step(FPS)
    places = [20, 20 + MOVED_PX, 20 + MOVED_PX]
    frames = [texture()[20 : 20 + SIDE, left : left + SIDE] for left in places for _ in range(step)]
    all_pairs, one_of_two = (optical_flow.FlowMeter(FPS, every=every) for every in (1, 2))
    for frame in frames:
        all_pairs.add(frame)
        one_of_two.add(frame)
    assert all_pairs.mean_px_s > 1
    assert one_of_two.mean_px_s == pytest.approx(2 * all_pairs.mean_px_s, rel=0.01)
