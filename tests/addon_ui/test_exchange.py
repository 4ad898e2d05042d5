"""The tab's way to other editors and back."""

import bpy
import pytest

from blender_addon.actions import exchange
from blender_addon.scene import cut_lists
from blender_addon.session.tasks import Problem
from tests.addon_ui import ui_world

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tmp_path):
    ui_world.switch_on(tmp_path / "home")
    found = ui_world.open_empty()
    ui_world.lay_out(found, tmp_path)
    yield found
    ui_world.switch_off()


def test_a_timeline_goes_out_and_comes_back_in_a_new_scene(scene, tmp_path):
    path = tmp_path / "edit.fcpxml"
    assert bpy.ops.beatboard.export_timeline(filepath=str(path)) == {"FINISHED"}
    before = cut_lists.read(scene)
    assert bpy.ops.beatboard.import_timeline(filepath=str(path)) == {"FINISHED"}
    new = next(other for other in bpy.data.scenes if other != scene)
    assert cut_lists.read(scene) == before, "the scene that was there is as it was"
    back = cut_lists.read(new)
    assert back.fps == before.fps
    assert [(marker.name, marker.frame) for marker in back.markers] == [(m.name, m.frame) for m in before.markers]
    sounds = [[i for track in cuts.tracks if track.is_sound for i in track.items] for cuts in (before, back)]
    assert [(i.start_frame, i.frame_count, i.path) for i in sounds[0]] == [
        (i.start_frame, i.frame_count, i.path) for i in sounds[1]
    ]


def test_a_name_of_no_format_is_one_sentence(scene, tmp_path):
    with pytest.raises(Problem, match="\\.otio"):
        exchange.export(scene, tmp_path / "edit.mov")
