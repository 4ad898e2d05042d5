"""Song Channels and Drive With Song by their operators: undoable, and a sentence where they can't."""

import bpy
import pytest

from blender_addon.scene import song_channels, timeline
from tests.addon_ui import ui_world
from tests.addon_ui.test_queue import press

pytestmark = pytest.mark.slow


def drive(scene, path, **how):
    return press("drive_with_song", owner_uid=scene.session_uid, data_path=path, **how)


def test_the_songs_channels_come_from_the_bridge_drive_and_go(edit):
    before = sorted(edit.keys())
    assert not bpy.ops.beatboard.drive_with_song.poll(), "there is nothing to listen to"
    assert press("song_channels") == {"FINISHED"}
    edit.frame_set(12)
    assert edit["beatboard.bar"] > 0
    assert edit["beatboard.loudness"] > 0.5
    strip = timeline.shot_strips(edit)[0]
    path = strip.path_from_id("blend_alpha")
    strip.blend_alpha = 0.5
    bpy.ops.ed.undo_push(message="before")
    assert drive(edit, path, channel="bar", gain=0.25, release_s=0.2) == {"FINISHED"}
    assert song_channels.drivers(edit) == 1
    with pytest.raises(RuntimeError, match="clear its keys or its driver first"):
        drive(edit, path, channel="kick")
    with pytest.raises(RuntimeError, match="not a number"):
        drive(edit, "name", channel="kick")
    with pytest.raises(RuntimeError, match="Right-click a property"):
        press("drive_with_song", channel="kick")
    assert press("remove_song_channels") == {"FINISHED"}
    assert sorted(edit.keys()) == before
    assert (strip.blend_alpha, len(timeline.drivers(edit))) == (0.5, 0)


def test_they_are_undone(edit):
    press("song_channels")
    bpy.ops.ed.undo()
    assert not song_channels.is_baked(bpy.context.scene)
    bpy.ops.ed.redo()
    assert song_channels.is_baked(bpy.context.scene)


def test_without_a_song_it_says_what_to_do(tab_scene):
    assert not bpy.ops.beatboard.song_channels.poll()
    ui_world.open_empty()
    assert not bpy.ops.beatboard.remove_song_channels.poll()
