# SPDX-License-Identifier: GPL-3.0-or-later
"""The best sequence of whole bars through a song: a bar-pointer model decoded by Viterbi.

After Krebs, Böck and Widmer, "An efficient state-space model for joint tempo and meter tracking" (ISMIR 2015), with
whole bars in place of frames: a state is (start of the bar, beat period, meter), its score is how well the bar's half
beats match the meter's template, and only the bar line may change tempo and meter. Beats and downbeats are thus found
together.
"""

from dataclasses import dataclass, field

import numba
import numpy as np
import numpy.typing as npt

from bridge.song.evidence import CUE_RATE_HZ, CUES, Evidence

_SLOWEST_BPM, _FASTEST_BPM = 50.0, 215.0
_PERIOD_RATIO = 1.0115
_IMPOSSIBLE = -1e9

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BarModel:
    """The few weights of the model; the defaults were found on songs with known truth (docs/accuracy.md)."""

    beat: float = 2.5
    """reward of an onset on a beat"""
    beat_threshold: float = 0.42
    """the onset strength that neither speaks for nor against a beat"""
    chord: float = 1.5
    bass: float = 1.5
    novelty: float = 0.74
    off_beat_harmony: float = 0.7
    """how much a chord change between beats 1-2 and 3-4 speaks against the bar"""
    kick: float = 0.4
    backbeat: float = 0.73
    tempo: float = 1.0
    tempo_prior: float = 2.5
    usual_bpm: float = 128.0
    tempo_spread_octaves: float = 0.75
    tempo_change: float = 97.0
    """cost per unit of log period, from bar to bar"""
    tempo_jump: float = 13.8
    """cost of any other change of tempo"""
    meter_change: float = 9.0
    meter_cost: dict[int, float] = field(default_factory=lambda: {4: 0.0, 3: 1.0, 2: 6.7})
    """cost of each bar of this meter"""
    skip: float = 6.0
    """cost per second of music before the first bar"""


@dataclass(frozen=True)
class Bar:
    """One bar on the cues' grid."""

    start: int
    end: int
    meter: int


def _templates(model: BarModel) -> tuple[npt.NDArray[np.int64], Array]:
    """The meters, and their weights, shape (meters, 8 half beats, cues)."""
    meters = sorted(model.meter_cost, reverse=True)
    weights = np.zeros((len(meters), 8, len(CUES)))
    harmonic = {4: (1.0, -0.4, -0.15, -0.4), 3: (0.8, -0.4, -0.4), 2: (0.4, -0.4)}
    kick = {4: (1.0, -0.7, 0.4, -0.7), 3: (1.0, -0.5, -0.5), 2: (0.5, -0.5)}
    backbeat = {4: (-1.0, 1.0, -1.0, 1.0), 3: (-0.5, 0.25, 0.25), 2: (-0.5, 0.5)}
    at = {name: i for i, name in enumerate(CUES)}
    for row, meter in zip(weights, meters, strict=True):
        on = slice(0, 2 * meter, 2)
        row[on, at["onset"]] = model.beat
        for cue, weight in (("chord", model.chord), ("bass", model.bass), ("novelty", model.novelty)):
            row[on, at[cue]] = weight * np.array(harmonic[meter])
        for cue, weight in (("chord", model.chord), ("bass", model.bass)):
            row[1 : 2 * meter : 4, at[cue]] = -model.off_beat_harmony * weight
        row[on, at["kick"]] = model.kick * np.array(kick[meter])
        row[on, at["snare"]] = model.backbeat * np.array(backbeat[meter])
        if meter == 4:
            row[on, at["kick"]] += -0.7 * model.backbeat * np.array(backbeat[meter])
    return np.array(meters), weights


def best_path(evidence: Evidence, model: BarModel) -> list[Bar]:
    """Decodes the most likely bars, in order, without gaps; empty where the song is shorter than a bar."""
    meters, weights = _templates(model)
    count = int(np.log(_FASTEST_BPM / _SLOWEST_BPM) / np.log(_PERIOD_RATIO)) + 1
    periods = 60 * CUE_RATE_HZ / _FASTEST_BPM * _PERIOD_RATIO ** np.arange(count)
    first, last = evidence.first_sound_s * CUE_RATE_HZ, evidence.last_sound_s * CUE_RATE_HZ
    steps = 7
    arcs = -model.tempo_change * np.log(_PERIOD_RATIO) * np.abs(np.arange(-steps, steps + 1))
    switch = np.where(np.eye(len(meters), dtype=bool), 0.0, -model.meter_change)
    constant = np.array([-model.beat * model.beat_threshold * m - model.meter_cost[m] for m in meters])
    rows = _decode(
        np.ascontiguousarray(evidence.cues, dtype=np.float64),
        weights,
        constant,
        _tempo_scores(evidence, periods, model),
        meters,
        periods,
        arcs,
        switch,
        -model.tempo_jump,
        model.skip / CUE_RATE_HZ,
        first,
        last,
    )
    return [Bar(int(start), int(end), int(meter)) for start, end, meter in rows]


