"""The painter's options on tiny models: character, style, LoRA, few steps, refiner, likeness."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from bridge.clips.diffusion import few_steps, likeness
from bridge.clips.diffusion.likeness import Score, Seen
from bridge.clips.diffusion.sdxl import Recipe, SdxlPainter
from bridge.clips.gpu.models import Model
from bridge.common.errors import BadInput
from tests.clips.diffusion import tiny_adapters, tiny_models
from tests.clips.diffusion.diffusion_world import FakeWork, picture, request_for, save_picture

pytestmark = pytest.mark.torch

SMALL = {"painter_scale": 0.1, "painter_steps": 2}


@pytest.fixture(scope="session")
def adapters(sdxl, tmp_path_factory):
    return tiny_adapters.save_ip_adapters(tmp_path_factory.mktemp("adapters") / "ip", sdxl)


@pytest.fixture
def desk(tmp_path):
    faces = {sha * 64: save_picture(tmp_path / f"{sha}.png", seed=ord(sha)) for sha in "cdef"}
    return FakeWork(tmp_path, faces)


def paint(sdxl, desk, *, character=None, **options):
    import dataclasses

    request = request_for("sdxl+svd", painter_model=sdxl, **(SMALL | options))
    request = dataclasses.replace(request, character_sha256=character)
    return next(SdxlPainter().paint([request], desk)).rgb.astype(int)


def test_the_character_sheet_shapes_the_keyframe(sdxl, desk):
    plain, sheet = paint(sdxl, desk), paint(sdxl, desk, character="d" * 64)
    other = paint(sdxl, desk, character="e" * 64)
    assert np.abs(plain - sheet).mean() > 2
    assert np.abs(sheet - other).mean() > 2
    weak = paint(sdxl, desk, character="d" * 64, character_strength=1.0)
    assert np.abs(weak - sheet).mean() > 1, "strength matters"


def test_a_sheet_is_painted_once_for_all_shots(sdxl, desk):
    options = {"character_prompt": "a woman in a yellow coat"}
    first, again = paint(sdxl, desk, **options), paint(sdxl, desk, **options)
    assert np.array_equal(first, again)
    assert desk.stages.count("painting the character sheet") == 1
    assert np.abs(first - paint(sdxl, desk)).mean() > 1
    assert np.abs(first - paint(sdxl, desk, **options, character_seed=8)).mean() > 0.1


def test_the_face_and_the_covers_style_come_in_by_adapters(sdxl, adapters, desk):
    plain = paint(sdxl, desk)
    face = {"character_by": "face", "adapters": adapters}
    one, other = (paint(sdxl, desk, character=sha * 64, **face) for sha in "de")
    assert np.abs(plain - one).mean() > 0.1
    assert np.abs(one - other).mean() > 0.01
    style = paint(sdxl, desk, style=0.9, adapters=adapters)
    desk.files["c" * 64] = desk.files["f" * 64]
    assert np.abs(plain - style).mean() > 0.05
    assert np.abs(style - paint(sdxl, desk, style=0.9, adapters=adapters)).max() > 0, "another cover, another style"
    both = paint(sdxl, desk, character="d" * 64, style=0.9, character_by="both", adapters=adapters)
    assert np.abs(both - one).mean() > 0.1


def test_missing_adapters_are_named(sdxl, desk, tmp_path):
    with pytest.raises(BadInput, match="--set adapters=FOLDER"):
        paint(sdxl, desk, style=0.5, adapters=tmp_path)


@pytest.fixture(scope="session")
def lora(tmp_path_factory):
    return tiny_adapters.save_painter_lora(tmp_path_factory.mktemp("loras") / "style.safetensors")


def test_loras_work_by_their_weight(sdxl, lora, desk):
    plain = paint(sdxl, desk)
    whole, half, none = (paint(sdxl, desk, lora=f"{lora}:{weight}") for weight in (1, 0.5, 0))
    assert np.abs(plain - whole).mean() > np.abs(plain - half).mean() > 0
    assert np.abs(plain - none).max() <= 1


def test_a_file_that_is_no_lora_is_refused(sdxl, desk, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"0" * 64)
    with pytest.raises(BadInput, match="could not be used as a LoRA"):
        paint(sdxl, desk, lora=tmp_path / "broken.safetensors")
    with pytest.raises(BadInput, match="is not there"):
        paint(sdxl, desk, lora=tmp_path / "absent.safetensors")


@pytest.mark.parametrize(("way", "scheduler"), [
    ("lightning", "EulerDiscreteScheduler"),
    ("lcm", "LCMScheduler"),
    ("turbo", "EulerAncestralDiscreteScheduler"),
])  # fmt: skip
def test_few_steps_take_their_own_schedule(sdxl, lora, desk, way, scheduler):
    from bridge.clips.diffusion import sdxl as painter

    options = {"fast": way} | ({} if way == "turbo" else {"fast_lora": lora})
    request = request_for("sdxl+svd", painter_model=sdxl, painter_scale=0.1, **options)
    recipe = Recipe.of(request)
    assert recipe.steps == few_steps.METHODS[way].steps <= 8
    next(SdxlPainter().paint([request], desk))
    assert type(painter.load(recipe, 0).pipeline.scheduler).__name__ == scheduler
    assert sum(stage.startswith("painting, step") for stage in desk.stages) == recipe.steps


def test_an_unknown_way_is_refused(sdxl, desk):
    with pytest.raises(BadInput, match="The option fast takes one of no, lightning, turbo, lcm, not 'magic'"):
        paint(sdxl, desk, fast="magic")


def test_the_refiner_paints_over(sdxl, desk, tmp_path_factory):
    refiner = tiny_models.save_refiner(tmp_path_factory.mktemp("models") / "refiner")
    plain, refined = paint(sdxl, desk), paint(sdxl, desk, refiner=refiner, refiner_strength=0.5)
    assert np.abs(plain - refined).mean() > 0.5
    assert any(stage.startswith("refining") for stage in desk.stages)


@pytest.fixture(scope="session")
def judge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "clip"
    tiny_models.clip_vision().save_pretrained(folder)
    return likeness.Judge(Model(str(folder)))


def test_clip_finds_equal_pictures_equal(judge):
    one, other = picture(seed=1), picture(seed=2)
    seen = [Seen.of(frame, judge) for frame in (one, one, other)]
    found = likeness.scores(seen, None)
    assert found[0].mean == pytest.approx(found[1].mean, abs=1e-5)
    assert found[2].mean < found[0].mean
    assert likeness.scores(seen, seen[0])[1].mean == pytest.approx(1, abs=1e-5)
    assert likeness.scores(seen, seen[0])[2].mean < 0.999


def test_the_odd_one_out_is_found_and_no_other():
    alike = [Score(0.90, 0.88), Score(0.91, 0.90), Score(0.89, 0.90), Score(0.90, 0.91)]
    assert likeness.outliers([*alike, Score(0.5, 0.6)]) == [4]
    assert likeness.outliers(alike) == []
    assert likeness.outliers([Score(0.6, 0.6)], least=0.7) == [0]


def colour(frames):
    """Stands in for CLIP: the mean colour's direction."""
    found = [np.asarray(frame, float).mean(axis=(0, 1)) - 128 for frame in frames]
    return [np.asarray(f / np.linalg.norm(f), np.float32) for f in found]


