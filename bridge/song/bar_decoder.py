# SPDX-License-Identifier: GPL-3.0-or-later
"""The best sequence of whole bars through a song: a bar-pointer model decoded by Viterbi.

After Krebs, Böck and Widmer, "An efficient state-space model for joint tempo and meter tracking" (ISMIR 2015), with
whole bars in place of frames: a state is (start of the bar, beat period, meter), its score is how well the parts of
its beats match the meter's template, and only the bar line may change tempo and meter. Beats and downbeats are thus
found together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from bridge.song.features import CUE_RATE_HZ, CUES, Features

_SLOWEST_BPM, _FASTEST_BPM = 50.0, 215.0
_PERIOD_RATIO = 1.0115
_ARC_REACH = 7
"""steps of the period from bar to bar that cost by their size; beyond, it is a jump"""
_JUMP_FIT = 0.3
"""a jump leads only to a period that fits the onsets so well"""
_IMPOSSIBLE = -1e9
_OPENING_REACH = 3
"""frames between the first sound and a bar that begins with it"""
_BEAM = 20.0
"""how far behind the best bar that starts at the same frame another may be"""

Array = npt.NDArray[np.float64]


METRICAL_POSITIONS = ("downbeat", "middle", "other", "between", "quarter", "against")
"""where a cue can fall: on beat 1, on beat 3 of 4, on any other beat, half-way (or at the thirds) between two beats, at
the first and third quarter, where a beat of the other kind would be parted: at the thirds of a simple one, half-way in
a compound one. Without the last a slow compound bar explains any fast simple one: it never hears the beats that it
leaves out."""

_INSIDE = {
    3: {"between": (1 / 3, 2 / 3), "against": (1 / 2,)},
    4: {"between": (1 / 2,), "quarter": (1 / 4, 3 / 4), "against": (1 / 3, 2 / 3)},
}
"""where the positions inside a beat are, by its parts"""


@dataclass(frozen=True)
class Mark:
    """A point of a bar at which cues count."""

    at: float
    """in beats from the bar's start"""
    position: int
    """its index in `METRICAL_POSITIONS`"""
    share: float
    """of its position's weight: those met twice in a beat share it"""


@dataclass(frozen=True)
class Meter:
    """A kind of bar."""

    beats: int
    parts: int
    """of a beat: 4 is simple (4/4), 3 compound or swung (6/8, shuffle)"""

    @property
    def has_usual_tempo(self) -> bool:
        """Whether one tempo is likelier than others: not in 6/8, which is as much a slow ballad's as a jig's."""
        return (self.beats, self.parts) != (2, 3)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Where cues count, beat by beat."""
        on_beat = {4: (0, 2, 1, 2), 3: (0, 2, 2), 2: (0, 2)}[self.beats]
        inside = [
            (offset, METRICAL_POSITIONS.index(position), 1 / len(offsets))
            for position, offsets in _INSIDE[self.parts].items()
            for offset in offsets
        ]
        return tuple(
            Mark(beat + offset, position, share)
            for beat, first in enumerate(on_beat)
            for offset, position, share in ((0.0, first, 1.0), *inside)
        )


METERS = (Meter(4, 4), Meter(3, 4), Meter(2, 4), Meter(4, 3), Meter(2, 3))


@dataclass(frozen=True)
class BarModel:
    """The few weights of the model; how those in `bridge.song.bar_weights` were found is told in docs/log/ear.md."""

    cues: dict[str, tuple[float, ...]]
    """what a cue of strength 1 is worth, by its position in `METRICAL_POSITIONS`"""
    beat: float
    """score of a beat on which nothing falls"""
    bar: tuple[float, ...]
    """score of a bar, by its meter in `METERS`"""
    tempo: float
    """score per second of a beat period that fits the onsets' periodicity"""
    bar_length: float
    """the same for the bar's length"""
    tempo_prior: float
    """score per second and squared octave from the usual tempo"""
    usual_bpm: float
    any_tempo: float
    """score per second of a meter without a usual tempo: what is likely at many tempi is less so at each"""
    tempo_change: float
    """cost per unit of log period, from bar to bar"""
    tempo_jump: float
    """cost of any other change of tempo"""
    meter_change: float
    opening: float
    """score of a first bar that begins with the first sound: most songs begin on their downbeat"""
    skip: float = 6.0
    """cost per second of music before the first bar"""


