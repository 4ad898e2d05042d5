"""The clicks beside the song, with a stand-in for what plays them: there is no sound card here."""

import sys
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.actions import clicks, shots, song
from blender_addon.core import regrid
from blender_addon.core.strip_layout import SCENE_START
from blender_addon.scene import timeline
from blender_addon.session import state
from tests.addon_ui import ui_world as world


class Player:
    """What `aud` does, as far as we use it: the last track, and a handle on it."""

    def __init__(self):
        self.track, self.rate_hz, self.position, self.plays = np.zeros((0, 1)), 0, 0.0, False

    def buffer(self, track, rate_hz):
        self.track, self.rate_hz = track, rate_hz
        return track

    def play(self, _track):
        self.plays = True
        return self

    def stop(self):
        self.plays = False

    @property
    def heard_s(self):
        """When clicks begin."""
        loud = np.flatnonzero(np.abs(self.track[:, 0]) > 1e-4) / self.rate_hz
        return loud[np.diff(loud, prepend=-1) > clicks.CLICK_S]


@pytest.fixture
def player(monkeypatch):
    one = Player()
    monkeypatch.setitem(
        sys.modules, "aud", SimpleNamespace(Device=lambda: one, Sound=SimpleNamespace(buffer=one.buffer))
    )
    return one


@pytest.fixture
def edit(tmp_path):
    world.switch_on()
    scene = world.open_empty()
    world.lay_out(scene, tmp_path / "own")
    state.shot_list().clicks = True
    yield scene
    state.shot_list().clicks = False
    world.switch_off()


def play(scene):
    for handler in bpy.app.handlers.animation_playback_pre:
        handler(scene, None)


def test_each_beat_clicks_where_the_song_has_it(edit, player):
    play(edit)
    plan, heard = shots.edit_of(edit), shots.analysis_of(edit)
    assert plan
    assert heard
    start_s = plan.excerpt.start_s
    end_s = (edit.frame_end + 1 - SCENE_START) / 24
    beats = [beat.time_s - start_s for beat in heard.beats]
    wanted = [time_s for time_s in beats if 0 <= time_s < end_s]
    assert wanted
    assert player.plays
    assert player.heard_s == pytest.approx(wanted, abs=0.001)


def test_downbeats_are_higher(edit):
    track = clicks.clicks([(0.0, True), (0.5, False)], 1.0)[:, 0]
    first, second = (np.count_nonzero(np.diff(np.sign(part))) for part in np.split(track, 2))
    assert first == pytest.approx(2 * second, abs=2)


def test_another_reading_is_heard_at_once(edit, player, monkeypatch):
    play(edit)
    before = len(player.heard_s)
    monkeypatch.setattr(clicks, "follow", clicks.start)  # as if Blender played
    song.read_differently(edit, regrid.double_tempo)
    assert len(player.heard_s) == pytest.approx(2 * before, abs=1)


def test_the_clicks_follow_the_playhead_and_end_with_playback(edit, player):
    edit.frame_set(SCENE_START + 48)
    play(edit)
    assert player.position == pytest.approx(2.0)
    edit.frame_set(SCENE_START + 51)
    assert player.position == pytest.approx(2.0), "a few frames late is no jump"
    edit.frame_set(SCENE_START)
    assert player.position == 0.0
    for handler in bpy.app.handlers.animation_playback_post:
        handler(edit, None)
    assert not player.plays


def test_nothing_clicks_where_another_song_plays_or_the_switch_is_off(edit, player):
    state.shot_list().clicks = False
    play(edit)
    assert not player.plays
    state.shot_list().clicks = True
    strip = timeline.song_strip(edit)
    assert strip
    strip[timeline.SONG_KEY] = "f" * 64
    play(edit)
    assert len(player.heard_s) == 0


def test_another_file_is_silent(edit, player):
    play(edit)
    world.open_empty()
    assert not player.plays
