"""The song as curves."""

import csv

import numpy as np
import pytest

from blender_addon.core.song_channels import MEANINGS
from bridge import song
from bridge.common.errors import BadInput
from bridge.song import channels, trackers
from tests.song.song_synth import pop_song


@pytest.fixture(scope="module")
def made():
    return pop_song(bars=(("quiet", 4), ("full", 8)))


@pytest.fixture(scope="module")
def analysis(made):
    return song.analyze_audio(made.audio, "0" * 64, trackers.load("bars"), lambda *_: None)


@pytest.fixture(scope="module")
def found(made, analysis):
    return channels.compute_channels(made.audio, analysis)


def test_every_channel_has_one_length_and_stays_in_its_range(made, found):
    assert list(found.curves) == list(MEANINGS)
    assert {len(curve) for curve in found.curves.values()} == {round(made.audio.duration_s * found.rate_hz) + 1}
    assert all(curve.min() >= 0 and curve.max() <= 1 for curve in found.curves.values())


def test_kicks_are_found_where_they_are(made, found):
    hits_s = channels.hits(found.curves["kick"])
    kicks_s = made.beats_s[::2]
    near = sum(np.abs(hits_s - time_s).min() < 0.03 for time_s in kicks_s)
    assert 2 * near / (len(hits_s) + len(kicks_s)) > 0.9


def test_saws_start_on_beats_and_bars(analysis, found):
    for name, times_s in (("beat", [b.time_s for b in analysis.beats]), ("bar", analysis.downbeats_s)):
        falls = np.flatnonzero(np.diff(found.curves[name]) < -0.5) + 1
        assert falls / found.rate_hz == pytest.approx(np.array(times_s[1:]), abs=0.02)


def test_a_loud_part_is_louder_than_a_quiet_one(made, found):
    middle = round(made.section_starts_s[1] * found.rate_hz)
    loudness = found.curves["loudness"]
    assert loudness[middle:].mean() > loudness[:middle].mean() + 0.05


def test_channels_are_written_as_arrays_and_as_a_table(found, tmp_path):
    channels.write(found, tmp_path / "song.npz")
    read = np.load(tmp_path / "song.npz")
    assert int(read["rate_hz"]) == found.rate_hz
    assert np.array_equal(read["kick"], found.curves["kick"])
    channels.write(found, tmp_path / "song.csv")
    rows = list(csv.DictReader((tmp_path / "song.csv").open()))
    assert len(rows) == len(found.curves["kick"])
    assert float(rows[100]["time_s"]) == 1.0
    assert float(rows[100]["loudness"]) == pytest.approx(found.curves["loudness"][100], abs=1e-4)
    with pytest.raises(BadInput, match=r"\.npz or \.csv"):
        channels.write(found, tmp_path / "song.txt")