def _tempo_scores(evidence: Evidence, periods: Array, model: BarModel) -> Array:
    """Score per frame of a bar with this period, shape (seconds, periods)."""
    lags = evidence.lags_s * CUE_RATE_HZ
    fit = np.stack([np.interp(periods, lags, row) for row in evidence.periodicity])
    octaves = np.log2(60 * CUE_RATE_HZ / periods / model.usual_bpm) / model.tempo_spread_octaves
    return (model.tempo * np.log(fit + 0.05) - 0.5 * model.tempo_prior * octaves**2) / CUE_RATE_HZ


@numba.njit(cache=True, fastmath=True)
def _bar_score(cues, weights, start, period, halves):
    score = 0.0
    for half in range(halves):
        at = min(int(start + half * period / 2 + 0.5), len(cues) - 1)
        for cue in range(cues.shape[1]):
            score += weights[half, cue] * cues[at, cue]
    return score


@numba.njit(cache=True, fastmath=True)
def _decode(cues, weights, constant, tempo, meters, periods, arcs, switch, jump, skip, first, last):
    n, k_count, m_count, reach = len(cues), len(periods), len(meters), len(arcs) // 2
    ends = np.full((n, m_count, k_count), _IMPOSSIBLE)  # best score of a path whose bar (m, k) ends here
    starts = np.full((n, m_count, k_count), _IMPOSSIBLE)  # ... of a path that goes on with bar (m, k) here
    from_k = np.full((n, m_count, k_count), -1, np.int16)
    from_m = np.full((n, m_count, k_count), -1, np.int8)
    best = np.empty((m_count, k_count))
    best_k = np.empty((m_count, k_count), np.int16)
    for t in range(n):
        for m in range(m_count):
            top, top_k = _IMPOSSIBLE, 0
            for k in range(k_count):
                length = int(meters[m] * periods[k] + 0.5)
                s = t - length
                if s >= 0 and starts[s, m, k] > _IMPOSSIBLE / 2:
                    second = min(s // CUE_RATE_HZ, len(tempo) - 1)
                    ends[t, m, k] = (
                        starts[s, m, k]
                        + _bar_score(cues, weights[m], s, periods[k], 2 * meters[m])
                        + constant[m]
                        + tempo[second, k] * length
                    )
                if ends[t, m, k] > top:
                    top, top_k = ends[t, m, k], k
            for k in range(k_count):
                best[m, k], best_k[m, k] = top + jump, top_k
                for arc in range(max(0, reach - k), min(2 * reach + 1, k_count - k + reach)):
                    value = ends[t, m, k + arc - reach] + arcs[arc]
                    if value > best[m, k]:
                        best[m, k], best_k[m, k] = value, k + arc - reach
        late = max(0.0, t - first)
        for k in range(k_count):
            opening = -skip * late * (0.3 if late < 4 * periods[k] else 1.0)
            for m in range(m_count):
                starts[t, m, k] = opening
                for p in range(m_count):
                    value = best[p, k] + switch[p, m]
                    if value > starts[t, m, k]:
                        starts[t, m, k], from_k[t, m, k], from_m[t, m, k] = value, best_k[p, k], p
    return _trace(ends, from_k, from_m, meters, periods, skip, last)


@numba.njit(cache=True)
def _trace(ends, from_k, from_m, meters, periods, skip, last):
    """Walks back from the best end; music left over after it costs."""
    n, m_count, k_count = ends.shape
    top, t, m, k = _IMPOSSIBLE / 2, -1, 0, 0
    for end in range(max(0, int(last - 4 * periods[-1])), n):
        for meter in range(m_count):
            for period in range(k_count):
                value = ends[end, meter, period] - 0.5 * skip * abs(last - end)
                if value > top:
                    top, t, m, k = value, end, meter, period
    bars = [(0, 0, 0) for _ in range(0)]
    while t > 0:
        s = t - int(meters[m] * periods[k] + 0.5)
        bars.append((s, t, meters[m]))
        t, m, k = (s if from_m[s, m, k] >= 0 else -1), from_m[s, m, k], from_k[s, m, k]
    return bars[::-1]
