"""Every family of image transformers that paints keyframes, on tiny random models of its true classes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from bridge.clips import registry
from bridge.clips.diffusion.still_families import STILL_FAMILIES
from bridge.clips.gpu import models
from bridge.common.errors import BadInput, Cancelled
from tests.clips.diffusion import tiny_still_models
from tests.clips.diffusion.diffusion_world import FakeWork, request_for, save_picture
from tests.clips.diffusion.tiny_adapters import save_lora

pytestmark = pytest.mark.torch

COVER, CHARACTER = "c" * 64, "d" * 64
NAMES = [family.name for family in STILL_FAMILIES]
SHOWN = {family.name: family for family in STILL_FAMILIES if family.most_references}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("stills")
    return {name: _builder(name)(root / name) for name in NAMES}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    plain = models.load

    def load(kind, model, **options):
        if "qwen-image-edit" in str(model.source):  # its own needs torchvision
            options["processor"] = tiny_still_models.PictureProcessor()
        return plain(kind, model, **options)

    monkeypatch.setattr(models, "load", load)
    pictures = {COVER: save_picture(tmp_path / "cover.png"), CHARACTER: save_picture(tmp_path / "hero.png", seed=5)}
    return partial(FakeWork, tmp_path, pictures)


def _builder(name):
    return getattr(tiny_still_models, f"save_{name.replace('-', '_')}")


def asked(name, folders, **more):
    small = {"painter_model": folders[name], "painter_steps": 2, "painter_scale": 0.1}
    return request_for(f"{name}+camera", **(small | more))


def paint(request, work):
    (still,) = registry.painter(request.painter).make().paint([request], work)
    return still.rgb


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_and_the_words_decide_and_the_shape_is_the_shots(name, folders, desk):
    request = asked(name, folders)
    first = paint(request, desk())
    assert np.ptp(first) > 0
    assert abs(first.shape[1] / first.shape[0] - 16 / 9) < 0.4
    assert np.array_equal(first, paint(request, desk()))
    assert not np.array_equal(first, paint(replace(request, seed=2), desk()))
    assert not np.array_equal(first, paint(replace(request, prompt="quite another thing"), desk()))


@pytest.mark.parametrize("name", NAMES)
def test_a_cancel_stops_within_a_step(name, folders, desk):
    stopped = desk(cancel_after=2)
    with pytest.raises(Cancelled):
        paint(asked(name, folders, painter_steps=9), stopped)
    assert len(stopped.reports) == 3


@pytest.mark.parametrize("name", SHOWN)
def test_the_pictures_that_are_shown_reach_the_model(name, folders, desk):
    request = replace(asked(name, folders), character_sha256=CHARACTER)
    one, other = desk(), desk()
    first = paint(request, one)
    other.files = other.files | {CHARACTER: save_picture(other.folder / "another.png", seed=9)}
    assert not np.array_equal(first, paint(request, other))
    cover_only = replace(request, options=(*request.options, ("references", "cover")))
    assert np.array_equal(paint(cover_only, one), paint(cover_only, other))


@pytest.mark.parametrize("name", [name for name, family in SHOWN.items() if family.needs_reference])
def test_an_editor_of_pictures_without_a_picture_is_said(name, folders, desk):
    with pytest.raises(BadInput, match="needs a picture to change: give a character, or --set references=cover"):
        paint(asked(name, folders, references="character"), desk())


def test_a_lora_changes_the_still(folders, desk, tmp_path):
    lora = save_lora(tmp_path / "style.safetensors", "transformer.transformer_blocks.0.attn.to_q", 32)
    plain = paint(asked("qwen-image", folders), desk())
    assert not np.array_equal(plain, paint(asked("qwen-image", folders, lora=lora), desk()))


def test_a_model_of_another_family_names_its_painter(folders, desk):
    with pytest.raises(BadInput, match="is a ZImagePipeline, which the painter qwen-image can't run: choose --painter"):
        paint(asked("qwen-image", folders, painter_model=folders["z-image"]), desk())


def test_stills_are_shared_by_what_shapes_them_alone(folders):
    painter = registry.painter("z-image").make()
    request = asked("z-image", folders)
    same = replace(request, motion=7, frame_count=99, shot_id="s09", animator="svd")
    assert painter.cache_request(request) == painter.cache_request(same)
    assert painter.cache_request(request) != painter.cache_request(replace(request, seed=3))
