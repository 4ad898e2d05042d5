# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the song's sound on its way into the video: level, treble, stereo, clipping, each against the song."""

import numpy as np
from scipy import signal

from bridge.check.measures import info_only, limited
from bridge.check.report import Group, Measure
from bridge.check.sound_file import Samples, SoundFile

MOST_CLIPPED = 1e-4
"""more of the samples than in the song itself"""
MOST_LEVEL_DB = 1.5
MOST_TREBLE_DB = 3.0
MOST_WIDTH_DB = 3.0
_TREBLE_HZ = (6_000, 12_000)
_SILENT_DB = -60.0
"""of the song's own level, below which there is no treble or no stereo to lose"""
_FLAT_SAMPLES = 3
"""so many samples in a row at full scale are a peak that was cut off"""
_FULL_SCALE = 0.999
_WINDOW_S = 1.0


def quality_measures(video: SoundFile, song: SoundFile, song_start_s: float) -> list[Measure]:
    """The video's sound against the same stretch of the song's file.

    Args:
        song_start_s: the song's time, from its first sample, at the video's first sample.
    """
    length_s = min(len(video.samples) / video.rate_hz, len(song.samples) / song.rate_hz - song_start_s)
    start_s = max(0.0, -song_start_s)
    heard = video.excerpt(start_s, length_s - start_s)
    wanted = song.excerpt(song_start_s + start_s, length_s - start_s)
    if not len(heard) or not len(wanted) or not wanted.any():
        return []
    level_db = _median_db(_levels(heard, video.rate_hz), _levels(wanted, song.rate_hz))
    return [
        _clipping(clipped_share(heard), clipped_share(wanted)),
        _level(level_db, is_mixed=song.channels > 2),
        *_treble(heard, video.rate_hz, wanted, song.rate_hz, level_db),
        *_width(heard, wanted, level_db),
    ]


def clipped_share(samples: Samples) -> float:
    """The share of samples in peaks that were cut off at full scale."""
    full = np.abs(samples) >= _FULL_SCALE
    runs = np.stack([np.convolve(side, np.ones(_FLAT_SAMPLES), "same") >= _FLAT_SAMPLES for side in full.T], axis=1)
    return float(runs.mean())


def _clipping(heard: float, wanted: float) -> Measure:
    return limited(
        Group.SOUND, "clipping", heard, f"{heard:.3%} of the samples, the song {wanted:.3%}", "",
        f"at most {MOST_CLIPPED:.2%} more than the song", heard <= wanted + MOST_CLIPPED,
        "Peaks are cut off that the song has whole; lower the sound's level before it is encoded.",
    )  # fmt: skip


def _level(level_db: float, *, is_mixed: bool) -> Measure:
    text = f"{level_db:+.1f} dB against the song"
    if is_mixed:
        return info_only(Group.SOUND, "level", level_db, f"{text}, which has more than two channels", "dB")
    return limited(
        Group.SOUND, "level", level_db, text, "dB", f"within {MOST_LEVEL_DB:.1f} dB",
        abs(level_db) <= MOST_LEVEL_DB, "Play the song at its own level: volume 1, no gain.",
    )  # fmt: skip


def _treble(heard: Samples, rate_hz: int, wanted: Samples, song_hz: int, level_db: float) -> list[Measure]:
    top_hz = min(_TREBLE_HZ[1], 0.45 * song_hz)
    if top_hz <= _TREBLE_HZ[0]:
        return []
    ours, theirs = _band_db(heard, rate_hz, top_hz), _band_db(wanted, song_hz, top_hz)
    if theirs - _band_db(wanted, song_hz, 0) < _SILENT_DB:
        return []
    lost_db = theirs + level_db - ours
    return [
        limited(
            Group.SOUND, "treble", -lost_db, f"{-lost_db:+.1f} dB against the song, {_TREBLE_HZ[0] // 1000} kHz and up",
            "dB", f"at most {MOST_TREBLE_DB:.0f} dB less", lost_db <= MOST_TREBLE_DB,
            "The sound is duller than the song; export it at 48 kHz and 192 kb/s from the song file itself.",
        )
    ]  # fmt: skip


def _width(heard: Samples, wanted: Samples, level_db: float) -> list[Measure]:
    """What the sides have that the middle hasn't, or the other way about where the song has it so."""
    found = []
    for name, sign in (("stereo width", -1.0), ("middle", 1.0)):
        theirs = _db(wanted[:, 0] + sign * wanted[:, 1])
        if theirs - _db(wanted) < _SILENT_DB / 2:
            continue
        lost_db = theirs + level_db - _db(heard[:, 0] + sign * heard[:, 1])
        found.append(
            limited(
                Group.SOUND, name, -lost_db, f"{-lost_db:+.1f} dB against the song", "dB",
                f"at most {MOST_WIDTH_DB:.0f} dB less", lost_db <= MOST_WIDTH_DB,
                "The song's stereo is lost; export both channels, each to its side.",
            )
        )  # fmt: skip
    return found


def _band_db(samples: Samples, rate_hz: int, top_hz: float) -> float:
    """The power of the treble up to `top_hz`, or of everything for 0."""
    hz, power = signal.welch(samples, rate_hz, nperseg=min(4096, len(samples)), axis=0)
    inside = (hz >= _TREBLE_HZ[0]) & (hz < top_hz) if top_hz else hz >= 0
    return float(10 * np.log10(power[inside].sum() * hz[1] + 1e-20)) if len(hz) > 1 else -200.0


def _db(samples: Samples) -> float:
    return float(10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-20))


def _levels(samples: Samples, rate_hz: int) -> list[float]:
    window = round(_WINDOW_S * rate_hz)
    return [_db(samples[i : i + window]) for i in range(0, max(1, len(samples) - window + 1), window)]


def _median_db(heard: list[float], wanted: list[float]) -> float:
    """The median difference over seconds: a fade at the end doesn't count."""
    loudest = max(wanted)
    pairs = [(ours, theirs) for ours, theirs in zip(heard, wanted, strict=False) if theirs > loudest + _SILENT_DB / 2]
    return float(np.median([ours - theirs for ours, theirs in pairs])) if pairs else 0.0
