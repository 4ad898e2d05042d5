"""The .blend and its files: saved elsewhere, moved, collected."""

import shutil
from pathlib import Path

import bpy
import pytest

from blender_addon.actions import project, shots, takes
from blender_addon.core.clip_requests import clip_requests
from blender_addon.core.types import Clip
from blender_addon.scene import timeline
from blender_addon.session import state, tasks
from blender_addon.session.state import Landing
from tests.addon_ui import ui_world


@pytest.fixture
def edit(tmp_path):
    """A saved edit whose three shots have clips, beside it."""
    ui_world.switch_on()
    scene = ui_world.open_empty()
    (tmp_path / "first").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "first" / "edit.blend"))
    ui_world.lay_out(scene, tmp_path / "first", (12, 24, 12))
    for number, shot_id in enumerate(("s01", "s02", "s03")):
        land(scene, tmp_path / "first" / "edit.beatboard" / "clips", shot_id, number)
    bpy.ops.wm.save_mainfile()
    yield scene
    ui_world.switch_off()


def land(scene, folder: Path, shot_id: str, seed: int, handles: int = 0) -> None:
    """As if the bridge had made it."""
    plan, analysis = shots.edit_of(scene), shots.analysis_of(scene)
    assert plan
    assert analysis
    request = next(
        one for one in clip_requests(plan, analysis, painter="cover", animator="camera") if one.shot_id == shot_id
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = ui_world.edit_world.make_clip(folder / f"{shot_id}-{seed}.mp4", request.frame_count, seed, handles=handles)
    clip = Clip(f"{seed:064d}", request, request.frame_count, plan.fps, 160, 90, 1.0, 1.0)
    takes.land(Landing(scene.session_uid, f"job{seed}", shot_id, clip, path))


def used(scene) -> list[Path]:
    """The files of takes and strips, song and cover, as the open file finds them."""
    settings = state.settings_of(scene)
    texts = [take.path for take in settings.takes] + [settings.song, settings.cover, settings.wav]
    texts += [strip.filepath for strip in timeline.shot_strips(scene)]
    texts.append(timeline.song_strips(scene)[0].sound.filepath)
    return [timeline.absolute(text) for text in texts]


def test_saving_elsewhere_keeps_every_take(edit, tmp_path):
    settings = state.settings_of(edit)
    assert all(take.path.startswith("//edit.beatboard/") for take in settings.takes)
    settings.cover = "//cover.png"
    (tmp_path / "second" / "deeper").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "second" / "deeper" / "other.blend"))
    assert timeline.absolute(settings.cover) == tmp_path / "first" / "cover.png"
    folder = tmp_path / "second" / "deeper" / "other.beatboard" / "clips"
    assert all(timeline.absolute(take.path).parent == folder for take in settings.takes)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "second" / "deeper" / "other.blend"))
    assert all(path.is_file() for path in used(bpy.context.scene)), "as it was written, too"
    assert set(ui_world.states(bpy.context.scene).values()) == {"done"}


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_scene_that_is_appended_finds_its_takes(edit, tmp_path, is_saved):
    name, source = edit.name, bpy.data.filepath
    assert all(take.path.startswith("//") for take in state.settings_of(edit).takes)
    ui_world.open_empty()
    if is_saved:
        (tmp_path / "second").mkdir()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "second" / "other.blend"))
    known = set(bpy.data.scenes)
    with bpy.data.libraries.load(source, link=False) as (_, wanted):
        wanted.scenes = [name]
    (appended,) = set(bpy.data.scenes) - known
    assert all(path.is_file() for path in used(appended))
    assert set(ui_world.states(appended).values()) == {"done"}


def test_a_linked_scene_is_edited_in_its_own_file_alone(edit):
    name, source = edit.name, bpy.data.filepath
    assert bpy.ops.beatboard.split.poll()
    ui_world.open_empty()
    with bpy.data.libraries.load(source, link=True) as (_, wanted):
        wanted.scenes = [name]
    for workspace in bpy.data.workspaces:
        workspace.sequencer_scene = wanted.scenes[0]
    shots.refresh(wanted.scenes[0], force=True)
    with pytest.raises(RuntimeError, match=r"linked, so edits to it would be lost: open edit\.blend"):
        bpy.ops.beatboard.split()


def test_a_saved_copy_changes_nothing_of_the_open_file(edit, tmp_path):
    before = [take.path for take in state.settings_of(edit).takes]
    (tmp_path / "second").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "second" / "copy.blend"), copy=True)
    assert [take.path for take in state.settings_of(edit).takes] == before
    assert not (tmp_path / "second" / "copy.beatboard").exists()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "second" / "copy.blend"))
    assert all(path.is_file() for path in used(bpy.context.scene))


def test_a_clip_that_lands_after_the_first_save_comes_beside_the_file(edit, tmp_path):
    land(edit, tmp_path / "unsaved", "s01", 7)
    project.move_beside()
    assert all(
        timeline.absolute(take.path).is_relative_to(tmp_path / "first") for take in state.settings_of(edit).takes
    )


def test_a_collected_project_has_all_it_needs(edit, tmp_path):
    (tmp_path / "own").mkdir()
    own = ui_world.edit_world.make_clip(tmp_path / "own" / "s01-0.mp4", 12, 9)
    edit.sequence_editor.strips.new_movie("Mine", str(own), 9, 100)
    before = used(edit)
    assert bpy.ops.beatboard.collect(directory=str(tmp_path / "packed")) == {"FINISHED"}
    assert used(edit) == before
    assert timeline.absolute(edit.sequence_editor.strips["Mine"].filepath) == own
    ui_world.open_empty()
    shutil.move(tmp_path / "packed" / "edit", tmp_path / "moved")
    shutil.rmtree(tmp_path / "first")
    shutil.rmtree(tmp_path / "own")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "edit.blend"))
    scene = bpy.context.scene
    found = [*used(scene), timeline.absolute(scene.sequence_editor.strips["Mine"].filepath)]
    assert all(path.is_file() and path.is_relative_to(tmp_path / "moved") for path in found)
    assert len({path for path in found if path.name == "s01-0.mp4"}) == 2, "two files of one name"
    assert set(ui_world.states(scene).values()) == {"done"}


def test_nothing_is_collected_over_other_files(edit, tmp_path):
    (tmp_path / "packed" / "edit").mkdir(parents=True)
    (tmp_path / "packed" / "edit" / "mine.txt").write_text("mine")
    with pytest.raises(tasks.Problem, match="is there already: choose another place"):
        project.collect(tmp_path / "packed")
    assert [path.name for path in (tmp_path / "packed" / "edit").iterdir()] == ["mine.txt"]


def test_what_is_missing_is_told(edit, tmp_path):
    timeline.absolute(state.settings_of(edit).takes[0].path).unlink()
    with pytest.raises(tasks.Problem, match=r"The project is in .*edit, without what is missing here: s01-0\.mp4\."):
        project.collect(tmp_path / "packed")
    assert (tmp_path / "packed" / "edit" / "edit.blend").is_file()
