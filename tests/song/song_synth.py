"""Small songs of known truth, made on the spot."""

from dataclasses import dataclass

import numpy as np

from bridge.song.alternative import Reading
from bridge.song.audio import Audio

RATE_HZ = 24_000


@dataclass
class Song:
    audio: Audio
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    section_starts_s: list[float]
    drum_gap_s: tuple[float, float] | None = None


def _add(sound: np.ndarray, at_s: float, note: np.ndarray) -> None:
    start = round(at_s * RATE_HZ)
    note = note[: max(0, len(sound) - start)]
    sound[start : start + len(note)] += note


def _decay(length_s: float, half_life_s: float) -> np.ndarray:
    t = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    return 0.5 ** (t / half_life_s)


def tone(hz: float, length_s: float, half_life_s: float = 0.4) -> np.ndarray:
    t = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * n * t) / n for n in (1, 2, 3, 4))
    return wave * _decay(length_s, half_life_s) * np.minimum(1, t / 0.003) * np.minimum(1, (length_s - t) / 0.01)


def kick() -> np.ndarray:
    t = np.arange(int(0.15 * RATE_HZ)) / RATE_HZ
    return np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-t * 40)))) * _decay(0.15, 0.03)


def noise(rng: np.random.Generator, length_s: float, half_life_s: float) -> np.ndarray:
    return rng.standard_normal(int(length_s * RATE_HZ)) * _decay(length_s, half_life_s)


def pop_song(
    *,
    bpm: float = 120.0,
    meter: int = 4,
    bars: tuple[tuple[str, int], ...] = (("quiet", 8), ("full", 8), ("break", 4), ("full", 4)),
    lead_in_s: float = 0.0,
    pickup_beats: int = 0,
    seed: int = 1,
) -> Song:
    """Chords change with the bar; "quiet" has soft drums, "full" loud ones and a lead, "break" none."""
    rng = np.random.default_rng(seed)
    beat_s = 60 / bpm
    start_s = lead_in_s + pickup_beats * beat_s
    count = sum(n for _, n in bars) * meter
    sound = np.zeros(int((start_s + count * beat_s + 0.5) * RATE_HZ))
    beats_s = start_s + np.arange(-pickup_beats, count) * beat_s
    for time_s in beats_s[:pickup_beats]:
        _add(sound, time_s, 0.1 * tone(660, beat_s))
    roots = (110.0, 87.3, 130.8, 98.0)
    starts_s, at, gap = [], 0, None
    for kind, n in bars:
        starts_s.append(start_s + at * meter * beat_s)
        loud = 1.0 if kind == "full" else 0.35
        for bar in range(at, at + n):
            _bar(sound, start_s + bar * meter * beat_s, beat_s, meter, roots[bar % 4], kind, loud, rng)
        at += n
    if any(kind == "break" for kind, _ in bars):
        index = [kind for kind, _ in bars].index("break")
        gap = (starts_s[index] - beat_s / 2, starts_s[index + 1])
    stereo = np.stack([sound, 0.9 * sound], axis=1).astype(np.float32) * 0.3
    return Song(Audio(stereo, RATE_HZ), beats_s, beats_s[pickup_beats::meter], starts_s, gap)


def _bar(sound, start_s, beat_s, meter, root_hz, kind, loud, rng):
    for step in (1, 1.25, 1.5):
        _add(sound, start_s, 0.12 * loud * tone(2 * root_hz * step, meter * beat_s, 1.5))
    _add(sound, start_s, 0.5 * loud * tone(root_hz / 2, meter * beat_s, 0.8))
    for beat in range(meter):
        time_s = start_s + beat * beat_s
        if kind == "full":
            _add(sound, time_s, 0.15 * tone(root_hz * (4, 5, 6, 5)[beat % 4], beat_s, 0.2))
        if kind == "break":
            continue
        if beat == 0 or (meter == 4 and beat == 2):
            _add(sound, time_s, loud * kick())
        else:
            _add(sound, time_s, 0.5 * loud * noise(rng, 0.15, 0.03))
        for half in (0, 0.5):
            _add(sound, time_s + half * beat_s, 0.1 * loud * noise(rng, 0.04, 0.008))


def grid(first: int = 0, count: int = 64, *, meter: int = 4, period_s: float = 0.5, start_s: float = 1.0) -> Reading:
    """Beats as steady as a clock's, the first of them so many beats into its bar."""
    return Reading(start_s + period_s * np.arange(count), (np.arange(count) + first) % meter + 1)
