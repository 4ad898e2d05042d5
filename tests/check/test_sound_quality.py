"""What a video may have lost of its song: each loss planted alone, found alone."""

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from bridge.check.report import Verdict
from bridge.check.sound_file import SoundFile, read
from bridge.check.sound_quality import clipped_share, quality_measures
from tests.check import made_video

pytestmark = pytest.mark.slow

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Eight seconds of noise with a middle and sides, and with treble; shape (n, 2)."""
    random = np.random.default_rng(1)
    middle, sides = random.normal(0, 0.08, (2, 8 * RATE_HZ))
    return np.stack([middle + 0.5 * sides, middle - 0.5 * sides], axis=1).astype(np.float32)


def failed(video: np.ndarray, song: np.ndarray, channels: int = 2) -> set[str]:
    found = quality_measures(SoundFile(video, RATE_HZ, 0.0, 2), SoundFile(song, RATE_HZ, 0.0, channels), 2.0)
    return {measure.name for measure in found if measure.verdict is Verdict.FAIL}


def excerpt(song: np.ndarray) -> np.ndarray:
    return song[2 * RATE_HZ : 6 * RATE_HZ].copy()


def dull(samples: np.ndarray) -> np.ndarray:
    low = signal.butter(6, 5_000, fs=RATE_HZ, output="sos")
    return signal.sosfiltfilt(low, samples, axis=0).astype(np.float32)


def test_the_song_itself_loses_nothing(song: np.ndarray):
    assert failed(excerpt(song), song) == set()


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda x: np.repeat(x.mean(axis=1, keepdims=True), 2, axis=1), {"stereo width"}),
        (dull, {"treble", "level"}),  # white noise: half of its power is treble
        (lambda x: 0.5 * x, {"level"}),
        (lambda x: np.clip(9 * x, -1, 1) / 1.0, {"clipping", "level"}),
        (lambda x: np.stack([x[:, 0], -x[:, 1]], axis=1) * np.array([1, 1]), set()),
    ],
    ids=["mono", "dull", "quiet", "clipped", "one side turned over"],
)
def test_each_loss_is_found(song: np.ndarray, spoil, names: set[str]):
    spoiled = spoil(excerpt(song)).astype(np.float32)
    assert names <= failed(spoiled, song)
    assert failed(spoiled, song) <= names | {"middle", "treble"}


def test_a_song_that_is_clipped_itself_is_not_the_videos_fault(song: np.ndarray):
    loud = np.clip(9 * song, -1, 1)
    assert failed(excerpt(loud), loud) == set()


def test_a_mono_song_has_no_sides_to_lose(song: np.ndarray):
    mono = np.repeat(song[:, :1], 2, axis=1)
    assert failed(excerpt(mono), mono) == set()


def test_a_fade_at_the_end_is_no_lower_level(song: np.ndarray):
    faded = excerpt(song)
    faded[-RATE_HZ:] *= np.linspace(1, 0, RATE_HZ)[:, None]
    assert failed(faded, song) == set()


def test_a_mix_of_many_channels_may_be_quieter(song: np.ndarray):
    assert "level" not in failed(0.4 * excerpt(song), song, channels=6)


def test_single_loud_samples_are_no_clipping():
    samples = np.zeros((1000, 2), np.float32)
    samples[::10] = 1.0
    assert clipped_share(samples) == 0
    samples[500:510] = 1.0
    assert clipped_share(samples) > 0


def test_channels_are_taken_to_their_sides(tmp_path: Path):
    random = np.random.default_rng(2)
    left, right = random.normal(0, 0.1, (2, RATE_HZ)).astype(np.float32)
    made_video.write_wav(tmp_path / "two.wav", np.stack([left, right], axis=1))
    heard = read(tmp_path / "two.wav")
    assert heard is not None
    assert heard.channels == 2
    assert np.allclose(heard.samples, np.stack([left, right], axis=1), atol=1e-4)
