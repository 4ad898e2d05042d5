# SPDX-License-Identifier: GPL-3.0-or-later
"""The training music as what the network hears, with its truth; each piece from its own seed."""

import functools
import itertools
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bridge.song.features import CUE_RATE_HZ, compute_features
from bridge.song.spectra import Series, compute_spectra
from scripts.ear.composing import compose
from scripts.ear.genres import GENRES
from scripts.ear.network import inputs
from scripts.ear.sounding import PIECE_S, Piece, sound

FRAMES = int(PIECE_S * CUE_RATE_HZ)


@dataclass(frozen=True)
class Example:
    """A piece of `FRAMES` frames."""

    heard: npt.NDArray[np.float16]
    """(frames, channels)"""
    truth: npt.NDArray[np.float16]
    """(frames, 2): 1 at a beat and a downbeat, less beside it"""
    family: str


def piece(seed: int, soundfonts: tuple[Path, ...]) -> Piece:
    """The piece of this seed; its genre goes round all of them."""
    rng = np.random.default_rng([22, seed])
    genre = list(GENRES)[seed % len(GENRES)]
    return sound(compose(rng, genre), soundfonts, rng)


def example(seed: int, soundfonts: tuple[Path, ...]) -> Example:
    """The piece of this seed as the network hears it."""
    made = piece(seed, soundfonts)
    spectra = compute_spectra(made.audio)
    heard = inputs(spectra, compute_features(spectra))
    heard = np.pad(heard[:FRAMES], ((0, max(0, FRAMES - len(heard))), (0, 0)))
    truth = np.stack([_marked(made.beats_s), _marked(made.downbeats_s)], axis=1)
    return Example(heard.astype(np.float16), truth.astype(np.float16), made.family)


def examples(seeds: range, soundfonts: tuple[Path, ...], processes: int, seconds: float) -> list[Example]:
    """These seeds', made side by side; fewer where the time is up before."""
    stop = time.monotonic() + seconds
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        made = pool.imap_unordered(functools.partial(example, soundfonts=soundfonts), seeds, chunksize=4)
        return list(itertools.takewhile(lambda _one: time.monotonic() < stop, made))


def _marked(times_s: npt.NDArray[np.float64]) -> Series:
    marks = np.zeros(FRAMES, np.float32)
    frames = np.round(times_s * CUE_RATE_HZ).astype(int)
    for offset, share in ((-2, 0.15), (2, 0.15), (-1, 0.5), (1, 0.5), (0, 1.0)):
        at = frames + offset
        at = at[(at >= 0) & (at < FRAMES)]
        marks[at] = np.maximum(marks[at], share)
    return marks
