# SPDX-License-Identifier: GPL-3.0-or-later
"""The song with a click on each beat, the way people check a grid by ear."""

import os

import librosa
import numpy as np

from blender_addon.core.types import SongAnalysis
from bridge.song.audio import Audio, Series, write_wav

_DOWNBEAT_HZ, _BEAT_HZ = 1760.0, 880.0
_CLICK_S, _VOLUME = 0.03, 0.5


def write_click(analysis: SongAnalysis, audio: Audio, path: str | os.PathLike[str]) -> None:
    """Writes the song, a little softer, with high clicks on downbeats and low ones on the other beats.

    Raises:
        BadInput: the file cannot be written.
    """
    down = [beat.time_s for beat in analysis.beats if beat.position == 1]
    other = [beat.time_s for beat in analysis.beats if beat.position != 1]
    clicks = _clicks(down, _DOWNBEAT_HZ, audio) + _clicks(other, _BEAT_HZ, audio)
    write_wav(Audio(0.6 * audio.samples + _VOLUME * clicks[:, None], audio.sample_rate_hz), path)


def _clicks(times_s: list[float], pitch_hz: float, audio: Audio) -> Series:
    """Shape (samples,)."""
    return librosa.clicks(
        times=np.array(times_s),
        sr=audio.sample_rate_hz,
        click_freq=pitch_hz,
        click_duration=_CLICK_S,
        length=len(audio.samples),
    )
