# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the training music, trains the network on it, and writes the weights that `scripts.ear.network` reads.

Two networks are trained: one without every fifth genre, which is measured on these, and one on all, which is kept.
Needs torch. `--soundfont` names soundfonts, played by Debian's `fluidsynth` through the package mido; without any, the
small synthesizer plays all.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import mir_eval
import numpy as np
import scipy.signal
import torch

from bridge.song.features import CUE_RATE_HZ
from scripts.ear.dataset import Example, examples
from scripts.ear.genres import GENRES
from scripts.ear.network import KERNEL, Weights

HELD_OUT = tuple(GENRES)[::5]
_FASTEST = 2e-3
"""the highest learning rate: reached after a tenth of the training, 0 at its end"""


class Ear(torch.nn.Module):
    """What `scripts.ear.network.log_odds` computes."""

    def __init__(self, channels: int, width: int, layers: int) -> None:
        super().__init__()
        self.open = torch.nn.Conv1d(channels, width, KERNEL, padding="same")
        self.wide = torch.nn.ModuleList(
            torch.nn.Conv1d(width, width, KERNEL, padding="same", dilation=2**layer) for layer in range(layers)
        )
        self.mix = torch.nn.ModuleList(torch.nn.Conv1d(width, width, 1) for _ in range(layers))
        self.say = torch.nn.Conv1d(width, 2, 1)
        self.drop = torch.nn.Dropout(0.1)

    def forward(self, heard: torch.Tensor) -> torch.Tensor:
        """Log odds, shape (songs, frames, 2), of what is heard, shape (songs, frames, channels)."""
        elu = torch.nn.functional.elu
        state = elu(self.open(heard.transpose(1, 2)))
        for wide, mix in zip(self.wide, self.mix, strict=True):
            state = state + mix(self.drop(elu(wide(state))))
        return self.say(elu(state)).transpose(1, 2)

    def weights(self) -> Weights:
        """As they are kept; torch has (out, in, taps)."""
        named = [("open", "open_bias", self.open), ("say", "say_bias", self.say)]
        for layer, (wide, mix) in enumerate(zip(self.wide, self.mix, strict=True)):
            named += [(f"wide{layer}", f"wide_bias{layer}", wide), (f"mix{layer}", f"mix_bias{layer}", mix)]
        kept: Weights = {}
        for name, bias, part in named:
            kept[name] = part.weight.detach().float().cpu().numpy().transpose(2, 1, 0)  # type: ignore[union-attr]
            kept[bias] = part.bias.detach().float().cpu().numpy()  # type: ignore[union-attr]
        return kept


def train(music: list[Example], width: int, layers: int, steps: int, seconds: float, seed: int = 0) -> Ear:
    """A network fitted to the music by so many steps, fewer where time is up."""
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    heard = torch.from_numpy(np.stack([one.heard for one in music])).to(device)
    truth = torch.from_numpy(np.stack([one.truth for one in music])).to(device)
    ear = Ear(heard.shape[2], width, layers).to(device)
    optimizer = torch.optim.AdamW(ear.parameters(), _FASTEST, weight_decay=1e-2)
    balance = torch.tensor([2.0, 5.0], device=device)
    batch, start = min(32, len(music)), time.monotonic()
    for step in range(steps):
        taken_s = time.monotonic() - start
        part = max(step / steps, taken_s / seconds)
        if part > 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = _FASTEST * min(1.0, 10 * part + 0.01) * (1 - part)
        chosen = torch.randint(len(music), (batch,), device=device)
        one, goal = _disturbed(heard[chosen].float()), truth[chosen].float()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            odds = ear(one)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(odds.float(), goal, pos_weight=balance)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(ear.parameters(), 1.0)
        optimizer.step()
        if step % 500 == 0:
            print(f"step {step}: loss {loss.item():.4f}, {taken_s:.0f} s", flush=True)
    return ear.eval()


def _disturbed(heard: torch.Tensor) -> torch.Tensor:
    """As other recordings would be: another level and balance, bands and stretches missing, cues weaker."""
    songs, frames, channels = heard.shape
    device = heard.device
    gain = 1 + 0.15 * torch.randn(songs, 1, 1, device=device)
    tilt = torch.randn(songs, 1, 1, device=device) * 0.3 * torch.linspace(-1, 1, channels, device=device)
    kept = (torch.rand(songs, 1, channels, device=device) > 0.08).float()
    start = torch.rand(songs, 1, 1, device=device) * frames
    at = torch.arange(frames, device=device)[None, :, None]
    gap = (at > start) & (at < start + 100) & (torch.rand(songs, 1, 1, device=device) < 0.3)
    return (heard * gain + tilt) * kept * (~gap).float()


def measure(ear: Ear, music: list[Example]) -> dict[str, tuple[float, float, int]]:
    """F of beats and of downbeats by plain peaks, and how many pieces, by family."""
    device = next(ear.parameters()).device
    scores: dict[str, list[tuple[float, float]]] = {}
    for one in music:
        with torch.no_grad():
            odds = ear(torch.from_numpy(one.heard).float()[None].to(device))[0].cpu().numpy()
        scores.setdefault(one.family, []).append((_f(odds[:, 0], one.truth[:, 0]), _f(odds[:, 1], one.truth[:, 1])))
    return {
        family: (*(float(value) for value in np.mean(of_family, axis=0)), len(of_family))
        for family, of_family in scores.items()
    }  # type: ignore[return-value]


def _f(odds: np.ndarray, truth: np.ndarray) -> float:
    found = scipy.signal.find_peaks(odds, height=0.0, distance=6)[0] / CUE_RATE_HZ
    true = np.flatnonzero(truth == 1) / CUE_RATE_HZ
    return float(mir_eval.beat.f_measure(true, found)) if len(found) and len(true) else 0.0


def write(weights: Weights, path: Path) -> None:
    """In half precision."""
    np.savez_compressed(path, **{name: values.astype(np.float16) for name, values in weights.items()})


def main() -> None:
    """Writes `network.npz`, `network-held.npz` and `held.json` to the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for weights and tables")
    parser.add_argument("--pieces", type=int, default=2000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--soundfont", type=Path, action="append", default=[])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--music-seconds", type=float, default=1e9, help="at most, to make the music in")
    parser.add_argument("--seconds", type=float, default=1e9, help="at most, for each of the two networks")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    seeds = range(options.first_seed, options.first_seed + options.pieces)
    music = examples(seeds, tuple(options.soundfont), options.processes, options.music_seconds)
    print(f"{len(music)} pieces in {time.monotonic() - start:.0f} s", flush=True)
    held = [one for one in music if one.family in HELD_OUT]
    others = [one for one in music if one.family not in HELD_OUT]
    for name, part in (("network-held", others), ("network", music)):
        ear = train(part, options.width, options.layers, options.steps, options.seconds)
        write(ear.weights(), options.out / f"{name}.npz")
        if name == "network-held":
            table = measure(ear, held)
            (options.out / "held.json").write_text(json.dumps(table, indent=1))
            for family, (beats, downbeats, count) in table.items():
                print(f"{family:22} F beat {beats:.3f} F down {downbeats:.3f} ({count})", flush=True)


if __name__ == "__main__":
    main()
