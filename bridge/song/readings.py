# SPDX-License-Identifier: GPL-3.0-or-later
"""The likeliest other readings of a song: the beat at another level, half a beat later, another "one", another meter.

The bar model that found the bars scores each of them as it would have scored its own path. How sure the one that was
found is, is known (`bridge.song.confidence`); what is left is shared out among the others by their scores.
"""

from collections.abc import Iterable

import numpy as np

from bridge.song.alternative import Reading, Values, agreement
from bridge.song.bar_decoder import METERS, BarModel, position_scores, tempo_scores
from bridge.song.confidence import phase_margins
from bridge.song.downbeat_phase import PhaseModel, settle, shifted
from bridge.song.features import CUE_RATE_HZ, Features
from bridge.song.onset_times import refine
from bridge.song.spectra import Spectra
from bridge.song.trackers import OtherGrid

MOST = 2
"""others that are told"""
_SAME = 0.9
"""the share of beats in common from which two readings are one"""
_FEWEST_BARS = 4
_FASTEST_S, _SLOWEST_S = 60 / 260, 60 / 40
"""beat periods that anyone would count"""
_PERIODS = 160
_SURE_GAP = 1.5
"""how much worse per bar a reading scores that is e times less likely: our rule, not fitted"""


def other_grids(
    found: Reading,
    confidence: float,
    features: Features,
    spectra: Spectra,
    models: tuple[BarModel, PhaseModel],
    others: Iterable[Reading] = (),
) -> tuple[OtherGrid, ...]:
    """The likeliest few, likeliest first; none of them is likelier than the one that was found.

    Args:
        found: the reading that was found.
        confidence: how likely its downbeats are right, 0-1.
        features: of the song.
        spectra: of the song; beats are moved onto their onsets.
        models: what scores the bars, and what says where "the one" is in another reading.
        others: further readings that are thought of, such as one decoded with a penalty.
    """
    if np.count_nonzero(found.positions == 1) <= _FEWEST_BARS:
        return ()
    model, _ = models
    scorer = Scorer(features, model)
    base = scorer.score(found)
    kept: list[Reading] = []
    for one in (*others, *_candidates(found, features, scorer, models)):
        period_s = float(np.median(np.diff(one.times_s))) if len(one.times_s) > 1 else 0.0
        is_counted = _FASTEST_S <= period_s <= _SLOWEST_S and np.count_nonzero(one.positions == 1) > _FEWEST_BARS
        if is_counted and not any(_alike(one, known) for known in (found, *kept)):
            kept.append(one)
    bar_s = float(np.median(np.diff(found.times_s[found.positions == 1])))
    gaps = np.array([max(0.0, base - scorer.score(one)) if np.isfinite(base) else 1.0 for one in kept]) * bar_s
    weights = np.exp(-gaps / _SURE_GAP)
    rest = (1 - confidence) * weights / max(1.0, float(weights.sum()))
    shares = np.minimum(rest, confidence * weights)
    likeliest = np.argsort(-shares, kind="stable")[:MOST]
    return tuple(OtherGrid(refine(kept[i].times_s, spectra), kept[i].positions, float(shares[i])) for i in likeliest)


class Scorer:
    """What the bar model thinks of any reading's whole bars.

    Args:
        features: of the song.
        model: the weights.
    """

    def __init__(self, features: Features, model: BarModel) -> None:
        self._model = model
        self._worth = position_scores(features, model)
        self._periods = np.geomspace(_FASTEST_S, _SLOWEST_S, _PERIODS) * CUE_RATE_HZ
        self._tempo = tempo_scores(features, self._periods, model)[1]

    def score(self, reading: Reading) -> float:
        """Per second, in the better of simple and compound beats; minus infinity if it knows none of the bars."""
        firsts = np.flatnonzero(reading.positions == 1)
        beats, starts_s = np.diff(firsts), reading.times_s[firsts]
        lengths_s = np.diff(starts_s)
        totals = np.full((2, len(beats)), -np.inf)
        for index, meter in enumerate(METERS):
            same = np.flatnonzero(beats == meter.beats)
            row = int(meter.parts == 3)
            totals[row, same] = self._bars(starts_s[same], lengths_s[same] / meter.beats, index)
        known = np.isfinite(totals).any(axis=0)
        if not known.any():
            return -np.inf
        simple, compound = np.where(np.isfinite(totals), totals, totals[::-1])[:, known]
        return float(max(simple.sum(), compound.sum()) / lengths_s[known].sum())

    def _bars(self, starts_s: Values, periods_s: Values, meter: int) -> Values:
        """Each bar's score as `bar_decoder.best_path` counts it, without what changes of tempo and meter cost."""
        kind, model = METERS[meter], self._model
        scores = np.full(len(starts_s), model.beat * kind.beats + model.bar[meter])
        for mark in kind.marks:
            at = ((starts_s + mark.at * periods_s) * CUE_RATE_HZ + 0.5).astype(int)
            scores += mark.share * self._worth[mark.position, np.clip(at, 0, self._worth.shape[1] - 1)]
        nearest = np.abs(np.log(self._periods / (periods_s[:, None] * CUE_RATE_HZ))).argmin(axis=1)
        seconds = np.clip(starts_s.astype(int), 0, len(self._tempo) - 1)
        return scores + self._tempo[seconds, meter, nearest] * periods_s * kind.beats * CUE_RATE_HZ


def _candidates(
    found: Reading, features: Features, scorer: Scorer, models: tuple[BarModel, PhaseModel]
) -> Iterable[Reading]:
    """What a listener might hear in place of what was found."""
    meter = int(found.positions.max())
    second = 1 + int(phase_margins(found, features, models[0]).sum(axis=1).argmin())
    yield shifted(found, second)
    times_s = found.times_s
    periods_s = np.append(np.diff(times_s), times_s[-1] - times_s[-2])
    twice_s = np.stack([times_s, times_s + periods_s / 2], axis=1).ravel()
    odd = int(np.flatnonzero(found.positions == 1)[0]) % 2
    for level_s in (twice_s, times_s[odd::2], times_s + periods_s / 2):
        yield _counted(level_s, meter, features, scorer, models[1])
    for other in {3, 4} - {meter}:
        yield _counted(times_s, other, features, scorer, models[1])


def _counted(times_s: Values, meter: int, features: Features, scorer: Scorer, phase: PhaseModel) -> Reading:
    """These beats in even bars, with "the one" where the models like it best."""
    count = np.arange(len(times_s))
    phases = [Reading(times_s, (count - first) % meter + 1) for first in range(meter)]
    return settle(max(phases, key=scorer.score), features, phase)


def _alike(one: Reading, other: Reading) -> bool:
    """Whether two readings have most beats in common, at the same positions, both ways."""
    return min(agreement(one, other).mean(), agreement(other, one).mean()) >= _SAME
