"""The option quality=best: a shot that moves too much or too little is filmed once more."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from bridge.clips import make_clip
from bridge.clips.base import Footage, Still
from bridge.clips.registry import Engine
from bridge.common.store import Store
from tests.clips.animatic.animatic_world import Desk, request


class Runner:
    """Paints noise and moves it by `px_per_motion` for each unit of motion."""

    name, version = "runner", "1"

    def __init__(self, px_per_motion: float) -> None:
        self.px_per_motion = px_per_motion
        self.asked: list[int] = []

    def paint(self, requests, work):
        random = np.random.default_rng(1)
        noise = cv2.GaussianBlur(random.standard_normal((300, 600, 3)), (0, 0), 3)
        yield Still(np.clip(noise / noise.std() * 50 + 128, 0, 255).astype(np.uint8))

    def animate(self, request, still, work):
        self.asked.append(request.motion)

        def frames():
            for i in range(request.frame_count):
                x = self.px_per_motion * request.motion * i / 24
                matrix = np.array([[1.0, 0, -x], [0, 1.0, 0]])
                yield np.asarray(cv2.warpAffine(still.rgb, matrix, (request.width_px, request.height_px)), np.uint8)

        return Footage(frames(), request.frame_count, Fraction(24))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    store.close()


def made(px_per_motion, store, tmp_path, monkeypatch, **changes):
    runner = Runner(px_per_motion)
    monkeypatch.setattr(make_clip.registry, "load", lambda name: Engine(runner, runner))
    (tmp_path / "work").mkdir(exist_ok=True)
    asked = request(motion=100, frame_count=16, width_px=320, height_px=180, **changes)
    clip = make_clip.make_clip(asked, store, Desk(tmp_path / "work"))
    assert clip.request == asked
    assert list((tmp_path / "work").glob("*.mp4")) == []
    return clip, runner.asked


BEST = (("quality", "best"),)


def test_a_shot_that_crawls_is_filmed_once_more_and_faster(store, tmp_path, monkeypatch):
    slow, asked = made(0.03, store, tmp_path, monkeypatch, options=BEST)
    assert len(asked) == 2
    assert asked[1] > 150
    plain, once = made(0.03, store, tmp_path, monkeypatch)
    assert once == [100]
    wanted = make_clip.wanted_flow_px(plain.request)
    assert abs(slow.flow_px - wanted) < abs(plain.flow_px - wanted)


def test_a_shot_that_races_is_slowed_down(store, tmp_path, monkeypatch):
    _, asked = made(0.3, store, tmp_path, monkeypatch, options=BEST)
    assert asked[1] < 70


def test_a_shot_that_is_right_is_left_alone(store, tmp_path, monkeypatch):
    px_per_motion = make_clip.wanted_flow_px(request(motion=100)) * 320 / 1000 / 100
    _, asked = made(px_per_motion, store, tmp_path, monkeypatch, options=BEST)
    assert asked == [100]


def test_the_truer_one_is_kept(store, tmp_path, monkeypatch):
    """A model that moves less when asked for more: the first take stays."""

    class Contrary(Runner):
        def animate(self, request, still, work):
            self.px_per_motion = 0.03 if request.motion == 100 else 0.001
            return super().animate(request, still, work)

    runner = Contrary(0.0)
    monkeypatch.setattr(make_clip.registry, "load", lambda name: Engine(runner, runner))
    (tmp_path / "work").mkdir()
    asked = request(motion=100, frame_count=16, width_px=320, height_px=180, options=BEST)
    clip = make_clip.make_clip(asked, store, Desk(tmp_path / "work"))
    assert len(runner.asked) == 2
    assert clip.flow_px > 5
