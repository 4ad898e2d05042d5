# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the song a video's sound lies, to a fraction of a millisecond, and whether it is the song at all."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

RATE_HZ = 12_000
"""enough for a tenth of a millisecond, by interpolation"""
_EDGE_S = 2.0
"""how much silence may come before or after the song"""
_WINDOW_S = 1.0
_OCTAVES_HZ = (60, 120, 240, 480, 960, 1920)
_HEARD = 1e-5
"""of the song's power, below which an octave is silent"""
_STRETCH_S, _REACH_S = 2.0, 0.2
"""what is compared at the start and the end for drift, and how far it may have moved"""
_TIE = 0.002
"""correlations this close are equally good: loops repeat exactly"""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Placement:
    """How the video's sound lies on the song."""

    song_start_s: float
    """the song's time at the start of the sound"""
    likeness: float
    """median correlation with the song over seconds and octaves: 1 is the song, 0 another one"""
    drift_s: float
    """how much later the sound is at its end than at its start"""


def middle_or_sides(song: Samples) -> float:
    """Whether a song is better known by the sum of its channels (1.0) or by their difference (-1.0), as where one of
    them is the other's inverse.

    Args:
        song: shape (n, 2).
    """
    powers = [float(np.square(song[:, 0] + sign * song[:, 1], dtype=np.float64).sum()) for sign in (1.0, -1.0)]
    return 1.0 if powers[0] >= powers[1] / 4 else -1.0


def mixed(samples: Samples, sign: float) -> Samples:
    """Left and right as one, shape (n, 2) to (n,)."""
    return (0.5 * (samples[:, 0] + sign * samples[:, 1])).astype(np.float32)


def place(sound: Samples, song: Samples, expected_s: float | None = None) -> Placement | None:
    """Finds the sound in the song by normalised cross-correlation.

    Args:
        sound: the video's sound at `RATE_HZ`.
        song: the whole song at `RATE_HZ`.
        expected_s: where it should begin; decides between equally good places, as in a loop.

    Returns:
        None if one of them is silent.
    """
    if not _audible(sound) or not _audible(song):
        return None
    edge = round(_EDGE_S * RATE_HZ)
    padded = np.pad(_sharpened(song), edge + max(0, len(sound) - len(song)))
    before = (len(padded) - len(song)) // 2
    scores = _correlation(padded, _sharpened(sound))
    at = _best(scores, None if expected_s is None else round(expected_s * RATE_HZ) + before)
    start_s = (at - before) / RATE_HZ
    return Placement(start_s, _likeness(sound, song, start_s), _drift(sound, song, start_s))


def _audible(samples: Samples) -> bool:
    return len(samples) >= RATE_HZ // 10 and float(np.abs(samples).max()) > 1e-4


def _sharpened(samples: Samples) -> Samples:
    """Lifts the treble, so that the correlation has a narrow peak."""
    return np.diff(samples, prepend=samples[:1]).astype(np.float32)


def _correlation(longer: Samples, shorter: Samples) -> npt.NDArray[np.float64]:
    """The correlation at each place of `shorter` in `longer`; -1 to 1."""
    products = signal.oaconvolve(longer, shorter[::-1], mode="valid")
    power = np.cumsum(np.concatenate([[0.0], longer.astype(np.float64) ** 2]))
    around = power[len(shorter) :] - power[: -len(shorter)]
    own = float((shorter.astype(np.float64) ** 2).sum())
    floor = 1e-3 * own
    return products / np.sqrt(np.maximum(around, floor) * own)


def _best(scores: npt.NDArray[np.float64], expected: int | None) -> float:
    """The place of the highest peak, between samples; of equal ones the nearest to what is expected, else the first."""
    near = np.flatnonzero(scores >= scores.max() - _TIE)
    peaks = [int(run[np.argmax(scores[run])]) for run in np.split(near, np.flatnonzero(np.diff(near) > 1) + 1)]
    at = peaks[0] if expected is None else min(peaks, key=lambda peak: abs(peak - expected))
    return at + _between(scores, at)


def _between(scores: npt.NDArray[np.float64], at: int) -> float:
    """The summit's place relative to the sample `at`, by a parabola through its neighbours."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    left, middle, right = scores[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _likeness(sound: Samples, song: Samples, start_s: float) -> float:
    """The median correlation over time and pitch, where the song is heard: a shared drum alone makes no likeness."""
    window = round(_WINDOW_S * RATE_HZ)
    other = _excerpt(song, start_s, len(sound))
    values: list[float] = []
    for i in range(0, max(1, len(sound) - window + 1), window):
        values += _band_correlations(sound[i : i + window], other[i : i + window])
    return float(np.median(values)) if values else 0.0


def _band_correlations(sound: Samples, song: Samples) -> list[float]:
    """The correlation in each octave in which the song is heard."""
    if not _audible(song):
        return []
    shape = signal.windows.hann(len(sound))
    ours, theirs = np.fft.rfft(sound * shape), np.fft.rfft(song * shape)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    loudest = float((np.abs(theirs) ** 2).sum())
    values = []
    for low in _OCTAVES_HZ:
        a, b = (spectrum[(hz >= low) & (hz < 2 * low)] for spectrum in (ours, theirs))
        power = float((np.abs(b) ** 2).sum())
        if power > _HEARD * loudest:
            values.append(float((a * b.conj()).real.sum() / np.sqrt(max((np.abs(a) ** 2).sum() * power, 1e-12))))
    return values


def _drift(sound: Samples, song: Samples, start_s: float) -> float:
    """The offset in the last stretch less that in the first."""
    span, reach = round(_STRETCH_S * RATE_HZ), round(_REACH_S * RATE_HZ)
    if len(sound) < 2 * span:
        return 0.0
    late = []
    for i in (0, len(sound) - span):
        piece = sound[i : i + span]
        other = _excerpt(song, start_s + (i - reach) / RATE_HZ, span + 2 * reach)
        if not _audible(piece) or not _audible(other):
            return 0.0
        scores = _correlation(_sharpened(other), _sharpened(piece))
        late.append(reach - _best(scores, reach))
    return float(late[1] - late[0]) / RATE_HZ


def _excerpt(song: Samples, start_s: float, length: int) -> Samples:
    """`length` samples of the song from a time, between samples by linear phase; silence beyond its ends."""
    start = int(np.floor(start_s * RATE_HZ))
    taken = np.zeros(length + 2, np.float32)
    first, last = max(0, start), min(len(song), start + length + 2)
    if last > first:
        taken[first - start : last - start] = song[first:last]
    part = np.float32(start_s * RATE_HZ - start)
    return taken[:length] * (1 - part) + taken[1 : length + 1] * part
