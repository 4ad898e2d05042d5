# SPDX-License-Identifier: GPL-3.0-or-later
"""The song with a click on each beat, the way people check a grid by ear."""

import os

import librosa
import numpy as np

from blender_addon.core.types import SongAnalysis
from bridge.song.audio import Audio, Series, write_wav

_DOWNBEAT_HZ, _BEAT_HZ = 1760.0, 880.0
_CLICK_S, _VOLUME = 0.03, 0.5


def write_click(
    analysis: SongAnalysis, audio: Audio, path: str | os.PathLike[str], second: SongAnalysis | None = None
) -> None:
    """Writes the song, a little softer, with high clicks on downbeats and low ones on the other beats.

    With a second analysis of the same song the first one clicks at the left and the second at the right.

    Raises:
        BadInput: the file cannot be written.
    """
    clicks = _of(analysis, audio)[:, None]
    if second is not None:
        clicks = np.concatenate([clicks, _of(second, audio)[:, None]], axis=1)
    samples = audio.samples if second is None else np.broadcast_to(audio.mono[:, None], clicks.shape)
    write_wav(Audio(0.6 * samples + _VOLUME * clicks, audio.sample_rate_hz), path)


def _of(analysis: SongAnalysis, audio: Audio) -> Series:
    """An analysis' clicks, shape (samples,)."""
    down = [beat.time_s for beat in analysis.beats if beat.position == 1]
    other = [beat.time_s for beat in analysis.beats if beat.position != 1]
    return _clicks(down, _DOWNBEAT_HZ, audio) + _clicks(other, _BEAT_HZ, audio)


def _clicks(times_s: list[float], pitch_hz: float, audio: Audio) -> Series:
    """Shape (samples,)."""
    return librosa.clicks(
        times=np.array(times_s),
        sr=audio.sample_rate_hz,
        click_freq=pitch_hz,
        click_duration=_CLICK_S,
        length=len(audio.samples),
    )
