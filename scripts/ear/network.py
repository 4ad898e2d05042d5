# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network that says how likely a beat, and a downbeat, is in each frame of 20 ms.

It is made by `scripts/ear/train.py`, and run here with numpy alone: an opening convolution over time, dilated ones with
a way around each, and two outputs.
"""

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bridge.song.features import CUE_RATE_HZ, Features
from bridge.song.spectra import HARMONY_RATE_HZ, Series, Spectra

WEIGHTS_FILE = Path(__file__).with_name("network.npz")
KERNEL = 5

Weights = dict[str, npt.NDArray[np.float32]]


def inputs(spectra: Spectra, features: Features) -> Series:
    """What the network hears: log spectrum, cues, chroma and bass, shape (frames of 20 ms, channels)."""
    count = len(features.cues)
    spectrum = spectra.envelope[: len(spectra.envelope) // 2 * 2].reshape(-1, 2, spectra.envelope.shape[1]).mean(axis=1)
    bands = spectrum.shape[1] // 2 * 2
    spectrum = spectrum[:, :bands].reshape(len(spectrum), -1, 2).mean(axis=2) / 2 - 1
    harmony = np.arange(count) * HARMONY_RATE_HZ // CUE_RATE_HZ
    chroma, bass = (profile[np.minimum(harmony, len(profile) - 1)] for profile in (spectra.chroma, spectra.bass))
    spectrum = spectrum[np.minimum(np.arange(count), len(spectrum) - 1)]
    return np.hstack([spectrum, features.cues, chroma, bass]).astype(np.float32)


@functools.cache
def load(path: Path = WEIGHTS_FILE) -> Weights:
    """The weights, kept in half precision, as single ones."""
    with np.load(path) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def log_odds(heard: Series, weights: Weights) -> Series:
    """Logarithms of the odds of a beat and of a downbeat, shape (frames, 2).

    Args:
        heard: from `inputs`.
        weights: by layer: kernels of shape (taps, channels in, channels out), and their biases.
    """
    state = _elu(_convolved(heard, weights["open"], weights["open_bias"], 1))
    for layer in range(sum(name.startswith("wide_bias") for name in weights)):
        wide = _elu(_convolved(state, weights[f"wide{layer}"], weights[f"wide_bias{layer}"], 2**layer))
        state = state + wide @ weights[f"mix{layer}"][0] + weights[f"mix_bias{layer}"]
    return _elu(state) @ weights["say"][0] + weights["say_bias"]


def _convolved(series: Series, kernel: Series, bias: Series, dilation: int) -> Series:
    """A convolution over time; before and after the song is silence (zeros)."""
    reach = len(kernel) // 2 * dilation
    padded = np.pad(series, ((reach, reach), (0, 0)))
    parts = [padded[tap * dilation : tap * dilation + len(series)] @ weights for tap, weights in enumerate(kernel)]
    return np.sum(parts, axis=0) + bias


def _elu(values: Series) -> Series:
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))
