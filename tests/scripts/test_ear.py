"""The ear's training runs whole in its smallest form, and what it writes says the same without torch."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

import torch

from scripts.ear import network, train

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_weights_come_out_and_say_the_same_without_torch(tmp_path, monkeypatch):
    small = ["--pieces", "6", "--steps", "3", "--width", "8", "--layers", "3", "--processes", "2"]
    monkeypatch.setattr("sys.argv", ["train.py", str(tmp_path), *small])
    train.main()
    held = json.loads((tmp_path / "held.json").read_text())
    assert set(held) <= set(train.HELD_OUT)
    assert sum(count for *_, count in held.values()) == 2, "the first and the sixth piece"
    weights = network.load(tmp_path / "network.npz")
    channels = weights["open"].shape[1]
    heard = np.random.default_rng(1).normal(0, 1, (300, channels)).astype(np.float32)
    ear = train.Ear(channels, 8, 3).eval()
    ear.load_state_dict(_state(weights))
    with torch.no_grad():
        told = ear(torch.from_numpy(heard)[None])[0].numpy()
    assert np.allclose(network.log_odds(heard, weights), told, atol=1e-4)


def _state(weights):
    """As torch names them and lays them out."""
    state = {}
    for name, values in weights.items():
        part, layer = name.replace("_bias", "").rstrip("0123456789"), "".join(c for c in name if c.isdigit())
        place = ".".join(filter(None, (part, layer, "bias" if "_bias" in name else "weight")))
        state[place] = torch.from_numpy(values if "_bias" in name else values.transpose(2, 1, 0).copy())
    return state
