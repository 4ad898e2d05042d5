# SPDX-License-Identifier: GPL-3.0-or-later
"""A small synthesizer: drums, and tones of a few harmonics, different in each piece."""

import numpy as np
import scipy.signal

from bridge.song.spectra import SAMPLE_RATE_HZ
from scripts.ear.genres import GM_DRUMS
from scripts.ear.scores import DRUMS, Values

_TABLE = 1024
_NAMES = {pitch: name for name, pitch in GM_DRUMS.items()}


def play(notes: Values, length: int, rng: np.random.Generator) -> Values:
    """The sound of notes whose starts and lengths are in seconds, shape (length,)."""
    sound = np.zeros(length)
    tables = {channel: _timbre(rng) for channel in range(16)}
    kit: dict[int, Values] = {}
    for start_s, length_s, pitch, velocity, channel in notes:
        if int(channel) == DRUMS:
            one = kit.setdefault(int(pitch), _drum(_NAMES.get(int(pitch), "rim"), rng))
            tone = one * (velocity / 127) ** 1.5
        else:
            tone = 0.3 * _tone(tables[int(channel)], pitch, length_s) * (velocity / 127) ** 1.5
        begin = int(start_s * SAMPLE_RATE_HZ)
        part = tone[: max(0, length - begin)]
        if begin >= 0:
            sound[begin : begin + len(part)] += part
    return sound


def _timbre(rng: np.random.Generator) -> tuple[Values, float, float]:
    """One period of the tone; its attack and decay in seconds."""
    harmonics = np.arange(1, 25)
    kind = rng.integers(4)
    strength = (1 / harmonics, (harmonics % 2) / harmonics, 1 / harmonics**2, rng.random(24) / harmonics)[kind]
    phases = 2 * np.pi * np.arange(_TABLE)[:, None] / _TABLE * harmonics
    table = (np.sin(phases) * strength).sum(axis=1)
    return table / np.abs(table).max(), float(rng.choice([0.002, 0.005, 0.03])), float(rng.choice([0.1, 0.3, 1.0, 4.0]))


def _tone(timbre: tuple[Values, float, float], pitch: float, length_s: float) -> Values:
    table, attack_s, decay_s = timbre
    time_s = np.arange(int((length_s + 0.05) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = table[(time_s * hertz * _TABLE).astype(int) % _TABLE]
    release = np.clip((length_s + 0.05 - time_s) / 0.05, 0, 1)
    return wave * np.minimum(time_s / attack_s, 1) * np.exp(-time_s / decay_s) * release


def _drum(name: str, rng: np.random.Generator) -> Values:
    """One hit of a drum."""
    lasts_s = {"kick": 0.3, "crash": 1.5, "ride": 0.5, "open": 0.35, "tom": 0.35, "high_tom": 0.3}.get(name, 0.15)
    time_s = np.arange(int(lasts_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    noise = rng.standard_normal(len(time_s))
    fades = np.exp(-time_s * rng.uniform(4, 8) / lasts_s)
    if name in ("kick", "tom", "high_tom", "conga", "low_conga"):
        low = {"kick": 45, "tom": 90, "high_tom": 140, "conga": 200, "low_conga": 130}[name] * rng.uniform(0.9, 1.3)
        hertz = low * (1 + rng.uniform(1, 4) * np.exp(-time_s / 0.02))
        return 0.9 * np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE_HZ) * fades
    if name in ("rim", "clave", "cowbell"):
        return 0.5 * np.sin(2 * np.pi * rng.uniform(500, 2_000) * time_s) * np.exp(-time_s * 40)
    cut_hz = {"snare": 900, "clap": 1_000}.get(name, rng.uniform(4_000, 8_000))
    high = scipy.signal.butter(2, cut_hz, "high", fs=SAMPLE_RATE_HZ, output="sos")
    hiss = np.asarray(scipy.signal.sosfilt(high, noise)) * fades
    body = 0.5 * np.sin(2 * np.pi * rng.uniform(160, 250) * time_s) * np.exp(-time_s * 20) if name == "snare" else 0.0
    return (0.45 if name in ("snare", "clap") else 0.2) * hiss + body
