# SPDX-License-Identifier: GPL-3.0-or-later
"""The song with a click on each beat, the way people check a grid by ear."""

import os

import numpy as np

from blender_addon.core.types import SongAnalysis
from bridge.song.audio import Audio, Series, write_wav

_DOWNBEAT_HZ, _BEAT_HZ = 1760.0, 880.0
_CLICK_S = 0.03


def write_click(analysis: SongAnalysis, audio: Audio, path: str | os.PathLike[str]) -> None:
    """Writes the song, a little softer, with high clicks on downbeats and low ones on the other beats.

    Raises:
        BadInput: the file cannot be written.
    """
    mixed = 0.6 * audio.samples
    for beat in analysis.beats:
        click = _click(_DOWNBEAT_HZ if beat.position == 1 else _BEAT_HZ, audio.sample_rate_hz)
        start = round(beat.time_s * audio.sample_rate_hz)
        click = click[: max(0, len(mixed) - start)]
        mixed[start : start + len(click)] += click[:, None]
    write_wav(Audio(mixed, audio.sample_rate_hz), path)


def _click(pitch_hz: float, sample_rate_hz: int) -> Series:
    time_s = np.arange(int(_CLICK_S * sample_rate_hz)) / sample_rate_hz
    return (0.5 * np.sin(2 * np.pi * pitch_hz * time_s) * np.exp(-time_s / 0.006)).astype(np.float32)
