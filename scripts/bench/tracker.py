# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a song is analysed, as a ratio to `librosa.beat.beat_track` on the same samples in the same run.

The song is made on the spot (drums, bass, chords), so that nobody needs a corpus. CPU seconds of this process, the
median of the runs; what is compiled at first use is compiled before. `--quick` uses half a minute of music, not three.

Then the whole command, start-up included: the wall time of `beatboard analyze` on a file as long, nothing cached,
against what it may take: 1.5 times a bare Python that loads the file with librosa and calls `beat_track`, plus the
tracker's own seconds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import librosa
import numpy as np

from bridge.common.errors import BadInput
from bridge.song import analyze_audio, trackers
from bridge.song.audio import Audio, write_wav
from bridge.song.spectra import SAMPLE_RATE_HZ, compute_spectra
from scripts.measuring import ROOT, figure, parser

FILE_RATE_HZ = 44_100
BARE = "import librosa, sys; y, sr = librosa.load(sys.argv[1]); librosa.beat.beat_track(y=y, sr=sr)"


def main() -> None:
    """Prints one line per figure."""
    quick = parser(__doc__).parse_args().quick
    minutes, runs = (0.5, 2) if quick else (3.0, 5)
    audio = song(minutes)
    mono = audio.mono
    ear = trackers.load("bars")
    spectra = compute_spectra(audio)
    learned = learned_tracker()
    librosa_s, tracker_s, whole_s, *learned_s = interleaved(
        runs,
        lambda: librosa.beat.beat_track(y=mono, sr=SAMPLE_RATE_HZ),
        lambda: ear.track(audio, spectra),
        lambda: analyze_audio(audio, "0" * 64, ear, lambda *_: None),
        *([lambda: learned.track(audio, spectra)] if learned else []),
    )
    figure("analysis_cpu_s_per_minute", whole_s / minutes, "s/min")
    figure("bars_tracker_cpu_s_per_minute", tracker_s / minutes, "s/min")
    figure("librosa_beat_track_cpu_s_per_minute", librosa_s / minutes, "s/min")
    for seconds in learned_s:
        figure("beat_this_cpu_s_per_minute", seconds / minutes, "s/min")
    figure("analysis_to_librosa_beat_track", whole_s / librosa_s, "ratio")
    analyze_s, bare_s = command_walls(minutes, 1 if quick else 3)
    figure("analyze_command_wall_s", analyze_s, "s")
    figure("bare_librosa_wall_s", bare_s, "s")
    figure("analyze_command_wall_to_allowed", analyze_s / (1.5 * bare_s + tracker_s), "ratio")


def learned_tracker() -> trackers.Tracker | None:
    """beat_this, where its package is."""
    try:
        return trackers.load("beat-this")
    except BadInput:
        return None


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


def command_walls(minutes: float, runs: int) -> tuple[float, float]:
    """The median wall seconds of `beatboard analyze` and of bare librosa, each in a process of its own, in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "song.wav"
        write_wav(song(minutes, rate_hz=FILE_RATE_HZ), file)
        commands = (["-m", "bridge", "analyze", str(file), "--json", f"{folder}/song.json"], ["-c", BARE, str(file)])
        for run in range(runs):
            for command, seconds in zip(commands, taken, strict=True):
                environment = os.environ | {"BEATBOARD_HOME": f"{folder}/{run}"}
                start = time.perf_counter()
                subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, capture_output=True)
                seconds.append(time.perf_counter() - start)
    return statistics.median(taken[0]), statistics.median(taken[1])


def song(minutes: float, bpm: float = 122.0, rate_hz: int = SAMPLE_RATE_HZ) -> Audio:
    """Kick, snare, hats, a bass note and a chord per bar."""
    rng = np.random.default_rng(0)
    sound = np.zeros(int(minutes * 60 * rate_hz), np.float32)
    beat = 60 / bpm * rate_hz
    time_s = np.arange(int(4 * beat)) / rate_hz
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
    return Audio(np.stack([sound, sound], axis=1), rate_hz)


if __name__ == "__main__":
    main()
