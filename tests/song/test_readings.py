"""Other readings of a song, and bars of five and seven beats."""

from dataclasses import replace

import numpy as np
import pytest

from bridge import song
from bridge.common.errors import BadInput
from bridge.song import analyze_audio, audio, trackers
from bridge.song.alternative import Reading
from bridge.song.features import CUES, Features
from bridge.song.odd_meters import in_odd_meter
from tests.song.song_synth import grid, pop_song


def heard(made):
    return analyze_audio(made.audio, "0" * 64, trackers.load("bars"), lambda *_: None)


@pytest.mark.slow
def test_the_other_octave_of_a_fast_song_is_its_second_reading():
    found = heard(pop_song(bpm=172, bars=(("full", 16),)))
    first, second = found.readings[:2]
    assert first.times_s == tuple(beat.time_s for beat in found.beats)
    assert (first.share, first.tempo_bpm) == (found.confidence, found.tempo_bpm)
    assert sorted((first.tempo_bpm, second.tempo_bpm)) == pytest.approx([86, 172], rel=0.01)
    assert all(0 <= one.share <= first.share for one in found.readings)
    assert sum(one.share for one in found.readings) <= 1


@pytest.mark.slow
def test_a_reading_that_is_not_there_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))
    audio.write_wav(pop_song(bars=(("full", 8),)).audio, tmp_path / "song.wav")
    other = song.analyze(tmp_path / "song.wav", reading=2)
    assert other.beats != song.analyze(tmp_path / "song.wav").beats
    with pytest.raises(BadInput, match=r"song\.wav has 3 readings.*--reading 4"):
        song.analyze(tmp_path / "song.wav", reading=4)


@pytest.mark.slow
@pytest.mark.parametrize(("meter", "bpm"), [(5, 140), (7, 200)])
def test_odd_meters_are_counted(meter, bpm):
    found = heard(pop_song(bpm=bpm, meter=meter, bars=(("full", 12),)))
    assert (found.meter, found.tempo_bpm) == (meter, pytest.approx(bpm, rel=0.01))


def onsets_at(times_s: np.ndarray) -> Features:
    cues = np.zeros((6000, len(CUES)), np.float32)
    cues[np.round(times_s * 50).astype(int), CUES.index("onset")] = 1.0
    flat = np.ones((120, 2), np.float32)
    return Features(cues, flat, np.array([0.3, 1.3]), flat, np.array([0.5, 5.0]), 0.0, 120.0)


def test_bars_are_parted_anew_only_where_hardly_anything_falls_on_the_beats_that_were_found():
    found = grid(period_s=0.5)  # bars of two seconds
    fives = onsets_at(1.0 + 0.4 * np.arange(80))
    assert in_odd_meter(found, fives).positions.max() == 5
    assert np.diff(in_odd_meter(found, fives).times_s) == pytest.approx(0.4)
    both = replace(fives, cues=np.maximum(fives.cues, onsets_at(1.0 + 0.5 * np.arange(64)).cues))
    assert in_odd_meter(found, both) is found
    short = Reading(found.times_s[:20], found.positions[:20])
    assert in_odd_meter(short, fives) is short
