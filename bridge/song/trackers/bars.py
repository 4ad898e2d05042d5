# SPDX-License-Identifier: GPL-3.0-or-later
"""The default tracker: whole bars decoded from onsets, harmony and drums."""

import numpy as np

from bridge.song.alternative import Reading, penalty
from bridge.song.audio import Audio
from bridge.song.bar_correction import correct_bars
from bridge.song.bar_decoder import Array, Bar, BarModel, best_path
from bridge.song.bar_weights import PHASE_WEIGHTS, WEIGHTS
from bridge.song.confidence import rate
from bridge.song.downbeat_phase import PhaseModel, settle
from bridge.song.features import CUE_RATE_HZ, Features, compute_features
from bridge.song.odd_meters import in_odd_meter
from bridge.song.onset_times import refine
from bridge.song.readings import other_grids
from bridge.song.spectra import Spectra
from bridge.song.trackers import BeatGrid


class BarsTracker:
    """See `bridge.song.bar_decoder` for the bars, `bridge.song.bar_correction` for how they are corrected,
    `bridge.song.downbeat_phase` for "the one" and `bridge.song.alternative` for how they are put to the test."""

    name = "bars"
    version = "9"

    def __init__(self, model: BarModel = WEIGHTS, phase: PhaseModel = PHASE_WEIGHTS) -> None:
        self._model, self._phase = model, phase

    def track(self, audio: Audio, spectra: Spectra) -> BeatGrid:  # noqa: ARG002 - the spectra say it all
        features = compute_features(spectra)
        reading = self.read(features)
        alternative = self.read(features, penalty(reading, len(features.cues)))
        rating = rate(reading, alternative, features, self._model)
        times_s = refine(reading.times_s, spectra)
        models = self._model, self._phase
        others = other_grids(reading, rating.confidence, features, spectra, models, (alternative,))
        return BeatGrid(times_s, reading.positions, rating.confidences, rating.confidence, others)

    def read(self, features: Features, cost: Array | None = None) -> Reading:
        """The song's bars beat by beat; `cost` is what each frame is worth less, see `best_path`."""
        bars = correct_bars(best_path(features, self._model, cost), features, self._model)
        return in_odd_meter(settle(_beats(bars, features), features, self._phase), features)


def create() -> BarsTracker:
    """The tracker with its measured weights."""
    return BarsTracker()


def _beats(bars: list[Bar], features: Features) -> Reading:
    """The bars' beats, with the pick-up before the first bar and the cut bar after the last."""
    if not bars:
        return Reading(np.zeros(0), np.zeros(0, int))
    first, last = bars[0], bars[-1]
    times: list[float] = []
    positions: list[int] = []
    beat = (first.end - first.start) / first.beats
    pickup = int((first.start - features.first_sound_s * CUE_RATE_HZ) / beat + 0.3)
    for back in range(max(0, pickup), 0, -1):
        times.append(first.start - back * beat)
        positions.append((-back) % first.beats + 1)
    for bar in bars:
        times += [bar.start + (bar.end - bar.start) * i / bar.beats for i in range(bar.beats)]
        positions += range(1, bar.beats + 1)
    beat = (last.end - last.start) / last.beats
    rest = int((features.last_sound_s * CUE_RATE_HZ - last.end) / beat + 1.1)
    for forth in range(max(0, rest)):
        times.append(last.end + forth * beat)
        positions.append(forth % last.beats + 1)
    return Reading(np.array(times) / CUE_RATE_HZ, np.array(positions))