@dataclass(frozen=True)
class Bar:
    """One bar on the cues' grid."""

    start: int
    end: int
    meter: Meter

    @property
    def beats(self) -> int:
        return self.meter.beats


def best_path(features: Features, model: BarModel, penalty: Array | None = None) -> list[Bar]:
    """Decodes the most likely bars, in order, without gaps; empty where the song is shorter than a bar.

    Args:
        features: of the song.
        model: the weights.
        penalty: taken from each frame's score, shape (metrical positions, frames); none by default.
    """
    worth = position_scores(features, model)
    if penalty is not None:
        worth = worth - penalty
    count = int(np.log(_FASTEST_BPM / _SLOWEST_BPM) / np.log(_PERIOD_RATIO)) + 1
    periods = 60 * CUE_RATE_HZ / _FASTEST_BPM * _PERIOD_RATIO ** np.arange(count)
    beats = np.array([meter.beats for meter in METERS])
    beat_fit, scores = tempo_scores(features, periods, model)
    rows = _decode(
        np.ascontiguousarray(worth, dtype=np.float32),
        _rows([[mark.position for mark in meter.marks] for meter in METERS]).astype(np.int64),
        _rows([[mark.share for mark in meter.marks] for meter in METERS]).astype(np.float32),
        _rows([[mark.at for mark in meter.marks] for meter in METERS]).astype(np.float32),
        np.array([len(meter.marks) for meter in METERS]),
        beats,
        periods,
        (model.beat * beats + np.array(model.bar)).astype(np.float32),
        scores.astype(np.float32),
        np.where(beat_fit > _JUMP_FIT, -model.tempo_jump, _IMPOSSIBLE).astype(np.float32),
        (-model.tempo_change * np.log(_PERIOD_RATIO) * np.abs(np.arange(-_ARC_REACH, _ARC_REACH + 1))).astype(
            np.float32
        ),
        np.where(np.eye(len(METERS), dtype=bool), 0.0, -model.meter_change).astype(np.float32),
        model.opening,
        model.skip / CUE_RATE_HZ,
        features.first_sound_s * CUE_RATE_HZ,
        features.last_sound_s * CUE_RATE_HZ,
    )
    return [Bar(int(start), int(end), METERS[meter]) for start, end, meter in rows]


def position_scores(features: Features, model: BarModel) -> Array:
    """What each frame's cues are worth at each metrical position, shape (positions, frames)."""
    return np.array([model.cues[name] for name in CUES]).T @ features.cues.T


def _rows(rows: Sequence[Sequence[float]]) -> Array:
    """A row per meter, filled up with zeros to the longest."""
    longest = max(len(row) for row in rows)
    return np.array([[*row, *[0] * (longest - len(row))] for row in rows])


def tempo_scores(features: Features, periods: Array, model: BarModel) -> tuple[Array, Array]:
    """The fit of each beat period, (seconds, periods); the score per frame of a bar, (seconds, meters, periods).

    The usual tempo is one of simple meters: four beats of three parts are compared by these, three where simple beats
    have two halves.
    """
    periods_s = periods / CUE_RATE_HZ
    beat_fit = np.stack([np.interp(periods_s, features.beat_lags_s, row) for row in features.beat_fit])
    beats, parts = (np.array([getattr(meter, name) for meter in METERS])[:, None] for name in ("beats", "parts"))
    usual = np.array([meter.has_usual_tempo for meter in METERS])[:, None]
    octaves = np.log2(60 / periods_s * np.where(parts == 3, 1.5, 1.0) / model.usual_bpm)
    prior = np.where(usual, model.tempo_prior * octaves**2, model.any_tempo)
    bar_fit = np.stack([np.interp(beats * periods_s, features.bar_lags_s, row) for row in features.bar_fit])
    scores = model.tempo * np.log(beat_fit + 0.05)[:, None] + model.bar_length * np.log(bar_fit + 0.05)
    return beat_fit, (scores + prior) / CUE_RATE_HZ


@numba.njit(cache=True, fastmath=True)
def _bar_score(worth, positions, shares, offsets, start, period):
    score = np.float32(0.0)
    for mark in range(len(positions)):
        at = min(int(start + offsets[mark] * period + 0.5), worth.shape[1] - 1)
        score += shares[mark] * worth[positions[mark], at]
    return score


