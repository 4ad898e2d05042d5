"""Folders as hubs have them, with tiny tensors under the true names: whole ones are taken, what is missing is named."""

import json
import shutil

import numpy as np
import pytest

from bridge.clips.gpu import downloads
from bridge.common.errors import BadInput


def save(path, count=1000):
    """A file of weights: the format is public, so that the test needs no library for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = json.dumps({"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + np.zeros(count, np.float32).tobytes())


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    """As SDXL and the large transformers are laid out: one part in shards, one in halves only, one in both."""
    root = tmp_path / "model"
    write(
        root / "model_index.json",
        {
            "_class_name": "SomePipeline",
            "_diffusers_version": "0.42.1",
            "force_zeros_for_empty_prompt": True,
            "image_encoder": [None, None],
            "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "transformer": ["diffusers", "FluxTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    write(root / "scheduler" / "scheduler_config.json", {"_class_name": "EulerDiscreteScheduler"})
    write(root / "tokenizer" / "tokenizer_config.json", {})
    write(root / "text_encoder" / "config.json", {"architectures": ["CLIPTextModel"]})
    save(root / "text_encoder" / "model.fp16.safetensors")
    write(root / "vae" / "config.json", {"_class_name": "AutoencoderKL"})
    save(root / "vae" / "diffusion_pytorch_model.safetensors")
    save(root / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    write(root / "transformer" / "config.json", {"_class_name": "FluxTransformer2DModel"})
    shards = [f"diffusion_pytorch_model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3)]
    for name in shards:
        save(root / "transformer" / name, 500_000)
    write(
        root / "transformer" / "diffusion_pytorch_model.safetensors.index.json",
        {"metadata": {"total_size": 6_000_000}, "weight_map": {f"blocks.{i}": name for i, name in enumerate(shards)}},
    )
    return root


def refusal(folder, **more):
    with pytest.raises(BadInput) as refused:
        downloads.check(folder, **more)
    return str(refused.value)


def test_a_whole_download_is_taken(folder):
    downloads.check(folder)
    downloads.check(folder / "transformer")
    downloads.check(folder / "vae" / "diffusion_pytorch_model.safetensors")


def test_shards_that_are_not_there_are_named_with_their_size(folder):
    for number in (2, 3):
        (folder / "transformer" / f"diffusion_pytorch_model-{number:05d}-of-00003.safetensors").unlink()
    told = refusal(folder)
    assert "transformer/diffusion_pytorch_model-00002-of-00003.safetensors (1.9 MiB missing)" in told
    assert "00003-of-00003" in told
    assert "Download the model again" in told


def test_a_file_that_stops_half_way_is_named_with_what_is_missing(folder):
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2048])
    assert "vae/diffusion_pytorch_model.safetensors (2 KiB missing)" in refusal(folder)
    weights.write_bytes(b"")
    assert "vae/diffusion_pytorch_model.safetensors" in refusal(folder)


def test_missing_parts_are_named_and_those_given_apart_are_not(folder):
    shutil.rmtree(folder / "tokenizer")
    shutil.rmtree(folder / "vae")
    assert "tokenizer/, vae/" in refusal(folder)
    assert "vae/" not in refusal(folder, given={"vae"})


def test_a_network_without_weights_is_named(folder):
    (folder / "text_encoder" / "model.fp16.safetensors").unlink()
    assert "text_encoder/*.safetensors" in refusal(folder)


def test_pickles_ggufs_and_pointers_are_told_as_what_they_are(folder, tmp_path):
    weights = folder / "text_encoder" / "model.fp16.safetensors"
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2147483648\n")
    assert "only Git LFS's pointer is there (2.0 GiB missing)" in refusal(folder)
    weights.rename(folder / "text_encoder" / "pytorch_model.bin")
    assert "text_encoder/pytorch_model.bin, which may hold any program" in refusal(folder)
    (tmp_path / "model-Q4.gguf").write_bytes(b"GGUF")
    assert "is a GGUF file" in refusal(tmp_path / "model-Q4.gguf")


def test_of_a_model_in_two_precisions_the_halves_are_enough(folder):
    part = folder / "transformer"
    index = json.loads((part / "diffusion_pytorch_model.safetensors.index.json").read_text())
    halves = {key: name.replace("model-", "model.fp16-") for key, name in index["weight_map"].items()}
    for whole, half in zip(index["weight_map"].values(), halves.values(), strict=True):
        (part / whole).rename(part / half)
    write(part / "diffusion_pytorch_model.safetensors.index.fp16.json", {**index, "weight_map": halves})
    downloads.check(folder)
