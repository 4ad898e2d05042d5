"""The example is what its truth file says it is."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from scipy.signal import butter, sosfiltfilt

from bridge.song import analyze

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
RATE_HZ = 48_000


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((EXAMPLES / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Decoded, (channels, n)."""
    with av.open(str(EXAMPLES / "song.opus")) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def decibels(sound: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound)) + 1e-12))


def between(song: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    return song[:, round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]


def test_the_files_are_small() -> None:
    assert (EXAMPLES / "song.opus").stat().st_size < 1_000_000
    assert (EXAMPLES / "cover.jpg").stat().st_size < 500_000


def test_the_cover_is_a_plain_square_jpeg() -> None:
    with Image.open(EXAMPLES / "cover.jpg") as cover:
        assert (cover.format, cover.mode, cover.size) == ("JPEG", "RGB", (1500, 1500))


def test_the_song_lasts_as_long_as_its_grid_to_the_sample(truth: dict, song: np.ndarray) -> None:
    assert song.shape == (2, round(truth["duration_s"] * RATE_HZ))


def test_the_song_neither_clips_nor_drifts(song: np.ndarray) -> None:
    assert np.abs(song).max() < 1.0
    assert np.abs(song.mean(axis=1)).max() < 1e-3


def test_the_grid_is_regular_and_starts_with_a_pick_up(truth: dict) -> None:
    times = np.array([beat["time_s"] for beat in truth["beats"]])
    np.testing.assert_allclose(np.diff(times), 60 / truth["tempo_bpm"], atol=1e-9)
    positions = [beat["position"] for beat in truth["beats"]]
    assert positions == [4] + [1, 2, 3, 4] * (len(positions) // 4)
    assert truth["downbeats_s"] == [beat["time_s"] for beat in truth["beats"] if beat["position"] == 1]


def test_sections_and_the_drop_stand_on_downbeats(truth: dict) -> None:
    marks = [section["start_s"] for section in truth["sections"][1:]] + [
        truth["drop_s"],
        truth["drum_gaps"][0]["end_s"],
    ]
    assert set(marks) <= set(truth["downbeats_s"])
    ends = [section["end_s"] for section in truth["sections"]]
    assert [section["start_s"] for section in truth["sections"]] == [0.0, *ends[:-1]]
    assert ends[-1] == truth["duration_s"]


def test_the_drop_is_the_largest_rise(truth: dict, song: np.ndarray) -> None:
    bar_s = truth["meter"] * 60 / truth["tempo_bpm"]
    inner = truth["downbeats_s"][1:-2]
    rises = [decibels(between(song, t, t + bar_s)) - decibels(between(song, t - bar_s, t)) for t in inner]
    assert inner[int(np.argmax(rises))] == truth["drop_s"]
    assert max(rises) > 2 * sorted(rises)[-2]


def test_the_bass_drum_falls_on_the_beats_of_the_choruses(truth: dict, song: np.ndarray) -> None:
    chorus = [section for section in truth["sections"] if section["role"] == "chorus"]
    beats = [b["time_s"] for b in truth["beats"] if any(c["start_s"] <= b["time_s"] < c["end_s"] for c in chorus)]
    assert len(beats) == 48
    low = sosfiltfilt(butter(2, [60, 400], "bandpass", fs=RATE_HZ, output="sos"), song.mean(axis=0)) ** 2
    level = np.log(np.convolve(low, np.ones(480) / 480, mode="same") + 1e-9)
    lags_s = np.arange(-0.1, 0.1, 0.001)
    at = np.round(np.add.outer(lags_s, beats) * RATE_HZ).astype(int)
    rise = (level[at + 300] - level[at - 300]).mean(axis=1)
    assert abs(lags_s[int(np.argmax(rise))]) < 0.005


def test_no_drum_plays_in_the_gap(truth: dict, song: np.ndarray) -> None:
    (gap,) = truth["drum_gaps"]
    beat_s = 60 / truth["tempo_bpm"]
    low = sosfiltfilt(butter(4, 75, "lowpass", fs=RATE_HZ, output="sos"), song)
    within = decibels(between(low, gap["start_s"] + beat_s, gap["end_s"] - 0.05))
    assert within < decibels(between(low, gap["end_s"], gap["end_s"] + beat_s)) - 25


def test_the_analysis_hears_every_downbeat_and_the_drop(
    truth: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))
    heard = analyze(EXAMPLES / "song.opus")
    assert heard.meter == truth["meter"]
    np.testing.assert_allclose(heard.downbeats_s[:-1], truth["downbeats_s"][:-1], atol=0.020)
    assert heard.downbeats_s[-1] == pytest.approx(truth["downbeats_s"][-1], abs=0.070), "nothing is played on it"
    assert heard.drop_s == pytest.approx(truth["drop_s"], abs=0.020)
