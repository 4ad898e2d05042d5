"""Super-resolution on a tiny Swin2SR of random weights."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

import torch
import transformers

from bridge.clips import make_clip
from bridge.clips.base import Footage
from bridge.clips.diffusion import upscale
from bridge.clips.gpu.models import Model
from bridge.common.errors import BadInput
from tests.clips.diffusion.diffusion_world import FakeWork, picture, request_for, save_picture

pytestmark = pytest.mark.torch


@pytest.fixture(scope="session")
def swin(tmp_path_factory):
    torch.manual_seed(0)
    config = transformers.Swin2SRConfig(
        embed_dim=12, depths=[1], num_heads=[2], window_size=4, image_size=16, mlp_ratio=1.0, drop_path_rate=0.0
    )
    folder = tmp_path_factory.mktemp("models") / "swin"
    transformers.Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    return folder


def test_frames_are_enlarged_in_tiles_without_seams(swin, monkeypatch):
    network = upscale.load(Model(str(swin)))
    frame = picture(75, 50)
    whole = upscale.enlarged(network, frame)
    assert whole.shape == (100, 150, 3)
    assert np.ptp(whole) > 0
    monkeypatch.setattr(upscale, "TILE_PX", 32)
    assert np.abs(upscale.enlarged(network, frame).astype(int) - whole).max() <= 1


def test_only_frames_smaller_than_the_clip_are_enlarged(swin, tmp_path):
    request = replace(request_for(), width_px=96, height_px=54)
    work = FakeWork(tmp_path, {})
    for width, height, wanted in ((48, 27, (54, 96, 3)), (96, 54, (54, 96, 3)), (120, 70, (70, 120, 3))):
        frames = [picture(width, height, seed=seed) for seed in range(2)]
        footage = upscale.upscaled(Footage(iter(frames), 2, Fraction(8)), str(swin), request, work)
        assert [frame.shape for frame in footage.frames] == [wanted] * 2
    assert "enlarging, frame 2 of 2" in work.stages


def test_a_clip_is_made_with_it(swin, svd, store, tmp_path):
    (tmp_path / "work").mkdir()
    desk = FakeWork(tmp_path / "work", {"c" * 64: save_picture(tmp_path / "cover.png")})
    request = request_for("cover+svd", model=svd, frame_count=6, scale=0.1, steps=1, handles=0, upscale=swin)
    large = make_clip.make_clip(replace(request, width_px=128, height_px=72), store, desk)
    plain = replace(request, options=tuple(pair for pair in request.options if pair[0] != "upscale"))
    assert large.sha256 != make_clip.make_clip(replace(plain, width_px=128, height_px=72), store, desk).sha256


def test_another_model_is_refused(svd):
    with pytest.raises(BadInput):
        upscale.load(Model(str(svd)))
