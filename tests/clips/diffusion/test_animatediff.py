"""AnimateDiff on tiny models: SDXL with the keyframe by IP-Adapter, Stable Diffusion 1.5 by SparseCtrl."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from blender_addon.core.types import ShotKind
from bridge.clips import options
from bridge.clips.base import Still
from bridge.clips.diffusion import animatediff
from bridge.clips.diffusion.animatediff import AnimateDiffAnimator, camera_move
from bridge.common.errors import BadInput, Cancelled
from tests.clips.diffusion import tiny_adapters
from tests.clips.diffusion.diffusion_world import FakeWork, picture, request_for

pytestmark = pytest.mark.torch

SMALL = {"scale": 0.1, "steps": 1, "frames": 8, "camera": "none"}


@pytest.fixture(scope="session")
def with_sdxl(sdxl, tmp_path_factory):
    folder = tmp_path_factory.mktemp("animatediff-sdxl")
    motion = tiny_adapters.save_motion(folder / "motion")
    adapters = tiny_adapters.save_ip_adapters(folder / "adapters", sdxl)
    return {"model": sdxl, "motion_model": motion, "keyframe_model": adapters}


@pytest.fixture(scope="session")
def with_sd15(tmp_path_factory):
    folder = tmp_path_factory.mktemp("animatediff-sd15")
    return {
        "model": tiny_adapters.save_sd15(folder / "sd15"),
        "motion_model": tiny_adapters.save_motion(folder / "motion", mid=True),
        "keyframe_model": tiny_adapters.save_sparse(folder / "sparse"),
    }


def film(request, still, work):
    footage = AnimateDiffAnimator().animate(request, still, work)
    frames = np.stack(list(footage.frames))
    assert len(frames) == footage.frame_count
    return footage, frames


@pytest.mark.parametrize("kind", ["with_sdxl", "with_sd15"])
def test_the_keyframe_and_the_seed_decide(kind, still, work, request):
    asked = request_for(frame_count=24, hold_frames=8, **request.getfixturevalue(kind), **SMALL)
    footage, frames = film(asked, still, work)
    assert len(frames) == 8
    assert footage.fps == Fraction(8 * 24, 16), "eight frames over the two thirds of a second that move"
    assert frames.shape[1:] == (64, 128 if kind == "with_sdxl" else 64, 3)
    assert np.array_equal(frames, film(asked, still, work)[1])
    assert not np.array_equal(frames, film(replace(asked, seed=2), still, work)[1])
    assert not np.array_equal(frames, film(asked, Still(picture(160, 90)), work)[1]), "the keyframe holds it"


def test_a_cancel_stops_within_a_step(with_sd15, still, tmp_path):
    work = FakeWork(tmp_path, {}, cancel_after=2)
    with pytest.raises(Cancelled):
        film(request_for(**with_sd15, **{**SMALL, "steps": 9}), still, work)
    assert len(work.reports) == 3


def test_the_camera_moves_by_a_lora_and_only_where_it_should(with_sd15, still, work, tmp_path):
    lora = tiny_adapters.save_camera_lora(tmp_path / "zoom.safetensors")
    calm = film(request_for(**with_sd15, **SMALL), still, work)[1]
    moved = film(request_for(**with_sd15, **SMALL, camera_lora=lora), still, work)[1]
    assert not np.array_equal(calm, moved)
    assert np.array_equal(calm, film(request_for(**with_sd15, **SMALL), still, work)[1]), "the next shot is free of it"


def test_the_shot_chooses_the_cameras_way():
    assert camera_move(request_for(motion=40), "auto")[0] == "none"
    assert camera_move(request_for(motion=150, kind=ShotKind.COVER_END), "auto")[0] == "zoom-out"
    assert camera_move(request_for(motion=150, kind=ShotKind.HERO_HOLD), "auto")[0] == "zoom-in"
    assert camera_move(request_for(motion=200), "auto")[1] > camera_move(request_for(motion=100), "auto")[1]
    assert camera_move(request_for(), "tilt-up")[0] == "tilt-up"
    with pytest.raises(BadInput, match="The option camera takes one of auto, zoom-in"):
        options.of(request_for(camera="upside-down"), animatediff.OPTIONS)


def test_other_models_are_refused(svd, still, work):
    with pytest.raises(BadInput, match="takes SDXL or Stable Diffusion"):
        film(request_for(model=svd, **SMALL), still, work)
