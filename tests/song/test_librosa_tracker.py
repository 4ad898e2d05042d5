"""The plain second ear: librosa's beats, in bars by our own features."""

import numpy as np
import pytest

from bridge.common.errors import BadInput
from bridge.song import analyze_audio, trackers
from bridge.song.audio import Audio
from bridge.song.features import CUE_RATE_HZ, CUES, Features
from bridge.song.spectra import SAMPLE_RATE_HZ
from bridge.song.trackers.librosa_beats import in_bars
from tests.song.song_synth import grid, pop_song

pytestmark = pytest.mark.slow


def heard(audio: Audio):
    return analyze_audio(audio, "0" * 64, trackers.load("librosa"), lambda *_: None)


@pytest.mark.parametrize(("meter", "first"), [(4, 0), (4, 3), (3, 1)])
def test_bars_go_where_chords_and_kicks_say(meter, first):
    beats, cues = grid(first, meter=meter), np.zeros((1800, len(CUES)))
    frames = np.round(beats.times_s * CUE_RATE_HZ).astype(int)
    cues[frames, CUES.index("onset")] = 1.0
    for name in ("chord", "bass", "kick"):
        cues[frames[beats.positions == 1], CUES.index(name)] = 2.0
    flat = np.ones((36, 2))
    features = Features(cues, flat, np.array([0.2, 1.5]), flat, np.array([0.5, 5.0]), 0.0, 35.0)
    assert (in_bars(beats.times_s, features).positions == beats.positions).all()


@pytest.mark.parametrize("meter", [3, 4])
def test_a_clear_song_is_read_right_and_on_time(meter):
    made = pop_song(meter=meter, bars=(("full", 12),))
    found = heard(made.audio)
    assert found.tracker.startswith("librosa-")
    assert found.meter == meter
    for times_s, true_s in (([b.time_s for b in found.beats], made.beats_s), (found.downbeats_s, made.downbeats_s)):
        errors_s = [np.abs(np.array(times_s) - time_s).min() for time_s in true_s[1:-1]]
        assert np.percentile(errors_s, 90) < 0.012  # librosa's own are 0.04 late


def test_it_is_sure_of_a_song_and_not_of_noise():
    rng = np.random.default_rng(3)
    noise = Audio(0.1 * rng.standard_normal((20 * SAMPLE_RATE_HZ, 1), np.float32), SAMPLE_RATE_HZ)
    assert heard(pop_song(bars=(("full", 12),)).audio).confidence > 0.8 > 0.2 > heard(noise).confidence


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seconds", [0.001, 0.5, 1.5])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_where_there_is_hardly_a_sound_there_are_no_beats(seconds, level):
    length = max(1, int(seconds * SAMPLE_RATE_HZ))
    found = heard(Audio(np.full((length, 1), level, np.float32), SAMPLE_RATE_HZ))
    assert len(found.downbeats_s) <= 1
    assert level or not found.beats


def test_it_has_no_checkpoint_to_name():
    with pytest.raises(BadInput, match="no tracker 'librosa:x'"):
        trackers.load("librosa:x")
