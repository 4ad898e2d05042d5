# SPDX-License-Identifier: GPL-3.0-or-later
"""The optional second ear: `beat_this` (Foscarin, Schlüter and Widmer, ISMIR 2024), a learned tracker.

Needs the extra "beat-this". Its weights are fetched by the package itself at first use, or given as a file:
`--tracker beat-this:FILE.ckpt`.
"""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.common.errors import BadInput
from bridge.song.alternative import Reading
from bridge.song.audio import Audio
from bridge.song.bar_weights import PHASE_WEIGHTS, WEIGHTS
from bridge.song.features import compute_features
from bridge.song.readings import other_grids
from bridge.song.spectra import Spectra
from bridge.song.trackers import BeatGrid

if TYPE_CHECKING:
    from bridge.song.trackers import Values

_PUBLISHED = "final0"
_RATE_HZ = 50


class BeatThisTracker:
    """Runs the network on the GPU if there is one, and reads its own activations for confidence."""

    name = "beat-this"

    def __init__(self, checkpoint: str) -> None:
        self._checkpoint = checkpoint
        self.version = _version(checkpoint)

    def track(self, audio: Audio, spectra: Spectra) -> BeatGrid:
        beat_logits, downbeat_logits = self._logits(audio)
        from beat_this.model.postprocessor import Postprocessor

        beats_s, downbeats_s = Postprocessor(type="minimal", fps=_RATE_HZ)(beat_logits, downbeat_logits)
        grid = to_grid(
            np.asarray(beats_s, float),
            np.asarray(downbeats_s, float),
            _probability(beat_logits),
            _probability(downbeat_logits),
        )
        found, models = Reading(grid.times_s, grid.positions), (WEIGHTS, PHASE_WEIGHTS)
        return replace(grid, others=other_grids(found, grid.confidence, compute_features(spectra), spectra, models))

    def _logits(self, audio: Audio) -> tuple[Any, Any]:
        """Of beats and of downbeats, 50 a second."""
        import torch
        from beat_this.inference import Audio2Frames

        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            network = Audio2Frames(checkpoint_path=self._checkpoint, device=device)
        except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise BadInput(
                f"The weights of beat-this ({self._checkpoint}) cannot be loaded: {str(error).splitlines()[0]}; "
                "connect to the network for the first use, or name a checkpoint file with --tracker beat-this:FILE."
            ) from error
        return network(audio.mono, audio.sample_rate_hz)


def create(checkpoint: str = _PUBLISHED) -> BeatThisTracker:
    """The tracker with these weights: a file, or a name that the package knows.

    Raises:
        BadInput: the package is not installed, or there is no such file.
    """
    try:
        import beat_this  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise BadInput(
            f"The tracker beat-this needs {error.name}; install the extra with: pip install 'beatboard[beat-this]'."
        ) from error
    if checkpoint != _PUBLISHED and not Path(checkpoint).is_file():
        raise BadInput(f"{checkpoint} does not exist; name a checkpoint file of beat_this.")
    return BeatThisTracker(checkpoint)


def to_grid(beats_s: "Values", downbeats_s: "Values", beat_chance: "Values", downbeat_chance: "Values") -> BeatGrid:
    """Numbers each beat from the downbeat before it, back from the first downbeat for a pick-up.

    Args:
        beats_s: shape (beats,).
        downbeats_s: shape (downbeats,), each one of the beats.
        beat_chance: the network's probability of a beat, 50 values a second.
        downbeat_chance: the same of a downbeat.
    """
    is_down = np.isin(beats_s, downbeats_s)
    firsts = np.flatnonzero(is_down)
    positions = np.zeros(len(beats_s), int)
    meter = int(np.median(np.diff(firsts))) if len(firsts) > 1 else 4
    for i in range(len(beats_s)):
        before = firsts[firsts <= i]
        first = firsts[0] if len(firsts) else 0
        positions[i] = i - before[-1] + 1 if len(before) else (i - first) % meter + 1
    frames = np.clip(np.round(beats_s * _RATE_HZ).astype(int), 0, max(0, len(beat_chance) - 1))
    chance = np.where(is_down, downbeat_chance[frames], beat_chance[frames]) if len(frames) else np.zeros(0)
    downs = chance[is_down]
    return BeatGrid(beats_s, positions, chance, float(downs.mean()) if len(downs) else 0.0)


def _probability(logits: Any) -> "Values":
    return 1 / (1 + np.exp(-np.asarray(logits.detach().cpu(), float)))


def _version(checkpoint: str) -> str:
    """Names the weights: the published name, or the file's hash."""
    if checkpoint == _PUBLISHED:
        return checkpoint
    from bridge.common.files import sha256_of

    return sha256_of(Path(checkpoint))[:12]
