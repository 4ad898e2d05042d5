# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain second ear: librosa's `beat_track` (Ellis, "Beat tracking by dynamic programming", 2007) finds the beats.

It knows no bars. How many beats a bar has, three or four, and which of them is "the one" is asked of our own features.
"""

import librosa
import numpy as np

from bridge.song.alternative import Reading, penalty
from bridge.song.audio import Audio
from bridge.song.bar_decoder import METERS, Meter
from bridge.song.bar_weights import PHASE_WEIGHTS, WEIGHTS
from bridge.song.confidence import beat_scores, rate
from bridge.song.downbeat_phase import settle
from bridge.song.features import Features, compute_features
from bridge.song.onset_times import Times, refine
from bridge.song.readings import other_grids
from bridge.song.spectra import Spectra
from bridge.song.trackers import BeatGrid
from bridge.song.trackers.bars import BarsTracker

LATENESS_S = 0.04
"""how late librosa's beats are on music; measured on songs with exact truth (docs/accuracy.md)"""

_METERS = (Meter(4, 4), Meter(3, 4))
_SHORTEST_S = 1.0
"""in less there are no two beats, and librosa warns of windows longer than the sound"""


class LibrosaTracker:
    """Beats by librosa, moved onto the onsets; bars by the features that the default tracker reads."""

    name = "librosa"
    version = f"1-{librosa.__version__}"

    def track(self, audio: Audio, spectra: Spectra) -> BeatGrid:
        features = compute_features(spectra)
        reading = in_bars(_beats_s(audio), features)
        # The same test as the default tracker's: beats that are right are found again though they cost a penalty.
        alternative = BarsTracker().read(features, penalty(reading, len(features.cues)))
        rating = rate(reading, alternative, features, WEIGHTS)
        times_s = refine(reading.times_s, spectra)
        models = WEIGHTS, PHASE_WEIGHTS
        others = other_grids(reading, rating.confidence, features, spectra, models, (alternative,))
        return BeatGrid(times_s, reading.positions, rating.confidences, rating.confidence, others)


def create() -> LibrosaTracker:
    """The tracker; it has nothing to choose."""
    return LibrosaTracker()


def in_bars(times_s: Times, features: Features) -> Reading:
    """The beats in even bars of the meter, and from the beat, that the default tracker's weights like best."""
    count = np.arange(len(times_s))
    readings = [
        (Reading(times_s, (count - first) % meter.beats + 1), meter)
        for meter in _METERS
        for first in range(meter.beats)
    ]

    def score(candidate: tuple[Reading, Meter]) -> float:
        reading, meter = candidate
        bar = WEIGHTS.bar[METERS.index(meter)]
        return float(beat_scores(reading, features, WEIGHTS).sum()) + bar * len(times_s) / meter.beats

    return settle(max(readings, key=score)[0], features, PHASE_WEIGHTS)


def _beats_s(audio: Audio) -> Times:
    if audio.duration_s < _SHORTEST_S:
        return np.zeros(0)
    _, beats_s = librosa.beat.beat_track(y=audio.mono, sr=audio.sample_rate_hz, trim=False, units="time")
    return np.maximum(np.asarray(beats_s, float) - LATENESS_S, 0.0)
