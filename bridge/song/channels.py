# SPDX-License-Identifier: GPL-3.0-or-later
"""The song as curves that drive a picture: drums, bass, harmony, voice, loudness, brightness, beats and sections.

Without weights: harmonic and percussive parts by median filters (Fitzgerald, "Harmonic/percussive separation using
median filtering", 2010, as in librosa), bands, and rises of their levels. All channels have one rate and the range 0-1.
"""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.signal

from blender_addon.core.song_channels import MEANINGS
from blender_addon.core.types import SongAnalysis
from bridge.common.errors import BadInput
from bridge.common.files import write_text, written_beside
from bridge.song.audio import Audio
from bridge.song.spectra import RATE_HZ, Spectra, compute_spectra, envelope_centres_hz, rises

Curve = npt.NDArray[np.floating]

_KERNEL = (21, 25)
"""frames of 10 ms, bands of a twelfth of an octave: what lasts longer is no hit, what is narrower is a tone"""
_LAG = 2
_HALF_LIFE_S = 0.06
_AROUND_S = 0.5
_LEAST = 0.4
"""of a hit, as a share of the mean of the song's strong hits and the strongest nearby: quiet passages have drums too"""
_NEARBY_S = 4.0
_APART_S = 0.07
_EARLY_S = 0.01
"""how much earlier the envelope's long window shows a hit than it is"""
_RANGE_DB = 50.0
_BRIGHT_HZ = (100.0, 8_000.0)
_DROP_BARS = 4


@dataclass(frozen=True)
class Channels:
    """All of a song's channels; value `i` of each belongs to the time `i / rate_hz`."""

    rate_hz: int
    curves: dict[str, Curve]
    """0-1 each, by the names in `MEANINGS`, all of one length"""


def compute_channels(audio: Audio, analysis: SongAnalysis) -> Channels:
    """The channels of a song.

    Args:
        audio: at `spectra.SAMPLE_RATE_HZ`.
        analysis: of the same song; beats, sections and drop are read there.
    """
    spectra = compute_spectra(audio)
    harmonic, percussive = _parted(spectra)
    curves = _drums(percussive) | _levels(harmonic, spectra) | _phases(analysis, spectra.frame_count)
    return Channels(RATE_HZ, {name: curves[name].astype(np.float32) for name in MEANINGS})


def hits(curve: Curve, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float64]:
    """The times in seconds at which a drum's channel jumps up."""
    jumps = np.diff(curve, prepend=0.0) > 1e-3
    return np.flatnonzero(jumps) / rate_hz


def write(channels: Channels, path: str | os.PathLike[str]) -> None:
    """Writes the channels as an .npz of arrays (with `rate_hz`) or as a .csv with a row per moment.

    Raises:
        BadInput: the file cannot be written, or its name ends otherwise.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind == ".npz":
        with written_beside(target) as beside, beside.open("wb") as file:
            np.savez_compressed(file, rate_hz=np.array(channels.rate_hz), **channels.curves)
    elif kind == ".csv":
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["time_s", *channels.curves])
        values = np.stack(list(channels.curves.values()), axis=1)
        rows.writerows(
            [f"{i / channels.rate_hz:.2f}", *(f"{value:.4f}" for value in row)] for i, row in enumerate(values)
        )
        write_text(target, text.getvalue())
    else:
        raise BadInput(f"{target.name} can't hold channels; end its name in .npz or .csv.")


def _parted(spectra: Spectra) -> tuple[Curve, Curve]:
    """The amplitude of what sounds on and of what is struck, each of shape (frames, bands)."""
    amplitude = np.expm1(spectra.envelope)
    harmonic, percussive = librosa.decompose.hpss(amplitude.T, kernel_size=_KERNEL)
    return harmonic.T, percussive.T


def _drums(struck: Curve) -> dict[str, Curve]:
    """A kick rises in the lows with a click above; a snare from its body to its crack at once; hats in the highs.

    By amplitude, not by its logarithm: to that one the faint lows of a snare rise as much as a kick's.
    """
    low, body, crack, air = (_rise(struck, *edges) for edges in ((0, 110), (150, 1_000), (2_000, 6_000), (6_000, 2e4)))
    click = _rise(struck, 300, 5_000)
    drums = {"kick": np.sqrt(low * np.sqrt(low * click)), "snare": np.minimum(body, crack), "hats": air}
    return {name: _hit_curve(series) for name, series in drums.items()}


def _rise(struck: Curve, low_hz: float, high_hz: float) -> Curve:
    """How much a band's amplitude rises over 20 ms; 1 is what counts as strong in this song."""
    centres_hz = envelope_centres_hz()
    inside = (low_hz <= centres_hz) & (centres_hz < high_hz)
    amplitude = struck[:, inside].mean(axis=1, keepdims=True)
    from_silence = np.pad(amplitude, ((_LAG, 0), (0, 0)))  # a song may begin with a hit
    rise = rises(from_silence, _LAG, [slice(None)])[_LAG:, 0]
    return rise / (np.percentile(rise, 98) + 1e-6)


