# SPDX-License-Identifier: GPL-3.0-or-later
"""From a tracker's grid to the whole analysis: bars are counted, and the rest is hung on their downbeats."""

from collections import Counter

import numpy as np

from blender_addon.core.types import Beat, SongAnalysis
from bridge.song.audio import Audio
from bridge.song.drums import drum_gaps
from bridge.song.loudness import Loudness, energy_curve, find_drop
from bridge.song.spectra import Spectra
from bridge.song.structure import find_sections
from bridge.song.trackers import BeatGrid

_SILENT_POWER = 1e-9
_USUAL_BPM = 115.0
"""the middle of the octave in which most songs are counted"""


def summarize(audio: Audio, spectra: Spectra, grid: BeatGrid, song_sha256: str, tracker: str) -> SongAnalysis:
    """Everything that is known of a song. A silent one has no beats and one section."""
    duration_s = round(audio.duration_s, 6)
    silent = spectra.power.max(initial=0.0) < _SILENT_POWER
    beats = () if silent else _beats(grid, duration_s)
    downbeats_s = np.array([beat.time_s for beat in beats if beat.position == 1])
    beat_s = float(np.median(np.diff([beat.time_s for beat in beats]))) if len(beats) > 1 else 0.0
    loudness = Loudness(audio)
    energy = energy_curve(loudness, duration_s)
    return SongAnalysis(
        song_sha256=song_sha256,
        duration_s=duration_s,
        tempo_bpm=round(60 / beat_s, 3) if beat_s else 0.0,
        meter=_meter(beats),
        beats=beats,
        sections=find_sections(spectra, downbeats_s, duration_s, energy),
        energy=energy,
        drop_s=find_drop(loudness, downbeats_s),
        drum_gaps=() if silent else drum_gaps(spectra, beat_s or 0.5),
        confidence=0.0 if silent else round(grid.confidence, 4),
        tracker=tracker,
        second_shift_beats=grid.second_shift_beats,
        second_tempo=_other_octave(beat_s),
    )


def _other_octave(beat_s: float) -> float:
    """Half of a fast tempo, twice a slow one: what stays nearer to the usual."""
    if not beat_s:
        return 1.0
    return 0.5 if 60 / beat_s > _USUAL_BPM else 2.0


def _beats(grid: BeatGrid, duration_s: float) -> tuple[Beat, ...]:
    """Numbers the bars, 0 for the pick-up; beats outside the song or on top of each other are left out."""
    beats: list[Beat] = []
    bar = 0
    times_s = np.round(grid.times_s, 4).tolist()
    for time_s, position, confidence in zip(times_s, grid.positions, grid.confidences, strict=True):
        if not 0 <= time_s < duration_s or (beats and time_s <= beats[-1].time_s):
            continue
        bar += int(position == 1)
        beats.append(Beat(time_s, bar, int(position), round(float(confidence), 4)))
    return tuple(beats)


def _meter(beats: tuple[Beat, ...]) -> int:
    """The most frequent number of beats per whole bar; 4 if there is no whole bar."""
    lengths = Counter(beat.bar for beat in beats if 0 < beat.bar < beats[-1].bar)
    return Counter(lengths.values()).most_common(1)[0][0] if lengths else 4
