"""Every family of image-to-video transformers, on tiny random models of its true classes."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from blender_addon.core.types import Framing, ShotKind
from bridge.clips import make_clip, options, registry
from bridge.clips.diffusion import i2v
from bridge.clips.diffusion.families import FAMILIES
from bridge.clips.gpu import devices
from bridge.clips.gpu.models import Model
from bridge.common.errors import BadInput, Cancelled
from tests.clips.diffusion import tiny_video_models
from tests.clips.diffusion.diffusion_world import FakeWork, picture, request_for, save_picture
from tests.clips.diffusion.tiny_adapters import save_lora

pytestmark = pytest.mark.torch

SMALL = {"scale": 0.15, "steps": 1}
#       animator, native fps, frame step, multiple of pixels, whether first-block caching works
QUIRKS = {
    "wan": ("wan", 16, 4, 16, True),
    "wan22": ("wan", 16, 4, 16, True),
    "wan22_5b": ("wan5b", 24, 4, 32, True),
    "ltx": ("ltx", 25, 8, 32, True),
    "ltx2": ("ltx2", 24, 8, 64, False),
    "cogvideox": ("cogvideox", 8, 8, 16, True),
    "hunyuan": ("hunyuan", 24, 4, 16, False),
    "hunyuan15": ("hunyuan15", 24, 4, 16, False),
}
"""by the builder in `tiny_video_models`"""


@pytest.fixture(scope="session", params=list(QUIRKS))
def family(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / request.param
    return request.param, getattr(tiny_video_models, f"save_{request.param}")(folder)


@pytest.fixture(scope="session")
def wan(tmp_path_factory):
    return tiny_video_models.save_wan(tmp_path_factory.mktemp("models") / "wan")


@pytest.fixture
def desk(tmp_path):
    return FakeWork(tmp_path, {"c" * 64: save_picture(tmp_path / "cover.png")})


def asked(name, **more):
    """A request for the animator that runs what a builder saves."""
    return request_for(f"cover+{QUIRKS[name][0] if name in QUIRKS else 'wan'}", **more)


def film(request, still, work):
    footage = registry.animator(request.animator).make().animate(request, still, work)
    frames = np.stack(list(footage.frames))
    assert len(frames) == footage.frame_count
    return footage, frames


def test_frame_counts_rates_and_sizes_are_the_families(family, still, desk):
    name, folder = family
    _, native_fps, step, multiple_px, _ = QUIRKS[name]
    footage, frames = film(asked(name, model=folder, frame_count=12, hold_frames=2, steps=1, scale=0.3), still, desk)
    assert (len(frames) - 1) % step == 0
    lasts_s = Fraction(len(frames)) / footage.fps
    assert lasts_s == Fraction(10, 24), "the moving part, to the frame"
    assert abs(len(frames) - native_fps * Fraction(10, 24)) <= max(step / 2 + 1, step)
    assert frames.shape[1] % multiple_px == 0
    assert frames.shape[2] % multiple_px == 0
    assert abs(frames.shape[2] / frames.shape[1] - 16 / 9) < 0.4
    assert np.ptp(frames) > 0


def test_steps_that_hardly_differ_are_reused_where_the_model_can(family, still, desk):
    name, folder = family
    request = asked(name, model=folder, frame_count=5, scale=0.15, steps=4)
    can_reuse = QUIRKS[name][-1]
    assert can_reuse == any(option.name == "cache" for option in registry.animator(request.animator).options)
    if not can_reuse:
        return
    plain = film(request, still, desk)[1]
    reused = film(asked(name, model=folder, frame_count=5, scale=0.15, steps=4, cache=1.0), still, desk)[1]
    assert not np.array_equal(plain, reused)
    assert np.array_equal(plain, film(request, still, desk)[1]), "afterwards all is as it was"


def test_the_seed_decides_and_a_cancel_stops_within_a_step(family, still, tmp_path):
    name, folder = family
    request = asked(name, model=folder, frame_count=5, **SMALL)
    desk = FakeWork(tmp_path, {})
    first, again = (film(request, still, desk)[1] for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, film(replace(request, seed=2), still, desk)[1])
    stopped = FakeWork(tmp_path, {}, cancel_after=2)
    with pytest.raises(Cancelled):
        film(asked(name, model=folder, frame_count=5, scale=0.15, steps=9), still, stopped)
    assert len(stopped.reports) == 3


def test_a_lora_for_the_video_model_changes_the_film(wan, still, desk, tmp_path):
    lora = save_lora(tmp_path / "few.safetensors", "diffusion_model.blocks.0.self_attn.q", 24)
    request = asked("wan", model=wan, frame_count=5, **SMALL)
    with_it = asked("wan", model=wan, frame_count=5, video_lora=f"{lora}:0.9", **SMALL)
    assert not np.array_equal(film(request, still, desk)[1], film(with_it, still, desk)[1])
    save_lora(lora, "transformer.blocks.0.attn1.to_nothing", 24)
    with pytest.raises(BadInput, match="could not be used as a LoRA for this model"):
        film(asked("wan", model=wan, frame_count=5, video_lora=f"{lora}:0.8", **SMALL), still, desk)


@pytest.mark.parametrize("name", ["wan_flf", "wan22", "ltx", "ltx2"])
def test_the_last_shot_is_made_into_the_cover(name, still, desk, tmp_path_factory, monkeypatch):
    """The cover reaches the model as its last frame: another cover, another film."""
    folder = getattr(tiny_video_models, f"save_{name}")(tmp_path_factory.mktemp("models") / name)
    request = asked(name, model=folder, frame_count=10, kind=ShotKind.COVER_END, **SMALL)
    one = film(request, still, desk)[1]
    desk.files["c" * 64] = save_picture(desk.folder / "other.png", seed=9)
    assert not np.array_equal(one, film(request, still, desk)[1])
    plain = replace(request, kind=ShotKind.MOTION)
    if name == "wan_flf":
        with pytest.raises(BadInput, match="needs a last frame for every shot"):
            film(plain, still, desk)
    else:
        assert not np.array_equal(one, film(plain, still, desk)[1])


def test_the_final_shot_may_have_a_model_of_its_own():
    wan = next(family for family in FAMILIES if family.name == "wan")

    def chosen(kind, **more):
        request = request_for(kind=kind, **more)
        return i2v.model_for(request, options.of(request, wan.options), wan)

    both = {"model": "some/model", "end_model": "another/model@abc"}
    assert chosen(ShotKind.COVER_END, **both) == Model("another/model", "abc")
    assert chosen(ShotKind.MOTION, **both) == Model("some/model")
    assert chosen(ShotKind.COVER_END) == Model(wan.models[0][0])


@pytest.mark.parametrize("name", ["wan", "wan22_5b"])
def test_a_model_for_a_first_frame_only_leaves_the_ending_to_the_dissolve(name, still, desk, tmp_path):
    folder = getattr(tiny_video_models, f"save_{name}")(tmp_path / name)
    request = asked(name, model=folder, frame_count=10, kind=ShotKind.COVER_END, **SMALL)
    ending, plain = (film(replace(request, kind=kind), still, desk)[1] for kind in (request.kind, ShotKind.MOTION))
    assert np.array_equal(ending, plain)


def test_parts_that_stay_are_not_offloaded(wan, still, desk):
    import diffusers
    import torch

    pipeline = diffusers.WanImageToVideoPipeline.from_pretrained(wan)
    devices.offload_layers(pipeline, torch.device("cpu"), ["transformer", "vae", "image_encoder"])
    networks = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    offloaded = [name for name, part in networks.items() if any(hasattr(m, "_diffusers_hook") for m in part.modules())]
    assert offloaded == ["text_encoder"]
    request = asked("wan", model=wan, frame_count=5, **SMALL)
    family = next(family for family in FAMILIES if family.name == "wan")
    frames = i2v.run(pipeline, family, request, still, desk)
    assert np.array_equal(frames, film(request, still, desk)[1])


def test_ltx2_is_decoded_in_tiles_at_its_full_size(still, desk, tmp_path):
    """One row left over for the last tile is less than the decoder can pad."""
    folder = tiny_video_models.save_ltx2(tmp_path / "ltx2")
    for width_px, height_px in ((320, 180), (180, 320)):
        request = replace(
            asked("ltx2", model=folder, frame_count=9, steps=1, memory=1), width_px=width_px, height_px=height_px
        )
        assert len(film(request, still, desk)[1]) == 9


def test_long_shots_get_the_models_longest_clip(still):
    wan = next(family for family in FAMILIES if family.name == "wan")
    assert i2v.frame_count(wan, request_for(frame_count=240)) == 81
    assert i2v.frame_count(wan, request_for(frame_count=48)) == 33, "two seconds at 16 frames each"


def test_a_model_of_one_shape_says_so(still, desk, tmp_path):
    folder = tiny_video_models.save_cogvideox(tmp_path / "cog", learned=True)
    request = asked("cogvideox", model=folder, frame_count=12, **SMALL)
    assert film(request, still, desk)[1].shape[1:3] == (64, 96)
    with pytest.raises(BadInput, match="landscape clips only"):
        film(replace(request, width_px=180, height_px=320), still, desk)


def test_a_model_of_another_family_or_none_is_refused(sdxl, wan, still, desk):
    with pytest.raises(BadInput, match="StableDiffusionXLPipeline, which no animator knows"):
        film(asked("wan", model=sdxl), still, desk)
    with pytest.raises(BadInput, match=r"The animator ltx can't run .*: choose --animator wan"):
        film(asked("ltx", model=wan), still, desk)


def test_a_damaged_transformer_is_refused(wan, still, desk, tmp_path):
    import shutil

    folder = shutil.copytree(wan, tmp_path / "broken")
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:900])
    with pytest.raises(BadInput, match=r"is not whole: transformer/diffusion_pytorch_model\.safetensors"):
        film(asked("wan", model=folder), still, desk)


def test_a_shot_ends_on_the_picture_it_was_asked_to(still, desk, tmp_path, wan):
    folder = tiny_video_models.save_ltx(tmp_path / "ltx")
    request = asked("ltx", model=folder, frame_count=10, **SMALL)
    ends = [replace(still, end=picture(seed=seed)) for seed in (1, 2)]
    one, other = (film(request, end, desk)[1] for end in ends)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, film(request, still, desk)[1])
    with pytest.raises(BadInput, match="can't end on a given picture, as s01 is asked to"):
        film(asked("wan", model=wan, frame_count=10, **SMALL), ends[0], desk)


def test_a_shot_ends_on_the_next_ones_keyframe(store, tmp_path):
    """The next shot's picture is looked up among the siblings, and names the clip too."""
    folder = tiny_video_models.save_ltx(tmp_path / "ltx")
    (tmp_path / "work").mkdir()
    desk = FakeWork(tmp_path / "work", {"c" * 64: save_picture(tmp_path / "cover.png")})
    wanted = replace(
        request_for("cover+ltx", model=folder, frame_count=6, handles=0, **SMALL), width_px=128, height_px=72
    )
    following = replace(wanted, shot_id="s02", seed=5, framing=Framing.CLOSE)
    with pytest.raises(BadInput, match="ends on the first frame of s02, which isn't asked for"):
        make_clip.make_clip(replace(wanted, into="s02"), store, desk)
    desk.siblings = (following,)
    into, plain = (make_clip.make_clip(replace(wanted, into=name), store, desk) for name in ("s02", ""))
    assert into.sha256 != plain.sha256
    desk.siblings = (replace(following, seed=6, framing=Framing.DETAIL),)
    assert make_clip.make_clip(replace(wanted, into="s02"), store, desk).sha256 not in (into.sha256, plain.sha256)
    with pytest.raises(BadInput, match="The animator svd can't end a shot on a given picture"):
        make_clip.make_clip(replace(wanted, animator="svd", options=(), into="s02"), store, desk)
