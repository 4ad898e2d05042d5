from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from blender_addon.core import regrid
from bridge import song
from bridge.common.errors import BadInput
from bridge.song import trackers
from bridge.song.audio import Audio, decode
from tests.song.song_synth import Song, pop_song


@pytest.fixture(scope="module")
def made() -> Song:
    return pop_song(bars=(("quiet", 4), ("full", 4)))


@pytest.fixture(scope="module")
def analysis(made):
    return song.analyze_audio(made.audio, "0" * 64, trackers.load("bars"), lambda *_: None)


def test_clicks_lie_on_the_beats(made, analysis, tmp_path):
    song.write_click(analysis, made.audio, tmp_path / "click.wav")
    heard = decode(tmp_path / "click.wav")
    assert heard.sample_rate_hz == made.audio.sample_rate_hz
    added = np.abs(heard.samples - 0.6 * made.audio.samples).max(axis=1) > 0.05
    starts = np.flatnonzero(np.diff(added.astype(int), prepend=0) == 1) / heard.sample_rate_hz
    firsts = starts[np.diff(starts, prepend=-1) > 0.1]
    assert len(firsts) == len(analysis.beats)
    assert np.abs(firsts - [beat.time_s for beat in analysis.beats]).max() < 0.002


def test_downbeats_click_higher(made, analysis, tmp_path):
    silence = Audio(np.zeros_like(made.audio.samples), made.audio.sample_rate_hz)
    song.write_click(analysis, silence, tmp_path / "click.wav")
    heard = decode(tmp_path / "click.wav")

    def crossings(time_s: float) -> int:
        start = round(time_s * heard.sample_rate_hz)
        return int((np.diff(np.sign(heard.mono[start : start + heard.sample_rate_hz // 100])) != 0).sum())

    down, other = analysis.beats[4], analysis.beats[5]
    assert (down.position, other.position) == (1, 2)
    assert crossings(down.time_s) > 1.5 * crossings(other.time_s)


def test_two_readings_click_left_and_right(made, analysis, tmp_path):
    silence = Audio(np.zeros_like(made.audio.samples), made.audio.sample_rate_hz)
    other = regrid.half_tempo(analysis)
    song.write_click(analysis, silence, tmp_path / "click.wav", other)
    heard = decode(tmp_path / "click.wav")
    for side, grid in enumerate((analysis, other)):
        added = np.abs(heard.samples[:, side]) > 0.05
        starts = np.flatnonzero(np.diff(added.astype(int), prepend=0) == 1) / heard.sample_rate_hz
        assert np.count_nonzero(np.diff(starts, prepend=-1) > 0.1) == len(grid.beats)


def test_the_song_itself_stays(made, analysis, tmp_path):
    before = made.audio.samples.copy()
    song.write_click(analysis, made.audio, tmp_path / "click.wav")
    assert (made.audio.samples == before).all()


def columns_of(path, rgb, tolerance=30) -> np.ndarray:
    """The columns in which a colour stands."""
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return np.flatnonzero((np.abs(picture - rgb).max(axis=2) < tolerance).sum(axis=0) > 20)


@pytest.mark.slow
def test_the_plot_shows_the_drop_where_it_is(made, analysis, tmp_path):
    red = (0xD6, 0x27, 0x28)
    song.plot(replace(analysis, drop_s=None), made.audio, tmp_path / "none.png")
    assert not len(columns_of(tmp_path / "none.png", red))
    places = []
    for share in (0.25, 0.75):
        drop_s = share * analysis.duration_s
        song.plot(replace(analysis, drop_s=drop_s), made.audio, tmp_path / "drop.png")
        width = Image.open(tmp_path / "drop.png").width
        places.append(columns_of(tmp_path / "drop.png", red).mean() / width)
    assert places == pytest.approx([0.25, 0.75], abs=0.03)


def test_the_plot_parts_sections_of_one_label(made, analysis, tmp_path):
    half_s = analysis.duration_s / 2
    first = replace(analysis.sections[0], start_s=0.0, end_s=half_s, label="A")
    second = replace(first, start_s=half_s, end_s=analysis.duration_s)
    song.plot(replace(analysis, sections=(first, second)), made.audio, tmp_path / "two.png")
    coloured = columns_of(tmp_path / "two.png", (0x4C, 0x78, 0xA8))
    parted = coloured[np.flatnonzero(np.diff(coloured) > 1)] / Image.open(tmp_path / "two.png").width
    assert np.abs(parted - 0.5).min() < 0.004


@pytest.mark.slow
def test_the_plot_grows_with_the_song_and_takes_one_without_beats(made, analysis, tmp_path):
    nothing = replace(analysis, beats=(), sections=(), drop_s=None, drum_gaps=(), duration_s=180.0)
    song.plot(nothing, made.audio, tmp_path / "long.png")
    song.plot(analysis, made.audio, tmp_path / "short.png")
    assert Image.open(tmp_path / "long.png").height > 2 * Image.open(tmp_path / "short.png").height


@pytest.mark.slow
def test_the_plot_shows_what_another_tracker_hears_where_it_hears_it(made, analysis, tmp_path):
    pictures = []
    for share in (0.25, 0.75):
        other = replace(analysis, beats=(replace(analysis.beats[0], time_s=share * analysis.duration_s, position=1),))
        song.plot(analysis, made.audio, tmp_path / "two.png", [other])
        pictures.append(np.asarray(Image.open(tmp_path / "two.png").convert("L"), float))
    columns = np.flatnonzero(np.abs(pictures[0] - pictures[1]).max(axis=0) > 100) / pictures[0].shape[1]
    assert [columns.min(), columns.max()] == pytest.approx([0.25, 0.75], abs=0.04)


@pytest.mark.parametrize("name", ["song.xyz", "missing/song.png"])
def test_a_plot_that_cannot_be_written_leaves_nothing(made, analysis, tmp_path, name):
    with pytest.raises(BadInput):
        song.plot(analysis, made.audio, tmp_path / name)
    assert not list(tmp_path.iterdir())
