# SPDX-License-Identifier: GPL-3.0-or-later
"""Beat and downbeat trackers, one file each, behind one interface."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from bridge.common.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]

    from bridge.song.audio import Audio
    from bridge.song.spectra import Spectra

_MODULES = {"bars": "bars", "librosa": "librosa_beats", "beat-this": "beat_this"}
DEFAULT = "bars"


@dataclass(frozen=True)
class OtherGrid:
    """Another reading than the one that was found."""

    times_s: "Values"
    positions: "npt.NDArray[np.int64]"
    share: float
    """0-1: how likely its downbeats are the song's"""


@dataclass(frozen=True)
class BeatGrid:
    """What a tracker hears: beats in order of time."""

    times_s: "Values"
    positions: "npt.NDArray[np.int64]"
    """in the bar, 1 is the downbeat"""
    confidences: "Values"
    """0-1 for each beat: how likely the downbeats around it are downbeats of the song"""
    confidence: float
    """0-1: how likely a downbeat of this grid is a downbeat of the song"""
    others: "tuple[OtherGrid, ...]" = ()
    """other readings of the song, likeliest first"""


class Tracker(Protocol):
    """Finds beats and downbeats together."""

    name: str
    version: str
    """of its weights; what is kept carries the version of the code too (`bridge.song.cache`)"""

    def track(self, audio: "Audio", spectra: "Spectra") -> BeatGrid:
        """Follows the song.

        Args:
            audio: the song at `spectra.SAMPLE_RATE_HZ`.
            spectra: computed from it.
        """
        ...


def names() -> tuple[str, ...]:
    """The trackers there are."""
    return tuple(_MODULES)


def load(name: str) -> Tracker:
    """The tracker of this name; "beat-this:FILE" names its checkpoint.

    Raises:
        BadInput: there is none of this name, or it lacks what it needs here.
    """
    kind, _, argument = name.partition(":")
    if kind not in _MODULES or (argument and kind != "beat-this"):
        raise BadInput(f"There is no tracker {name!r}; the trackers are {', '.join(_MODULES)}.")
    module = import_module(f"{__name__}.{_MODULES[kind]}")
    return module.create(argument) if argument else module.create()
