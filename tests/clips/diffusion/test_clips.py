"""From a request to a clip in the store, through the registry, with tiny models named by settings."""

from dataclasses import replace

import av
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from blender_addon.core.types import ShotKind
from bridge.clips import make_clip, registry
from bridge.clips.diffusion import common
from bridge.cover import load, mounted
from bridge.jobs import run_batch
from tests.clips.diffusion import tiny_models
from tests.clips.diffusion.diffusion_world import FakeWork, request_for, save_picture

pytestmark = pytest.mark.torch

SMALL = {"scale": 0.1, "painter_scale": 0.1, "steps": 1, "painter_steps": 1}


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "work").mkdir()
    return FakeWork(tmp_path / "work", {"c" * 64: save_picture(tmp_path / "cover.png")})


def frames_of(clip, store):
    with av.open(str(store.path(clip.sha256))) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def asked(engine, svd, sdxl, **changes):
    declared = {option.name for option in registry.options_of(*registry.named(engine))}
    wishes = {"model": svd, "painter_model": sdxl, **SMALL}
    request = request_for(engine, **{name: wishes[name] for name in wishes if name in declared}, **changes)
    return replace(request, width_px=128, height_px=72)


@pytest.mark.parametrize(("engine", "handle_frames"), [("sdxl+svd", 6), ("cover+svd", 6), ("sdxl+camera", 6)])
def test_a_request_becomes_a_clip(engine, handle_frames, svd, sdxl, store, desk):
    request = asked(engine, svd, sdxl, frame_count=10, hold_frames=3)
    clip = make_clip.make_clip(request, store, desk)
    frames = frames_of(clip, store)
    assert clip.request == request
    assert len(frames) == 10 + 2 * handle_frames
    assert frames[0].shape == (72, 128, 3)
    assert np.abs(frames[0].astype(int) - frames[2 + handle_frames]).mean() < 2, "it rests first"
    assert (
        np.abs(frames[0].astype(int) - frames[-1]).mean()
        > np.abs(frames[0].astype(int) - frames[2 + handle_frames]).mean()
    )
    assert not list(desk.folder.glob("*.mp4"))


def test_the_last_shot_ends_on_the_cover(svd, sdxl, store, desk):
    request = asked("sdxl+svd", svd, sdxl, frame_count=12, hold_frames=4, kind=ShotKind.COVER_END)
    frames = frames_of(make_clip.make_clip(request, store, desk), store)
    whole = mounted(load(desk.file("c" * 64)), 128, 72).picture
    assert np.abs(frames[-1].astype(int) - whole).mean() < 4
    assert np.abs(frames[0].astype(int) - whole).mean() > 15


def test_every_engine_says_what_it_needs_of_a_gpu():
    needs = {part.name: part.memory for part in (*registry.state().painters, *registry.state().animators)}
    assert needs["cover"] == needs["camera"] == needs["runway"] == ()
    assert [line.split(":")[0] for line in needs["sdxl"]] == ["Stable Diffusion XL"]
    assert [line.split(":")[0] for line in needs["ltx"]] == ["LTX-Video 2B", "LTX-Video 13B"]
    assert needs["ltx"][0].startswith("LTX-Video 2B: 8 GB layer by layer, from 12 GB")


def test_a_batch_of_shots_is_painted_together_and_each_clip_keeps_its_likeness(sdxl, store, tmp_path_factory):
    """Through the queue and a worker process, as `make` and the bridge do."""
    judge = tmp_path_factory.mktemp("models") / "clip"
    tiny_models.clip_vision().save_pretrained(judge)
    cover = store.put(save_picture(store.root / "cover.png"))
    request = asked("sdxl+camera", "unused", sdxl, frame_count=4, likeness_model=judge)
    shots = [replace(request, shot_id=f"s{i}", seed=i, cover_sha256=cover) for i in range(3)]
    stages = []
    jobs = run_batch(shots, store, workers=1, on_update=lambda job: stages.append(job.stage))
    clips_made = [job.clip for job in jobs]
    assert all(clip and clip.likeness for clip in clips_made), [job.error for job in jobs]
    assert any("keyframes 1 to 3 of 3" in stage for stage in stages)
    assert len({clip.sha256 for clip in clips_made if clip}) == 3


@pytest.mark.parametrize(
    ("shot_px", "made_px"),
    [
        ((1920, 1080), (1024, 576)),
        ((1080, 1920), (576, 1024)),
        ((1080, 1080), (768, 768)),
        ((1080, 1350), (704, 832)),
    ],
)
def test_a_model_makes_the_shots_shape_with_as_many_pixels_as_it_knows(shot_px, made_px):
    request = replace(request_for("sdxl+svd"), width_px=shot_px[0], height_px=shot_px[1])
    assert common.size_like(request, (1024, 576), 1.0) == made_px
    assert common.size_like(request, (1024, 576), 0.01) == (64, 64)
