# SPDX-License-Identifier: GPL-3.0-or-later
"""What every later stage listens to: onsets in bands, the spectrum's envelope, chroma and bass, all from one sound.

All series are on a 10 ms grid except `chroma` and `bass` (40 ms) and `attack` (2.5 ms). Series value `i` is centred on
`i / rate`.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import librosa
import numpy as np
import numpy.typing as npt
import scipy.ndimage

from bridge.song.audio import Audio

SAMPLE_RATE_HZ = 24_000
RATE_HZ = 100
HARMONY_RATE_HZ = 25
ATTACK_RATE_HZ = 400

BAND_EDGES_HZ = (40.0, 130.0, 400.0, 2_000.0, 6_000.0, 10_500.0)
"""kick and bass, low mid, mid (snare, voice, chords), high, air (cymbals)"""

_BLOCK_SAMPLES = 1 << 20
"""in the windows of a block, which overlap: enough to be fast, too few to fill the memory"""

Series = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Spectra:
    """The series; n frames of 10 ms."""

    onsets: Series
    """(n, 5): rise of log energy per band of `BAND_EDGES_HZ`, blind to vibrato"""
    envelope: Series
    """(n, bands): log energy, 12 bands per octave"""
    power: Series
    """(n,): mean power"""
    chroma: Series
    """(n / 4, 12): energy of the pitch classes 65 Hz-2 kHz without drums, unit length where there is sound"""
    bass: Series
    """(n / 4, semitones): pitch profile 35-260 Hz without drums, unit length where there is sound"""
    attack: Series
    """(4 n, 4): rise of log energy below 110 Hz, below 300 Hz, above, above 7 kHz, on a 2.5 ms grid, for exact times"""

    @property
    def frame_count(self) -> int:
        return len(self.power)


def compute_spectra(audio: Audio) -> Spectra:
    """Turns sound into series.

    Args:
        audio: at `SAMPLE_RATE_HZ`, any number of channels.
    """
    mono = audio.mono
    envelope, onsets, power = _onsets(mono)
    chroma, bass = _pitch_profiles(mono)
    return Spectra(onsets, envelope, power, chroma, bass, _attack(mono))


def envelope_centres_hz() -> Series:
    """The centre frequency of each band of the envelope."""
    return _filterbank(2048)[1]


def rises(levels: Series, lag: int, bands: Sequence[slice], widest: int = 1) -> Series:
    """How much each band's level has risen over `lag` frames, falls as 0, shape (frames, bands).

    Args:
        levels: shape (frames, bins).
        lag: in frames; the first ones, which have none before them, are 0.
        bands: the bins of each band; the mean over these counts.
        widest: so many bins around each are compared with, their highest: a pitch that glides is no rise.
    """
    strength = librosa.onset.onset_strength_multi(
        S=levels.T, lag=lag, max_size=widest, channels=list(bands), center=False
    )
    return strength.T[: len(levels)]  # where the song is shorter than the lag there is more


def _stft_blocks(mono: Series, size: int, hop: int, overlap: int = 0) -> Iterator[Series]:
    """Magnitudes in blocks of shape (frames, size // 2 + 1), frame i centred on sample `i * hop`.

    Blocks, because a whole song's spectrum takes gigabytes. Each but the first repeats the last `overlap` frames.
    """
    # In single precision: with librosa's own window, of doubles, the transform takes twice as long.
    window = librosa.filters.get_window("hann", size).astype(np.float32)
    padded = np.pad(mono, (size // 2, size // 2 + hop))
    count, step = len(mono) // hop + 1, _BLOCK_SAMPLES // size
    for start in range(0, count, step):
        first, last = max(0, start - overlap), min(start + step, count) - 1
        block = padded[first * hop : last * hop + size]
        yield np.abs(librosa.stft(block, n_fft=size, hop_length=hop, window=window, center=False)).T


def _loudest(frame_peaks: Series) -> float:
    """The level that counts as loud in this song; never zero."""
    return float(np.percentile(frame_peaks, 95)) + 1e-6


def _filterbank(size: int, bands_per_octave: int = 12) -> tuple[Series, Series]:
    """Triangular filters, shape (size // 2 + 1, bands), each of sum 1; and their centres in Hz.

    As many per octave everywhere; librosa has triangles on the mel scale alone, which has fewer where the bass is.
    """
    low, high = BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1]
    count = int(bands_per_octave * np.log2(high / low)) + 1
    edges_hz = librosa.cqt_frequencies(count, fmin=low, bins_per_octave=bands_per_octave)
    bins = np.unique(np.round(edges_hz * size / SAMPLE_RATE_HZ).astype(int))
    index = np.arange(size // 2 + 1)[:, None]
    left, centre, right = bins[:-2], bins[1:-1], bins[2:]
    rising = (index - left) / (centre - left)
    falling = (right - index) / (right - centre)
    bank = np.clip(np.minimum(rising, falling), 0, None)
    return (bank / bank.sum(axis=0)).astype(np.float32), (centre * SAMPLE_RATE_HZ / size).astype(np.float32)


def _onsets(mono: Series) -> tuple[Series, Series, Series]:
    """Log envelope; its rise over 20 ms against the bands around (Böck and Widmer 2013, SuperFlux); power."""
    bank, centres_hz = _filterbank(2048)
    reduced = [
        (block @ bank, block.max(axis=1), np.mean(block**2, axis=1))
        for block in _stft_blocks(mono, 2048, SAMPLE_RATE_HZ // RATE_HZ)
    ]
    banded, peaks, power = (np.concatenate(part) for part in zip(*reduced, strict=True))
    envelope = np.log1p(600 / _loudest(peaks) * banded)
    edges = [0, *np.searchsorted(centres_hz, BAND_EDGES_HZ[1:-1]).tolist(), len(centres_hz)]
    onsets = rises(envelope, 2, [slice(*band) for band in itertools.pairwise(edges)], widest=3)
    return envelope, onsets, power


def _pitch_profiles(mono: Series) -> tuple[Series, Series]:
    """Chroma and bass profile of the spectrum's peaks, with short sounds (drums) removed by a median over time."""
    frequencies_hz = librosa.fft_frequencies(sr=SAMPLE_RATE_HZ, n_fft=4096)
    keep = (frequencies_hz > 30) & (frequencies_hz < 2_100)
    frequencies_hz = frequencies_hz[keep]
    hop = SAMPLE_RATE_HZ // HARMONY_RATE_HZ
    tonal = np.concatenate([block[:, keep] for block in _stft_blocks(mono, 4096, hop)])
    # The harmonic half of librosa.decompose.hpss, without the other half that its soft mask asks for.
    tonal = scipy.ndimage.median_filter(tonal, (7, 1), mode="nearest")
    tonal = np.sqrt(np.minimum(tonal, _loudest(tonal.max(axis=1))))
    tonal = np.maximum(0, tonal - scipy.ndimage.uniform_filter1d(tonal, 15, axis=1))
    pitch = librosa.hz_to_midi(frequencies_hz)
    to_class = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    fold = np.exp(-0.5 * (to_class / 0.35) ** 2) * ((frequencies_hz > 65) & (frequencies_hz < 2_000))[:, None]
    semitones = np.exp(-0.5 * ((pitch[:, None] - np.arange(26, 60)) / 0.5) ** 2) * (frequencies_hz < 260)[:, None]
    return _unit_rows(tonal @ fold.astype(np.float32)), _unit_rows(tonal @ semitones.astype(np.float32))


def _unit_rows(profile: Series) -> Series:
    length = np.linalg.norm(profile, axis=1, keepdims=True)
    return profile / (length + 0.05 * length.max() + 1e-9)


def _attack(mono: Series) -> Series:
    """See `Spectra.attack`."""
    hop, lag = SAMPLE_RATE_HZ // ATTACK_RATE_HZ, 3
    below_110, below_300, below_7000 = np.searchsorted(
        librosa.fft_frequencies(sr=SAMPLE_RATE_HZ, n_fft=512), (110, 300, 7_000)
    ).tolist()
    bands = (slice(below_110), slice(below_300), slice(below_300, None), slice(below_7000, None))
    sample = np.concatenate([block.max(axis=1) for block in _stft_blocks(mono, 512, 8 * hop)])
    gain = 200 / _loudest(sample)
    blocks = (np.log1p(gain * block) for block in _stft_blocks(mono, 512, hop, overlap=lag))
    parts = [rises(level, lag, bands)[lag if i else 0 :] for i, level in enumerate(blocks)]
    attack = np.concatenate(parts)
    return attack / (attack.std(axis=0) + 1e-6)