def flat(r, g, b):
    return np.full((32, 32, 3), (r, g, b), np.uint8)


def test_outliers_are_painted_again_until_alike_or_the_budget_is_spent():
    pictures = [flat(200, 20, 20), flat(210, 20, 30), flat(205, 25, 20), flat(20, 20, 220)]
    asked = []

    def again(index, attempt):
        asked.append((index, attempt))
        return flat(20, 200, 20) if attempt == 1 else flat(200, 22, 22)

    kept = likeness.reroll_outliers(pictures, None, colour, again, budget=5)
    assert asked == [(3, 1), (3, 2)]
    assert kept.attempts == 2
    assert np.array_equal(kept.pictures[3], flat(200, 22, 22))
    assert min(score.mean for score in kept.scores) > 0.95
    poor = likeness.reroll_outliers(pictures, None, colour, lambda i, n: flat(10, 10, 250), budget=3)
    assert poor.attempts == 3


def test_weights_in_eight_bits_paint_nearly_the_same(sdxl, desk):
    import torch

    from bridge.clips.diffusion import sdxl as painter

    plain, coarse, other = paint(sdxl, desk), paint(sdxl, desk, memory=3), paint(sdxl, desk, seed=2)
    assert 0 < np.abs(plain - coarse).mean() < np.abs(plain - other).mean() / 2
    recipe = Recipe.of(request_for("sdxl+svd", painter_model=sdxl, memory=3, **SMALL))
    weights = painter.load(recipe, 0).pipeline.unet.state_dict()
    assert {weights[name].dtype for name in weights if "to_q.weight" in name} == {torch.float8_e4m3fn}


def test_what_is_settled_is_compared_with_but_stays():
    pictures = [flat(200, 20, 20), flat(210, 20, 30), flat(205, 25, 20), flat(20, 20, 220)]
    kept = likeness.reroll_outliers(pictures, None, colour, lambda i, n: flat(200, 22, 22), budget=5, settled=[3])
    assert kept.attempts == 0
    assert np.array_equal(kept.pictures[3], pictures[3])
    assert len(kept.scores) == 4
