"""The diffusion engines on tiny random models of the true classes, loaded by the production path."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from bridge.clips.diffusion.sdxl import SdxlPainter
from bridge.clips.diffusion.svd import SvdAnimator
from bridge.clips.gpu import models
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from tests.clips.diffusion import tiny_models
from tests.clips.diffusion.diffusion_world import FakeWork, request_for

pytestmark = pytest.mark.torch

SMALL = {"scale": 0.1, "painter_scale": 0.1, "steps": 2, "painter_steps": 2}


def frames_of(request, still, work):
    footage = SvdAnimator().animate(request, still, work)
    frames = list(footage.frames)
    assert len(frames) == footage.frame_count
    return footage, frames


def test_svd_gives_the_models_frames_spread_over_the_shot(svd, still, work):
    footage, frames = frames_of(request_for(model=svd, frame_count=24, **SMALL), still, work)
    assert len(frames) == 5
    assert footage.fps == 5, "5 frames over a second"
    assert {frame.shape for frame in frames} == {(64, 128, 3)}


def test_svd_is_decided_by_seed_and_motion(svd, still, work):
    def first(**changes):
        return frames_of(request_for(model=svd, **(SMALL | changes)), still, work)[1][-1]

    assert np.array_equal(first(), first())
    assert not np.array_equal(first(), first(seed=2))
    assert not np.array_equal(first(), first(motion=200))


def test_svd_stops_within_a_step(svd, still, tmp_path):
    work = FakeWork(tmp_path, {}, cancel_after=2)
    with pytest.raises(Cancelled):
        SvdAnimator().animate(request_for(model=svd, **{**SMALL, "steps": 10}), still, work)
    assert len(work.reports) == 3


def test_sdxl_paints_the_same_alone_and_in_a_batch(sdxl, work):
    requests = [request_for(painter_model=sdxl, seed=seed, **SMALL) for seed in (1, 2)]
    together = [still.rgb for still in SdxlPainter().paint(requests, work)]
    alone = [next(SdxlPainter().paint([request], work)).rgb for request in requests]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
    assert not np.array_equal(together[0], together[1])


def test_tiling_spares_memory_and_keeps_the_picture(sdxl, work):
    def paint(**options):
        request = request_for(painter_model=sdxl, **SMALL, **options)
        return next(SdxlPainter().paint([request], work)).rgb.astype(int)

    tiled = np.abs(paint(memory=0) - paint(memory=1)).mean()
    other = np.abs(paint(memory=0) - paint(memory=0, seed=2)).mean()
    assert 0 < tiled < other / 4, "a tiny decoder's tiles show, a real one's hardly"


def test_missing_weights_are_named(still, work, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match=r"nobody/nothing could not be had .*may not go online.*--set model=FOLDER"):
        SvdAnimator().animate(request_for(model="nobody/nothing"), still, work)


def test_another_kind_of_model_is_refused(sdxl, still, work):
    with pytest.raises(BadInput, match="could not be loaded as StableVideoDiffusionPipeline"):
        SvdAnimator().animate(request_for(model=sdxl), still, work)


def test_a_damaged_download_is_refused(still, work, tmp_path):
    folder = tiny_models.save_svd(tmp_path / "svd")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BadInput, match=r"is not whole: unet/diffusion_pytorch_model\.safetensors"):
        SvdAnimator().animate(request_for(model=folder), still, work)


@pytest.mark.parametrize(
    "saved", [{"max_shard_size": "100KB"}, {"variant": "fp16"}, {"max_shard_size": "100KB", "variant": "fp16"}]
)
def test_weights_in_shards_and_in_halves_are_read(svd, still, work, tmp_path, saved):
    import diffusers

    pipeline = diffusers.StableVideoDiffusionPipeline.from_pretrained(svd)
    pipeline.save_pretrained(tmp_path / "other", safe_serialization=True, **saved)
    assert len(list((tmp_path / "other" / "unet").glob("*.safetensors"))) > ("max_shard_size" in saved)
    _, usual = frames_of(request_for(model=svd, **SMALL), still, work)
    _, frames = frames_of(request_for(model=tmp_path / "other", **SMALL), still, work)
    assert np.array_equal(np.stack(frames), np.stack(usual))


def test_an_option_out_of_range_is_named(svd, still, work):
    with pytest.raises(BadInput, match="The option steps takes a whole number from 1 to 100, not '0'"):
        SvdAnimator().animate(request_for(model=svd, steps=0), still, work)


def test_a_long_shot_is_made_in_chunks(svd, still, work):
    footage, frames = frames_of(request_for(model=svd, frame_count=48, chunks=2, **{**SMALL, "steps": 1}), still, work)
    assert len(frames) == 9, "two clips of five that share a frame"
    assert footage.fps * 2 == 9
    assert any(stage.startswith("chunk 2 of 2: animating") for stage in work.stages)


def test_pictures_that_are_no_numbers_are_told(still, work, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tiny_models.save_svd(tmp_path / "svd")
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["decoder.conv_in.bias"] = weights["decoder.conv_in.bias"] * float("nan")
    save_file(weights, path)
    with pytest.raises(GenerationFailed, match="pictures that are not numbers"):
        SvdAnimator().animate(request_for(model=folder, **{**SMALL, "steps": 1}), still, work)


def test_a_hub_out_of_reach_is_told(monkeypatch):
    class TransportError(Exception):
        """As the hub's HTTP client names it."""

    class ConnectError(TransportError):
        pass

    class Kind:
        @staticmethod
        def from_pretrained(*_, **__):
            raise ConnectError("Name or service not known")

    with pytest.raises(BadInput, match="owner/name could not be had \\(Name or service not known\\)"):
        models.load(Kind, models.Model("owner/name"))
    assert not models.is_unloadable(type("OutOfMemoryError", (RuntimeError,), {})())


def test_a_decoder_that_must_be_widened_works_layer_by_layer_too(svd):
    """Stable Video Diffusion's is half precision, and overflows in it: the pipeline widens it to encode."""
    import diffusers
    import torch
    from PIL import Image

    from bridge.clips.gpu import devices

    pipeline = diffusers.StableVideoDiffusionPipeline.from_pretrained(str(svd), dtype=torch.float16)
    pipeline.vae.register_to_config(force_upcast=True)
    devices.offload_layers(pipeline, torch.device("cpu"), ["vae"])
    options = {"width": 128, "height": 64, "num_inference_steps": 1, "num_frames": pipeline.unet.config.num_frames}
    frames = pipeline(Image.new("RGB", (128, 64), "teal"), **options, output_type="np").frames
    assert frames.shape[2:] == (64, 128, 3)