def _hit_curve(strength: Curve) -> Curve:
    """Peaks that stand out of the half second around, each as high as it is strong, with a tail."""
    level = scipy.ndimage.median_filter(strength, int(_AROUND_S * RATE_HZ) | 1, mode="nearest")
    outstanding = np.maximum(strength - level, 0)
    peaks, found = scipy.signal.find_peaks(np.append(0, outstanding), height=1e-3, distance=int(_APART_S * RATE_HZ))
    peaks = peaks - 1
    curve = np.zeros(len(strength), np.float32)
    if not len(peaks):
        return curve
    strong = np.percentile(found["peak_heights"], 90)
    nearby = scipy.ndimage.maximum_filter1d(outstanding, int(_NEARBY_S * RATE_HZ))[peaks]
    kept = peaks[found["peak_heights"] > _LEAST * np.sqrt(strong * np.minimum(nearby, strong))]
    places = np.minimum(kept + round(_EARLY_S * RATE_HZ), len(curve) - 1)
    curve[places] = np.clip(outstanding[kept] / strong, 0, 1)
    decay = 0.5 ** (1 / (_HALF_LIFE_S * RATE_HZ))
    for i in range(1, len(curve)):
        curve[i] = max(curve[i], decay * curve[i - 1])
    return curve


def _levels(harmonic: Curve, spectra: Spectra) -> dict[str, Curve]:
    centres_hz = envelope_centres_hz()

    def level(low_hz: float, high_hz: float) -> Curve:
        inside = (low_hz <= centres_hz) & (centres_hz < high_hz)
        return _scaled(scipy.ndimage.uniform_filter1d(harmonic[:, inside].sum(axis=1), 5))

    glide = scipy.ndimage.uniform_filter1d(np.abs(np.diff(_centroid(harmonic, centres_hz), prepend=0.0)), 25)
    db = 10 * np.log10(spectra.power / (spectra.power.max() + 1e-12) + 1e-9)
    low, high = np.log2(_BRIGHT_HZ)
    return {
        "bass": level(0, 200),
        "harmony": level(200, np.inf),
        "voice": _scaled(level(250, 4_000) * (0.3 + _scaled(glide))),
        "loudness": np.clip(1 + db / _RANGE_DB, 0, 1),
        "brightness": np.clip((_centroid(np.expm1(spectra.envelope), centres_hz) - low) / (high - low), 0, 1),
    }


def _centroid(amplitude: Curve, centres_hz: Curve) -> Curve:
    """The middle of each frame's spectrum, in octaves above 1 Hz; the lowest where there is silence."""
    total = amplitude.sum(axis=1)
    return np.where(total > 1e-3, amplitude @ np.log2(centres_hz) / (total + 1e-9), np.log2(centres_hz[0]))


def _scaled(series: Curve) -> Curve:
    return np.clip(series / (np.percentile(series, 98) + 1e-6), 0, 1)


def _phases(analysis: SongAnalysis, count: int) -> dict[str, Curve]:
    times_s = np.arange(count) / RATE_HZ
    downbeats_s = np.array(analysis.downbeats_s)
    edges_s = [section.start_s for section in analysis.sections] + [analysis.duration_s]
    drop = np.zeros(count)
    if analysis.drop_s is not None and len(downbeats_s) > 1:
        reach_s = _DROP_BARS * float(np.median(np.diff(downbeats_s)))
        drop = np.clip(1 - np.abs(times_s - analysis.drop_s) / reach_s, 0, 1)
    return {
        "beat": _saw(np.array([beat.time_s for beat in analysis.beats]), times_s),
        "bar": _saw(downbeats_s, times_s),
        "section": _saw(np.array(edges_s), times_s),
        "drop": drop,
    }


def _saw(edges_s: npt.NDArray[np.float64], times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From 0 on each edge up to 1 at the next; 0 before the first and after the last."""
    if len(edges_s) < 2:
        return np.zeros(len(times_s))
    place = np.interp(times_s, edges_s, np.arange(len(edges_s)), left=0.0, right=0.0)
    return place % 1.0
