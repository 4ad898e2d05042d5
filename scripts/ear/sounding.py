# SPDX-License-Identifier: GPL-3.0-or-later
"""A score as sound with the times of its beats: played, mixed, put through effects, cut."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io.wavfile
import scipy.signal

from bridge.song.audio import Audio
from bridge.song.spectra import SAMPLE_RATE_HZ
from scripts.ear.scores import DRUMS, Score, Values, tempo_map
from scripts.ear.synthesizer import play

PIECE_S = 40.0


@dataclass(frozen=True)
class Piece:
    """An excerpt and its truth."""

    audio: Audio
    beats_s: Values
    downbeats_s: Values
    family: str


def sound(score: Score, soundfonts: tuple[Path, ...], rng: np.random.Generator) -> Piece:
    """An excerpt of the score, played by a soundfont, the small synthesizer, or both."""
    score = score.swung()
    times_s = tempo_map(score, rng)
    performed = _performed(score, times_s, rng)
    start_s = _start_s(score, times_s, rng)
    notes = performed[(performed[:, 0] >= start_s - 0.02) & (performed[:, 0] < start_s + PIECE_S)]
    notes[:, 0] = np.maximum(notes[:, 0] - start_s, 0)
    lead_in_s = float(rng.choice([0.0, rng.uniform(0, 1.5)]))
    notes[:, 0] += lead_in_s
    length = int((PIECE_S + lead_in_s) * SAMPLE_RATE_HZ)
    is_drum = notes[:, 4] == DRUMS
    electronic = not soundfonts or rng.random() < score.electronic
    drums_too = electronic or rng.random() < 0.3
    mix = np.zeros(length)
    by_font = notes[[] if electronic else (~is_drum if drums_too else slice(None))]
    if len(by_font):
        mix += _by_soundfont(by_font, score.programs, soundfonts[rng.integers(len(soundfonts))], length)
    by_synthesizer = notes if electronic else notes[is_drum & drums_too]
    if len(by_synthesizer):
        played = play(by_synthesizer, length, rng)
        level = np.abs(mix).max() or 1.0
        mix += played / (np.abs(played).max() + 1e-9) * level * rng.uniform(0.7, 1.4)
    beats = times_s[: score.beats] - start_s + lead_in_s
    downbeats = times_s[score.downbeats] - start_s + lead_in_s
    inside = (lead_in_s - 0.01, length / SAMPLE_RATE_HZ - 0.05)
    return Piece(
        Audio(_effects(mix, rng).astype(np.float32)[:, None], SAMPLE_RATE_HZ),
        beats[(beats >= inside[0]) & (beats < inside[1])],
        downbeats[(downbeats >= inside[0]) & (downbeats < inside[1])],
        score.family,
    )


def _performed(score: Score, times_s: Values, rng: np.random.Generator) -> Values:
    """The notes in seconds, as exact as a machine or as a person plays."""
    beats = np.arange(len(times_s))
    start = np.interp(score.notes[:, 0], beats, times_s)
    end = np.interp(score.notes[:, 0] + score.notes[:, 1], beats, times_s)
    human_s = rng.choice([0.0, 0.0, rng.uniform(0.002, 0.014)])
    late_s = rng.normal(0, human_s, 16)[score.notes[:, 4].astype(int)]
    notes = score.notes.copy()
    notes[:, 0] = np.maximum(start + late_s + rng.normal(0, human_s, len(start)), 0)
    notes[:, 1] = np.maximum(end - start, 0.03)
    return notes


def _start_s(score: Score, times_s: Values, rng: np.random.Generator) -> float:
    """On a downbeat, on the pick-up before one, or anywhere."""
    latest = max(times_s[-1] - PIECE_S, 0)
    downbeats = score.downbeats[times_s[score.downbeats] <= latest]
    if rng.random() < 0.3 or not len(downbeats):
        return float(rng.uniform(0, latest))
    at = int(rng.choice(downbeats)) if rng.random() < 0.6 else int(downbeats[0])
    back = int(rng.integers(1, 3)) if at >= 3 and rng.random() < 0.25 else 0
    return float(max(times_s[at - back] - 0.01, 0))


def _by_soundfont(notes: Values, programs: dict[int, int], soundfont: Path, length: int) -> Values:
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        _write_midi(notes, programs, midi)
        options = [
            "-o",
            "synth.dynamic-sample-loading=1",
            "-r",
            str(SAMPLE_RATE_HZ),
            "-T",
            "wav",
            "-O",
            "s16",
            "-g",
            "0.5",
        ]
        subprocess.run(
            ["fluidsynth", "-q", "-n", "-i", "-F", str(wave), *options, str(soundfont), str(midi)],
            check=True, capture_output=True,
        )  # fmt: skip
        played = scipy.io.wavfile.read(wave)[1].astype(np.float64).mean(axis=1) / 32_768
    return np.pad(played[:length], (0, max(0, length - len(played))))


def _write_midi(notes: Values, programs: dict[int, int], path: Path) -> None:
    """One tick is a millisecond."""
    import mido

    events = [
        (0, mido.Message("program_change", channel=channel, program=number)) for channel, number in programs.items()
    ]
    for start_s, length_s, pitch, velocity, channel in notes:
        about: dict[str, Any] = {"channel": int(channel), "note": int(pitch) & 127}
        events.append((round(start_s * 1000), mido.Message("note_on", velocity=int(velocity), **about)))
        events.append((round((start_s + length_s) * 1000), mido.Message("note_off", **about)))
    events.sort(key=lambda event: event[0])
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])
    now = 0
    for at, message in events:
        track.append(message.copy(time=at - now))
        now = at
    mido.MidiFile(ticks_per_beat=1000, tracks=[track]).save(path)


def _effects(mix: Values, rng: np.random.Generator) -> Values:
    """Some of: a room, an echo, drive, a tilt, a low-pass, noise."""
    mix = mix / (np.abs(mix).max() + 1e-9)
    if rng.random() < 0.4:
        seconds = rng.uniform(0.2, 1.2)
        time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        room = rng.standard_normal(len(time_s)) * np.exp(-time_s * 6 / seconds)
        wet = scipy.signal.fftconvolve(mix, room)[: len(mix)]
        mix = mix + rng.uniform(0.1, 0.5) * wet / (np.abs(wet).max() + 1e-9)
    if rng.random() < 0.15:
        delay = int(rng.uniform(0.1, 0.5) * SAMPLE_RATE_HZ)
        mix[delay:] += rng.uniform(0.2, 0.5) * mix[:-delay]
    if rng.random() < 0.4:
        mix = np.tanh(mix / (np.abs(mix).max() + 1e-9) * rng.uniform(1, 8))
    if rng.random() < 0.5:
        pole = rng.uniform(-0.6, 0.6)
        mix = np.asarray(scipy.signal.lfilter([1.0], [1.0, -pole], mix))
    if rng.random() < 0.2:
        low = scipy.signal.butter(2, rng.uniform(3_000, 9_000), fs=SAMPLE_RATE_HZ, output="sos")
        mix = np.asarray(scipy.signal.sosfilt(low, mix))
    mix = 0.8 * mix / (np.abs(mix).max() + 1e-9)
    if rng.random() < 0.3:
        mix = mix + rng.standard_normal(len(mix)) * 10 ** rng.uniform(-4, -2)
    return mix
