#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a song is analysed, as a ratio to `librosa.beat.beat_track` on the same samples in the same run.

The song is made on the spot (drums, bass, chords), so that nobody needs a corpus. CPU seconds of this process, the
median of the runs; what is compiled at first use is compiled before. `--quick` uses one minute of music, not three.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import librosa
import numpy as np

from bridge.song import analyze_audio, trackers
from bridge.song.audio import Audio
from bridge.song.hearing import SAMPLE_RATE_HZ, listen


def main() -> None:
    """Prints one line per figure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one minute of music, two runs")
    quick = arguments.parse_args().quick
    minutes, runs = (1.0, 2) if quick else (3.0, 5)
    audio = song(minutes)
    mono = audio.mono
    ear = trackers.load("bars")
    hearing = listen(audio)
    librosa_s, tracker_s, whole_s = interleaved(
        runs,
        lambda: librosa.beat.beat_track(y=mono, sr=SAMPLE_RATE_HZ),
        lambda: ear.track(audio, hearing),
        lambda: analyze_audio(audio, "0" * 64, ear, lambda *_: None),
    )
    figure("analysis_cpu_s_per_minute", whole_s / minutes, "s/min")
    figure("bars_tracker_cpu_s_per_minute", tracker_s / minutes, "s/min")
    figure("librosa_beat_track_cpu_s_per_minute", librosa_s / minutes, "s/min")
    figure("analysis_to_librosa_beat_track", whole_s / librosa_s, "ratio")


def interleaved(runs: int, *jobs: Callable[[], object]) -> list[float]:
    """The median CPU seconds of each job; they take turns, so that a busy machine slows all alike."""
    for job in jobs:
        job()
    taken: list[list[float]] = [[] for _ in jobs]
    for _ in range(runs):
        for job, seconds in zip(jobs, taken, strict=True):
            start = time.process_time()
            job()
            seconds.append(time.process_time() - start)
    return [statistics.median(seconds) for seconds in taken]


def song(minutes: float, bpm: float = 122.0) -> Audio:
    """Kick, snare, hats, a bass note and a chord per bar."""
    rng = np.random.default_rng(0)
    sound = np.zeros(int(minutes * 60 * SAMPLE_RATE_HZ), np.float32)
    beat = 60 / bpm * SAMPLE_RATE_HZ
    time_s = np.arange(int(4 * beat)) / SAMPLE_RATE_HZ
    short = np.exp(-time_s / 0.04)
    kick = np.sin(2 * np.pi * 55 * time_s) * short
    for n in range(int(len(sound) / beat)):
        root_hz = (110.0, 87.3, 130.8, 98.0)[n // 4 % 4]
        notes = [0.5 * kick if n % 2 == 0 else 0.3 * rng.standard_normal(len(time_s)) * short]
        if n % 4 == 0:
            notes += [0.15 * np.sin(2 * np.pi * root_hz * k * time_s) * np.exp(-time_s) for k in (0.5, 1, 1.25, 1.5, 2)]
        start = int(n * beat)
        for note in notes:
            part = note[: len(sound) - start]
            sound[start : start + len(part)] += part
    return Audio(np.stack([sound, sound], axis=1), SAMPLE_RATE_HZ)


def figure(name: str, value: float, unit: str) -> None:
    """One line that a program can read."""
    print(f"figure {name} {value:.3f} {unit}", flush=True)


if __name__ == "__main__":
    main()
