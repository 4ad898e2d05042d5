# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks for a beat, a downbeat and a tempo in each frame of 20 ms."""

from dataclasses import dataclass

import librosa
import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bridge.song.spectra import HARMONY_RATE_HZ, RATE_HZ, Series, Spectra, rises

CUE_RATE_HZ = 50
CUES = ("onset", "kick", "snare", "air", "accent", "chord", "bass", "novelty")

_BAND_WEIGHTS = np.array([1.2, 0.7, 0.9, 1.0, 0.7], np.float32)


@dataclass(frozen=True)
class Features:
    """n frames of 20 ms."""

    cues: Series
    """(n, len(CUES)): onsets 0 to about 1, accents 0 to 2, the changes in standard deviations"""
    beat_fit: Series
    """(seconds, beat lags): how well a beat period fits around that second, 0-1"""
    beat_lags_s: Series
    bar_fit: Series
    """(seconds, bar lags): the same for a bar's length"""
    bar_lags_s: Series
    first_sound_s: float
    last_sound_s: float

    def frames(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The rows of `cues` nearest to these times, in the same shape."""
        return np.clip(np.round(times_s * CUE_RATE_HZ).astype(int), 0, len(self.cues) - 1)


def compute_features(spectra: Spectra) -> Features:
    """Condenses the spectra to the cues that the bar model reads."""
    activation = _activation(spectra.onsets)
    kick = _relative(_smooth(spectra.onsets[:, 0]), 95)
    snare = _relative(_smooth(spectra.onsets[:, 2] + spectra.onsets[:, 3]), 95)
    count = (spectra.frame_count + 1) // 2
    chord, bass = harmonic_change(spectra, count)
    novelty = _section_novelty(spectra, chord, count)
    air = _relative(_smooth(spectra.onsets[:, 4]), 97)
    struck = [_halve(series) for series in (activation, kick, snare, air, _accent(spectra))]
    cues = np.stack([*struck, _standard(chord), _standard(bass), novelty], axis=1)
    beat_lags = np.arange(int(RATE_HZ * 60 / 220), int(RATE_HZ * 60 / 48) + 1)
    bar_lags = np.arange(int(RATE_HZ * 0.5), int(RATE_HZ * 5.0))
    loud = np.flatnonzero(spectra.power > spectra.power.max() * 1e-4)
    first, last = (loud[0], loud[-1]) if len(loud) else (0, spectra.frame_count - 1)
    return Features(
        cues.astype(np.float32),
        _beat_fit(activation, beat_lags),
        beat_lags / RATE_HZ,
        _bar_fit([kick, snare, air], bar_lags),
        bar_lags / RATE_HZ,
        first / RATE_HZ,
        last / RATE_HZ,
    )


def local_quantile(series: Series, window_s: float, percent: float, rate_hz: float = RATE_HZ) -> Series:
    """The percentile over a sliding window, taken every quarter of the window and interpolated."""
    window = min(max(4, int(window_s * rate_hz)), len(series))
    hop = max(1, window // 4)
    levels = np.percentile(librosa.util.frame(series, frame_length=window, hop_length=hop), percent, axis=0)
    return np.interp(np.arange(len(series)), np.arange(len(levels)) * hop + window / 2, levels).astype(np.float32)


def _smooth(series: Series, sigma: float = 1.0) -> Series:
    return np.asarray(scipy.ndimage.gaussian_filter1d(series, sigma, axis=0))


def _relative(series: Series, percent: float, window_s: float = 6.0, highest: float = 1.2) -> Series:
    """The series against its own loud moments nearby, so that quiet passages count too."""
    level = 0.7 * local_quantile(series, window_s, percent) + 0.3 * np.percentile(series, percent)
    return np.clip(series / (level + 1e-6), 0, highest)


def _activation(onsets: Series) -> Series:
    """One onset strength, 0-1, of all bands with their loudness levelled over 8 s."""
    square = scipy.ndimage.uniform_filter1d(onsets**2, 8 * RATE_HZ + 1, axis=0, mode="nearest")
    level = np.sqrt(np.maximum(square, 0)) + 0.15 * np.sqrt(np.mean(onsets**2, axis=0)) + 1e-6
    strength = _smooth(np.minimum(onsets / level, 4) @ _BAND_WEIGHTS)
    return _relative(strength, 92, 3.0, 1.3) / 1.3


def _accent(spectra: Spectra) -> Series:
    """How much louder it gets at once, in amplitude summed over all bands.

    The other onsets are rises of log energy, levelled and capped: to them a soft note out of silence is as good as a
    drum. This one tells the strong from the weak (the dynamic accent of Lerdahl and Jackendoff, 1983).
    """
    amplitude = _smooth(np.expm1(spectra.envelope).sum(axis=1, keepdims=True))
    rise = rises(amplitude, 3, [slice(None)])[:, 0]
    return _relative(_smooth(rise), 95, highest=2.0)


def _halve(series: Series) -> Series:
    """To the cues' rate; a peak between two frames belongs to both."""
    return scipy.ndimage.maximum_filter1d(series, 3)[::2]


def _means(cumulated: Series, start: Series, end: Series) -> Series:
    """The mean row over [start, end), at least one row, inside the series."""
    last = len(cumulated) - 1
    first = np.clip(start.astype(int), 0, last - 1)
    stop = np.clip(np.maximum(end.astype(int), first + 1), 1, last)
    return (cumulated[stop] - cumulated[first]) / (stop - first)[:, None]


def _cumulated(rows: Series) -> Series:
    return np.vstack([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=np.float64)])


