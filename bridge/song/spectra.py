# SPDX-License-Identifier: GPL-3.0-or-later
"""What every later stage listens to: onsets in bands, the spectrum's envelope, chroma and bass, all from one sound.

All series are on a 10 ms grid except `chroma` and `bass` (40 ms) and `attack` (2.5 ms). Series value `i` is centred on
`i / rate`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage

from bridge.song.audio import Audio

SAMPLE_RATE_HZ = 24_000
RATE_HZ = 100
HARMONY_RATE_HZ = 25
ATTACK_RATE_HZ = 400

BAND_EDGES_HZ = (40.0, 130.0, 400.0, 2_000.0, 6_000.0, 10_500.0)
"""kick and bass, low mid, mid (snare, voice, chords), high, air (cymbals)"""

_BLOCK = 512

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


def _stft_blocks(mono: Series, size: int, hop: int, overlap: int = 0) -> Iterator[Series]:
    """Magnitudes in blocks of shape (frames, size // 2 + 1), frame i centred on sample `i * hop`.

    Blocks, because a whole song's spectrum takes gigabytes. Each but the first repeats the last `overlap` frames.
    """
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    padded = np.pad(mono, (size // 2, size // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: len(mono) // hop + 1]
    for start in range(0, len(frames), _BLOCK):
        block = frames[max(0, start - overlap) : start + _BLOCK]
        yield np.abs(np.asarray(scipy.fft.rfft(block * window, axis=1)))


def _loudest(frame_peaks: Series) -> float:
    """The level that counts as loud in this song; never zero."""
    return float(np.percentile(frame_peaks, 95)) + 1e-6


def _filterbank(size: int, bands_per_octave: int = 12) -> tuple[Series, Series]:
    """Triangular filters, shape (size // 2 + 1, bands), each of sum 1; and their centres in Hz."""
    low, high = BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1]
    count = int(bands_per_octave * np.log2(high / low)) + 1
    bins = np.unique(np.round(low * 2 ** (np.arange(count) / bands_per_octave) * size / SAMPLE_RATE_HZ).astype(int))
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
    widest = scipy.ndimage.maximum_filter1d(envelope, 3, axis=1)
    rise = np.zeros_like(envelope)
    rise[2:] = np.maximum(0, envelope[2:] - widest[:-2])
    band = np.digitize(centres_hz, BAND_EDGES_HZ[1:-1])
    onsets = np.stack([rise[:, band == i].mean(axis=1) for i in range(len(BAND_EDGES_HZ) - 1)], axis=1)
    return envelope, onsets, power


def _pitch_profiles(mono: Series) -> tuple[Series, Series]:
    """Chroma and bass profile of the spectrum's peaks, with short sounds (drums) removed by a median over time."""
    frequencies_hz = np.fft.rfftfreq(4096, 1 / SAMPLE_RATE_HZ)
    keep = (frequencies_hz > 30) & (frequencies_hz < 2_100)
    frequencies_hz = frequencies_hz[keep]
    hop = SAMPLE_RATE_HZ // HARMONY_RATE_HZ
    tonal = np.concatenate([block[:, keep] for block in _stft_blocks(mono, 4096, hop)])
    tonal = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(tonal, ((3, 3), (0, 0)), "edge"), 7, 0), -1)
    tonal = np.sqrt(np.minimum(tonal, _loudest(tonal.max(axis=1))))
    tonal = np.maximum(0, tonal - scipy.ndimage.uniform_filter1d(tonal, 15, axis=1))
    pitch = 69 + 12 * np.log2(frequencies_hz / 440)
    to_class = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    fold = np.exp(-0.5 * (to_class / 0.35) ** 2) * ((frequencies_hz > 65) & (frequencies_hz < 2_000))[:, None]
    semitones = np.exp(-0.5 * ((pitch[:, None] - np.arange(26, 60)) / 0.5) ** 2) * (frequencies_hz < 260)[:, None]
    return _unit_rows(tonal @ fold.astype(np.float32)), _unit_rows(tonal @ semitones.astype(np.float32))


def _unit_rows(profile: Series) -> Series:
    length = np.linalg.norm(profile, axis=1, keepdims=True)
    return profile / (length + 0.05 * length.max() + 1e-9)


def _attack(mono: Series) -> Series:
    """See `Spectra.attack`. The rise is over three frames, so blocks overlap by as many."""
    hop = SAMPLE_RATE_HZ // ATTACK_RATE_HZ
    frequencies_hz = np.fft.rfftfreq(512, 1 / SAMPLE_RATE_HZ)
    parts = (frequencies_hz < 110, frequencies_hz < 300, frequencies_hz >= 300, frequencies_hz > 7_000)
    sample = np.concatenate([block.max(axis=1) for block in _stft_blocks(mono, 512, 8 * hop)])
    gain = 200 / _loudest(sample)
    bands = [np.zeros((3, len(parts)), np.float32)]
    for block in _stft_blocks(mono, 512, hop, overlap=3):
        level = np.log1p(gain * block)
        rise = np.maximum(0, level[3:] - level[:-3])
        bands.append(np.stack([rise[:, part].mean(axis=1) for part in parts], axis=1))
    attack = np.concatenate(bands)[: len(mono) // hop + 1]
    return attack / (attack.std(axis=0) + 1e-6)
