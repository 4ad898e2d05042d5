"""Training a character's LoRA on the tiny SDXL: it learns, stops and goes on, and the painter uses it."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("peft", reason="needs the gpu extra: scripts/test.sh --engines")

from bridge.cli import main
from bridge.clips.diffusion.lora_training import Training, train
from bridge.clips.diffusion.sdxl import SdxlPainter
from bridge.clips.gpu.models import Model
from bridge.common.errors import BadInput
from tests.clips.diffusion.diffusion_world import FakeWork, request_for, save_picture

pytestmark = pytest.mark.torch


class Stopped(Exception):
    pass


@pytest.fixture
def training(sdxl, tmp_path):
    images = tuple(save_picture(tmp_path / f"{i}.png", seed=i) for i in range(3))
    return Training(
        images,
        "a photo of sks woman",
        Model(str(sdxl)),
        steps=6,
        rank=4,
        learning_rate=1e-2,
        size_px=64,
        checkpoint_every=2,
    )


def silent(progress, stage):
    assert 0 <= progress <= 1


def weights_of(path):
    from safetensors.numpy import load_file

    return load_file(path)


def test_a_stopped_training_goes_on_and_ends_on_the_same_weights(training, tmp_path):
    def stop(progress, stage):
        if stage.startswith("step 3"):
            raise Stopped

    with pytest.raises(Stopped):
        train(training, tmp_path / "b.safetensors", stop)
    assert not (tmp_path / "b.safetensors").exists()
    seen = []
    train(training, tmp_path / "b.safetensors", lambda _, stage: seen.append(stage))
    assert any(stage.startswith("step 3 ") for stage in seen), "from the checkpoint at step 2"
    assert not any(stage.startswith("step 2 ") for stage in seen)
    whole = weights_of(train(training, tmp_path / "a.safetensors", silent))
    resumed = weights_of(tmp_path / "b.safetensors")
    assert whole.keys() == resumed.keys()
    assert all(np.allclose(whole[name], resumed[name], atol=1e-6) for name in whole)
    assert sorted(path.name for path in tmp_path.glob("b.*")) == ["b.png", "b.safetensors"]


def test_it_learns_the_pictures_and_the_painter_uses_it(training, sdxl, tmp_path):
    def last_loss(learning_rate, name):
        losses = []

        def listen(progress, stage):
            if "loss" in stage:
                losses.append(float(stage.rpartition(" ")[2]))

        one_image = replace(
            training, images=training.images[:1], steps=25, checkpoint_every=100, learning_rate=learning_rate
        )
        train(one_image, tmp_path / name, listen)
        return losses[-1]

    # equal seeds draw equal noise, so what differs between the two is what was learned
    assert last_loss(5e-3, "lora.safetensors") < last_loss(1e-12, "none.safetensors") - 0.001
    lora = tmp_path / "lora.safetensors"
    desk = FakeWork(tmp_path, {})
    small = {"painter_model": sdxl, "painter_scale": 0.1, "painter_steps": 1}
    plain = next(SdxlPainter().paint([request_for(**small)], desk)).rgb.astype(int)
    learned = next(SdxlPainter().paint([request_for(**small, lora=lora)], desk)).rgb.astype(int)
    assert np.abs(plain - learned).mean() > 0.5


def test_the_prior_keeps_the_others_in_mind(training, tmp_path):
    stages = []
    held = replace(training, prior_prompt="a photo of a woman", prior_images=2, steps=2)
    with_prior = weights_of(train(held, tmp_path / "p.safetensors", lambda _, stage: stages.append(stage)))
    without = weights_of(train(replace(training, steps=2), tmp_path / "n.safetensors", silent))
    assert any("picture 2 of 2 of the others" in stage for stage in stages)
    assert any(not np.allclose(with_prior[name], without[name]) for name in without)


def test_a_checkpoint_of_another_training_is_not_continued(training, tmp_path):
    def stop(progress, stage):
        if stage.startswith("step 3"):
            raise Stopped

    with pytest.raises(Stopped):
        train(training, tmp_path / "a.safetensors", stop)
    with pytest.raises(BadInput, match="other pictures or options"):
        train(replace(training, rank=2), tmp_path / "a.safetensors", silent)
    (tmp_path / "a.checkpoint").write_bytes(b"damaged")
    with pytest.raises(BadInput, match="is damaged"):
        train(training, tmp_path / "a.safetensors", silent)


def test_the_command_trains(training, sdxl, tmp_path, capsys):
    images = [str(path) for path in training.images]
    options = ["--prompt", "a photo of sks", "--model", str(sdxl), "--steps", "1", "--size", "64", "--rank", "2"]
    assert main.main(["train-lora", *images, *options, "-o", str(tmp_path / "c.safetensors")]) == 0
    assert (tmp_path / "c.safetensors").exists()
    assert "--set lora=" in capsys.readouterr().out
    assert main.main(["train-lora", str(tmp_path / "none.png"), "--prompt", "x", "-o", str(tmp_path / "d.txt")]) == 2