def _cosine_distance(before: Series, after: Series) -> Series:
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return 1 - (before * after).sum(axis=1) / (lengths + 1e-9)


def harmonic_change(spectra: Spectra, count: int) -> tuple[Series, Series]:
    """How much the chord, and the bass note, after a frame differ from those before it."""
    at = np.arange(count) * HARMONY_RATE_HZ / CUE_RATE_HZ
    changes = []
    for profile, windows_s in ((spectra.chroma, (0.5, 1.0, 2.0)), (spectra.bass, (0.4, 0.8))):
        cumulated, change = _cumulated(profile), np.zeros(count)
        for window_s in windows_s:
            reach = window_s * HARMONY_RATE_HZ
            before, after = _means(cumulated, at - reach, at - 0.5), _means(cumulated, at + 1.5, at + reach + 1)
            distance = _smooth(_cosine_distance(before + 1e-3, after + 1e-3))
            change += distance / (distance.mean() + 1e-9)
        changes.append(change.astype(np.float32))
    return changes[0], changes[1]


def _standard(series: Series) -> Series:
    """In standard deviations from the mean of the seconds around, within -2 to 3."""
    mean = scipy.ndimage.uniform_filter1d(series, 10 * CUE_RATE_HZ, mode="nearest")
    spread = np.sqrt(scipy.ndimage.uniform_filter1d((series - series.mean()) ** 2, 16 * CUE_RATE_HZ, mode="nearest"))
    return np.clip((series - mean) / (spread + 0.3 * series.std() + 1e-9), -2, 3)


def _zscore(series: Series) -> Series:
    return (series - series.mean()) / (series.std() + 1e-9)


def _section_novelty(spectra: Spectra, chord: Series, count: int) -> Series:
    """A new part: a change between the seconds before and after (that it is near) times a sudden one (where it is)."""
    at = np.arange(count) * HARMONY_RATE_HZ / CUE_RATE_HZ
    step = RATE_HZ // HARMONY_RATE_HZ
    frames = min(len(spectra.chroma), len(spectra.envelope[::step]))
    texture = np.hstack([spectra.envelope[::step, ::2][:frames], 3 * spectra.chroma[:frames]])
    texture = (texture - texture.mean(axis=0)) / (texture.std() + 1e-9)
    cumulated, slow = _cumulated(texture), np.zeros(count)
    for window_s in (4.0, 8.0):
        reach = min(window_s * HARMONY_RATE_HZ, frames / 3)
        distance = np.linalg.norm(_means(cumulated, at - reach, at) - _means(cumulated, at + 1, at + reach), axis=1)
        inside = np.clip(np.minimum(at, frames - at) / (reach + 1e-9), 0, 1)
        slow += _zscore(distance * inside)
    cumulated, sudden = _cumulated(spectra.envelope[:, ::2]), 0.7 * _zscore(chord.astype(np.float64))
    at = np.arange(count) * RATE_HZ / CUE_RATE_HZ
    for window_s in (0.35, 0.9):
        reach = window_s * RATE_HZ
        before, after = _means(cumulated, at - reach, at - 1), _means(cumulated, at + 2, at + reach)
        sudden += _zscore(np.linalg.norm(before - after, axis=1))
    slow = np.maximum(0, slow)
    near = np.exp(-0.5 * ((slow - scipy.ndimage.maximum_filter1d(slow, 3 * CUE_RATE_HZ)) / 0.35) ** 2)
    novelty = slow * near * np.maximum(0, sudden)
    return (6 * np.clip(novelty / (np.percentile(novelty, 99) + 1e-9), 0, 1.5)).astype(np.float32)


def _autocorrelation(series: Series, window_s: float, longest: int) -> Series:
    """Around each second, shape (seconds, longest), 1 at lag 0; negative correlation counts as none.

    It is what `librosa.feature.tempogram` does for each frame, a hundred times as often.
    """
    window = int(window_s * RATE_HZ)
    centred = series - scipy.ndimage.uniform_filter1d(series, int(1.5 * RATE_HZ))
    padded = np.pad(centred, (window // 2, window // 2 + 1))
    frames = librosa.util.frame(padded, frame_length=window, hop_length=RATE_HZ, axis=0) * np.hanning(window)
    correlation = librosa.autocorrelate(frames, max_size=longest, axis=1)
    correlation = scipy.ndimage.maximum_filter1d(correlation / (correlation[:, :1] + 1e-9), 3, axis=1)
    return np.maximum(correlation, 0).astype(np.float32)


def _beat_fit(activation: Series, lags: npt.NDArray[np.int64]) -> Series:
    """How well a beat period fits: the autocorrelation at the lag, supported by its multiples."""
    correlation = _autocorrelation(activation, 8.0, 4 * lags[-1] + 1)
    fit = sum(
        weight * correlation[:, multiple * lags] for multiple, weight in ((1, 1.0), (2, 0.7), (3, 0.35), (4, 0.7))
    )
    fit = scipy.ndimage.gaussian_filter1d(fit, 2.0, axis=0)
    return (fit / (fit.max(axis=1, keepdims=True) + 1e-9)).astype(np.float32)


def _bar_fit(drums: list[Series], lags: npt.NDArray[np.int64]) -> Series:
    """How well a bar's length fits: whether low, middle and high onsets come again after it."""
    correlation = np.sum([_autocorrelation(series, 12.0, lags[-1] + 1) for series in drums], axis=0)[:, lags]
    correlation = scipy.ndimage.gaussian_filter1d(correlation, 2.0, axis=0)
    return (correlation / (correlation.max(axis=1, keepdims=True) + 1e-9)).astype(np.float32)