@numba.njit(cache=True, fastmath=True)
def _best_arcs(ends, jump, arcs, best, best_k):
    """For each meter and period, the best score and period of a bar that may come before, by its change of tempo.

    Bars that are hopelessly behind lead nowhere: what they led to would be pruned.
    """
    m_count, k_count = ends.shape
    reach = len(arcs) // 2
    least = ends.max() - _BEAM
    for m in range(m_count):
        top_k = ends[m].argmax()
        for k in range(k_count):
            best[m, k], best_k[m, k] = ends[m, top_k] + jump[k], top_k
        for source in range(k_count):
            if ends[m, source] < least:
                continue
            for k in range(max(0, source - reach), min(k_count, source + reach + 1)):
                value = ends[m, source] + arcs[source - k + reach]
                if value > best[m, k]:
                    best[m, k], best_k[m, k] = value, source


@numba.njit(cache=True)
def _prune(starts):
    """Forgets what is hopelessly behind: a third of the states remain."""
    least = starts.max() - _BEAM
    for m in range(len(starts)):
        for k in range(starts.shape[1]):
            if starts[m, k] < least:
                starts[m, k] = _IMPOSSIBLE


@numba.njit(cache=True, fastmath=True)
def _decode(
    worth,
    positions,
    shares,
    offsets,
    marks,
    beats,
    periods,
    constant,
    tempo,
    jump,
    arcs,
    switch,
    opening,
    skip,
    first,
    last,
):
    """Viterbi over bars; `starts` and `ends` are rings over time, as long as the longest bar."""
    n, k_count, m_count = worth.shape[1], len(periods), len(beats)
    ring = int(beats.max() * periods[-1]) + 2
    starts = np.full((ring, m_count, k_count), np.float32(_IMPOSSIBLE))  # best path that goes on with this bar here
    origin = np.full((n, m_count, k_count), np.int16(-1))  # the bar before it, as m * k_count + k
    ends = np.empty((m_count, k_count), np.float32)  # best path whose last bar ends here
    best, best_k = np.empty((m_count, k_count), np.float32), np.empty((m_count, k_count), np.int16)
    final, final_t, final_state = np.float32(_IMPOSSIBLE), -1, 0
    for t in range(n):
        for m in range(m_count):
            for k in range(k_count):
                length = int(beats[m] * periods[k] + 0.5)
                s = t - length
                ends[m, k] = _IMPOSSIBLE
                if s < 0 or starts[s % ring, m, k] <= _IMPOSSIBLE / 2:
                    continue
                second = min(s // CUE_RATE_HZ, len(tempo) - 1)
                ends[m, k] = starts[s % ring, m, k] + constant[m] + tempo[second, m, k] * length
                c = marks[m]
                ends[m, k] += _bar_score(worth, positions[m, :c], shares[m, :c], offsets[m, :c], s, periods[k])
        if t >= last - 4 * periods[-1]:
            value = ends.max() - 0.5 * skip * abs(last - t)
            if value > final:
                final, final_t, final_state = value, t, ends.argmax()
        _best_arcs(ends, jump[min(t // CUE_RATE_HZ, len(jump) - 1)], arcs, best, best_k)
        late = max(0.0, t - first)
        prompt = opening if abs(t - first) <= _OPENING_REACH else 0.0
        for k in range(k_count):
            begin = prompt - skip * late * (0.3 if late < 4 * periods[k] else 1.0)
            for m in range(m_count):
                value, source = np.float32(begin), -1
                for p in range(m_count):
                    if best[p, k] + switch[p, m] > value:
                        value, source = best[p, k] + switch[p, m], p * k_count + best_k[p, k]
                starts[t % ring, m, k], origin[t, m, k] = value, source
        _prune(starts[t % ring])
    return _trace(origin, beats, periods, final_t, final_state)


@numba.njit(cache=True)
def _trace(origin, beats, periods, t, state):
    """Walks back from the end: rows of start, end, meter."""
    bars = [(0, 0, 0) for _ in range(0)]
    while t > 0 and state >= 0:
        m, k = state // len(periods), state % len(periods)
        s = t - int(beats[m] * periods[k] + 0.5)
        bars.append((s, t, m))
        t, state = s, origin[s, m, k]
    return bars[::-1]
