"""The sound against the song: offsets to a millisecond, wherever the excerpt lies, and whether it is the song."""

import av
import numpy as np
import pytest
from scipy import signal

from bridge.check import sound, sound_file
from bridge.check.sound import RATE_HZ, place
from bridge.check.sound_measures import song_place
from tests.check import made_video


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    mono = made_video.song().mean(axis=1)
    return signal.resample_poly(mono, RATE_HZ, made_video.RATE_HZ).astype(np.float32)


def excerpt(start_s: float, length_s: float = 4.0) -> np.ndarray:
    """The song from a time that need not be a sample of the analysis, silence beyond its ends."""
    hz = made_video.RATE_HZ
    padded = np.pad(made_video.song().mean(axis=1), hz)
    first = hz + round(start_s * hz)
    return signal.resample_poly(padded[first : first + round(length_s * hz)], RATE_HZ, hz).astype(np.float32)


@pytest.mark.parametrize("late_ms", [-200, -123.4, -40, -5, -1, -0.3, 0, 0.3, 1, 5, 17.7, 40, 123.4, 200])
def test_offsets_to_a_tenth_of_a_millisecond(song: np.ndarray, late_ms: float):
    found = place(excerpt(2.0 - late_ms / 1000), song, 2.0)
    assert found is not None
    assert (2.0 - found.song_start_s) * 1000 == pytest.approx(late_ms, abs=0.1)
    assert found.likeness > 0.98


@pytest.mark.parametrize("start_s", [-0.5, 0.0, 0.731, 3.25, 4.4])
def test_anywhere_in_the_song(song: np.ndarray, start_s: float):
    found = place(excerpt(start_s), song)
    assert found is not None
    assert found.song_start_s == pytest.approx(start_s, abs=1e-4)


def test_quieter_noisier_and_faded_out(song: np.ndarray):
    random = np.random.default_rng(3)
    heard = 0.3 * excerpt(2.02) * np.linspace(1, 0, 4 * RATE_HZ) + random.normal(0, 0.003, 4 * RATE_HZ)
    found = place(heard.astype(np.float32), song, 2.0)
    assert found is not None
    assert found.song_start_s == pytest.approx(2.02, abs=1e-4)
    assert found.likeness > 0.9


def test_a_video_longer_than_the_song(song: np.ndarray):
    found = place(np.pad(song, RATE_HZ // 2), song)
    assert found is not None
    assert found.song_start_s == pytest.approx(-0.5, abs=1e-4)


def test_another_song(song: np.ndarray):
    other = made_video.song(seed=2).mean(axis=1)[: 4 * made_video.RATE_HZ]
    found = place(signal.resample_poly(other, RATE_HZ, made_video.RATE_HZ).astype(np.float32), song)
    assert found is not None
    assert found.likeness < 0.3


def test_a_loop_is_placed_where_it_is_expected():
    random = np.random.default_rng(4)
    loop = np.tile(random.normal(0, 0.1, RATE_HZ).astype(np.float32), 8)
    for expected_s in (0.0, 2.0, 5.0):
        found = place(loop[: 3 * RATE_HZ], loop, expected_s)
        assert found is not None
        assert found.song_start_s == pytest.approx(expected_s, abs=1e-4)


def test_silence_cannot_be_placed(song: np.ndarray):
    assert place(np.zeros_like(song), song) is None
    assert place(song, np.zeros_like(song)) is None


def test_drift():
    """Two hundred parts in a million too slow: 2 ms in ten seconds."""
    random = np.random.default_rng(5)
    song = signal.sosfilt(signal.butter(2, 2000, fs=RATE_HZ, output="sos"), random.normal(0, 0.2, 16 * RATE_HZ))
    times = np.arange(12 * RATE_HZ) * 0.9998 + RATE_HZ
    slow = np.interp(times, np.arange(len(song)), song)
    found = place(slow.astype(np.float32), song.astype(np.float32))
    assert found is not None
    assert found.drift_s * 1000 == pytest.approx(2, abs=0.3)


def test_without_a_plan_the_nearest_downbeat_is_the_start(song: np.ndarray):
    def offset(start_s: float) -> tuple[str, float | None, str]:
        placed = song_place(place(excerpt(start_s), song), 0.0, True, made_video.analysis(), None)
        one = next(measure for measure in placed.measures if measure.name in ("start", "offset to the song"))
        return one.name, one.value, one.verdict.value

    name, late_ms, verdict = offset(2.96)
    assert (name, verdict) == ("offset to the song", "fail")
    assert late_ms == pytest.approx(40, abs=0.2)
    assert offset(3.001)[::2] == ("offset to the song", "pass")
    assert offset(3.4)[::2] == ("start", "fail")


def test_the_pictures_start_counts(song: np.ndarray):
    """Pictures that start 100 ms after the sound start 100 ms further on in the song."""
    placed = song_place(place(excerpt(2.0), song), 0.1, True, made_video.analysis(), None)
    assert placed.start_s == pytest.approx(2.1, abs=1e-4)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("aac", "mp4"), ("libmp3lame", "mkv"), ("libopus", "webm"), ("flac", "mkv")]
)
def test_decoded_without_the_encoders_delay(tmp_path, song: np.ndarray, codec: str, suffix: str):
    path = tmp_path / f"sound.{suffix}"
    with av.open(str(path), "w") as container:
        made_video.mux_sound(container, container.add_stream(codec, rate=48_000), 1.0, 4.0, made_video.song())
    heard = sound_file.read(path)
    assert heard is not None
    found = place(sound.mixed(heard.at(RATE_HZ), 1.0), song)
    assert found is not None
    assert found.song_start_s - heard.start_s == pytest.approx(1.0, abs=5e-4)
