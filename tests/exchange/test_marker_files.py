"""Markers alone: each form has every bar at its time."""

import struct
from dataclasses import replace
from fractions import Fraction

import pytest

from bridge.exchange import marker_files
from tests.addon_scene import edit_world

ANALYSIS = edit_world.analysis(2.5)
"""beats every half second from 0.5 s"""


def written(tmp_path, form, **kwargs):
    marker_files.write(ANALYSIS, tmp_path / "m", form, Fraction(25), **kwargs)
    return (tmp_path / "m").read_text()


def test_bars_sections_and_drop_share_a_marker():
    found = {mark.time_s: mark.name for mark in marker_files.marks(ANALYSIS)}
    assert found[0.5] == "1"
    assert found[4.5] == "3 chorus B drop"
    assert len(marker_files.marks(ANALYSIS, beats=True)) > len(found)


def test_audacity_has_seconds(tmp_path):
    assert "4.500000\t4.500000\t3 chorus B drop\n" in written(tmp_path, "audacity")


def test_reaper_has_minutes(tmp_path):
    assert ",3 chorus B drop,0:04.500,," in written(tmp_path, "reaper")


def test_premiere_has_timecode(tmp_path):
    assert "3 chorus B drop\t\t00:00:04:13\t" in written(tmp_path, "premiere")


def test_resolve_has_an_hour_and_colours(tmp_path):
    text = written(tmp_path, "resolve")
    assert "01:00:04:13 01:00:04:14" in text
    assert "|C:ResolveColorRed |M:3 chorus B drop" in text


@pytest.mark.parametrize("stretch", [1.0, 1.0137])
def test_the_tempo_maps_beats_fall_on_the_songs(stretch):
    beats = tuple(replace(beat, time_s=beat.time_s * stretch) for beat in ANALYSIS.beats)
    data = marker_files.tempo_map(replace(ANALYSIS, beats=beats))
    tempos, markers, tick = {}, {}, 0
    place = 22
    while place < len(data):
        delta = 0
        while True:
            byte = data[place]
            delta, place = delta << 7 | byte & 0x7F, place + 1
            if not byte & 0x80:
                break
        tick += delta
        kind, length = data[place + 1], data[place + 2]
        body = data[place + 3 : place + 3 + length]
        place += 3 + length
        if kind == 0x51:
            tempos[tick] = struct.unpack(">I", b"\0" + body)[0]
        elif kind == 0x06:
            markers.setdefault(body.decode().split()[0], tick)
    times_s = {0: 0.0}
    for at, tempo in tempos.items():
        times_s[at + marker_files.TICKS] = times_s[at] + tempo / 1e6
    for beat in beats:
        if beat.position == 1 and str(beat.bar) in markers:
            assert times_s[markers[str(beat.bar)]] == pytest.approx(beat.time_s, abs=2e-6)
    assert set(markers) >= {"1", "2", "3"}
