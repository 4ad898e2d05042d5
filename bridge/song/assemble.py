# SPDX-License-Identifier: GPL-3.0-or-later
"""From a tracker's grid to the whole analysis: bars are counted, and the rest is hung on their downbeats."""

from dataclasses import replace

import numpy as np

from blender_addon.core import regrid
from blender_addon.core.types import Beat, SongAnalysis
from bridge.song.audio import Audio
from bridge.song.drums import drum_gaps
from bridge.song.loudness import Loudness, energy_curve, find_drop
from bridge.song.spectra import Spectra
from bridge.song.structure import find_sections
from bridge.song.trackers import BeatGrid

_SILENT_POWER = 1e-9


def summarize(audio: Audio, spectra: Spectra, grid: BeatGrid, song_sha256: str, tracker: str) -> SongAnalysis:
    """Everything that is known of a song. A silent one has no beats and one section."""
    duration_s = round(audio.duration_s, 6)
    silent = spectra.power.max(initial=0.0) < _SILENT_POWER
    beats = () if silent else _beats(grid, duration_s)
    downbeats_s = np.array([beat.time_s for beat in beats if beat.position == 1])
    tempo_bpm = regrid.tempo_of(beats)
    loudness = Loudness(audio)
    energy = energy_curve(loudness, duration_s)
    analysis = SongAnalysis(
        song_sha256=song_sha256,
        duration_s=duration_s,
        tempo_bpm=tempo_bpm,
        meter=regrid.meter_of(beats),
        beats=beats,
        sections=regrid.with_figures(find_sections(spectra, downbeats_s, duration_s, energy), beats),
        energy=energy,
        drop_s=find_drop(loudness, downbeats_s),
        drum_gaps=() if silent else drum_gaps(spectra, 60 / tempo_bpm if tempo_bpm else 0.5),
        confidence=0.0 if silent else round(grid.confidence, 4),
        tracker=tracker,
    )
    return _with_readings(analysis, grid) if beats else analysis


def _with_readings(analysis: SongAnalysis, grid: BeatGrid) -> SongAnalysis:
    """The analysis with the other readings kept beside the one that was found."""
    readings = [regrid.as_reading(analysis, analysis.confidence)]
    for other in grid.others:
        shares = np.full(len(other.times_s), other.share)
        beats = _beats(BeatGrid(other.times_s, other.positions, shares, other.share), analysis.duration_s)
        readings.append(regrid.as_reading(regrid.rebuilt(analysis, beats), other.share))
    return replace(analysis, readings=tuple(readings))


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
