"""Planning beside what the editor made: their strips, effects, locks and settings stay, and they are asked before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import pytest

from blender_addon.actions import plan as planning
from blender_addon.actions import shots
from blender_addon.core import codec, strip_layout
from blender_addon.scene import compat, render_settings, timeline
from blender_addon.session import state, tasks
from scripts import render
from tests.addon_ui import ui_world
from tests.addon_ui.test_own_edits import crossfade, everything, move

LENGTHS = (96, 48, 48)


@pytest.fixture
def scene():
    ui_world.switch_on()
    yield ui_world.open_empty()
    ui_world.switch_off()


@pytest.fixture
def edit(scene, tmp_path):
    ui_world.lay_out(scene, tmp_path, LENGTHS)
    return scene


def again(scene, lengths=LENGTHS, start=None) -> None:
    """As Plan Again does, for another plan of the same song and cover."""
    shown = shots.edit_of(scene)
    assert shown
    made = replace(ui_world.edit_world.plan(lengths), cover_sha256=shown.cover_sha256, fps=shown.fps)
    planning.lay_out(scene, made, Path(state.settings_of(scene).wav), start)


def found(scene, lengths=LENGTHS, start=None) -> planning.Changes:
    wav = Path(state.settings_of(scene).wav)
    return planning.changes(scene, ui_world.edit_world.plan(lengths), wav, start)


def nobody() -> Any:
    """In place of a client, where nothing is asked of it."""
    return None


def song_of(scene):
    song = timeline.song_strip(scene)
    assert song
    return song


def at(strip) -> tuple[int, int, int]:
    return compat.left(strip), compat.right(strip), strip.channel


def lies(scene) -> dict[str, tuple[int, int]]:
    return {strip["id"]: at(strip)[:2] for strip in timeline.shot_strips(scene)}


def settings_of(scene) -> list:
    render, video = scene.render, scene.render.ffmpeg
    return [
        render.fps, render.fps_base, render.resolution_x, render.resolution_y, render.resolution_percentage,
        scene.frame_start, scene.frame_end, scene.sync_mode, render.image_settings.file_format, video.format,
        video.codec, scene.view_settings.view_transform, scene.sequencer_colorspace_settings.name, render.filepath,
        scene.tool_settings.use_snap_sequencer,
    ]  # fmt: skip


def test_an_edit_of_the_users_keeps_the_scenes_settings_and_is_not_covered(scene, tmp_path):
    scene.render.fps, scene.render.resolution_x, scene.render.resolution_y = 25, 640, 480
    scene.frame_start, scene.frame_end = 11, 300
    mine = scene.sequence_editor.strips.new_effect("mine", "COLOR", 2, 5, length=70)
    assert planning._wanted_format(scene)[0].width_px == 640
    assert planning._wanted_format(scene)[1] == 25
    with pytest.raises(tasks.Problem, match="planned for 24 fps"):
        ui_world.lay_out(scene, tmp_path, LENGTHS)
    scene.render.fps = 24
    before = settings_of(scene)
    ui_world.lay_out(scene, tmp_path, LENGTHS)
    assert settings_of(scene) == before
    assert at(mine) == (5, 75, 2)
    assert lies(scene) == {"s01": (75, 171), "s02": (171, 219), "s03": (219, 267)}
    assert ui_world.spans(scene)["s01"] == (1, 97), "counted from where the song's strip is"
    shots.refresh(scene, force=True)
    assert {row.frames_off for row in state.session().shots.rows.values()} == {0}


def test_an_empty_scene_takes_the_plans_settings(edit):
    assert (edit.frame_start, edit.frame_end, edit.render.resolution_x) == (1, 192, 160)
    assert edit.view_settings.view_transform == "Standard"
    again(edit, (48, 48))
    assert edit.frame_end == 96
    edit.frame_end = 40
    again(edit)
    assert edit.frame_end == 40, "the range is the editor's now"


def test_covering_is_told_before_and_refused_without_a_window(scene, tmp_path, monkeypatch):
    mine = scene.sequence_editor.strips.new_effect("mine", "COLOR", 2, 5, length=70)
    wav = tmp_path / "song.wav"
    ui_world.edit_world.make_song(wav)
    made = ui_world.edit_world.plan(LENGTHS)
    assert not planning.changes(scene, made, wav).losses
    assert planning.changes(scene, made, wav).to_ask
    assert planning.changes(scene, made, wav, 1).losses == ("The shots would cover your strips mine.",)
    mine.channel = 9
    assert not planning.changes(scene, made, wav, 1).losses, "it lies over the shots"
    mine.channel = 2
    monkeypatch.setattr(planning.connection, "follow", lambda client: None)
    with pytest.raises(tasks.Problem, match="would cover your strips mine"):
        planning._planned(scene.session_uid, 1, False, nobody(), made, wav, None)
    assert not timeline.shot_strips(scene)


def test_the_song_that_the_user_laid_is_the_clock(scene, tmp_path):
    wav = tmp_path / "song.wav"
    ui_world.edit_world.make_song(wav)
    mine = scene.sequence_editor.strips.new_sound("my song", str(wav), 1, 51)
    before = at(mine)
    ui_world.lay_out(scene, tmp_path, LENGTHS)
    start = 51 + round(1.2345 * 24)
    assert lies(scene)["s01"] == (start, start + 96)
    assert at(mine) == before
    ours = song_of(scene)
    assert ours.mute, "or it would be heard twice"
    assert not mine.mute
    shots.refresh(scene, force=True)
    assert [row.frames_off for row in state.session().shots.rows.values()] == [0, 0, 0]


def test_a_plan_waits_for_a_yes(edit, monkeypatch):
    monkeypatch.setattr(planning.connection, "follow", lambda client: None)
    monkeypatch.setattr(state.session(), "synchronous", False)
    monkeypatch.setattr(planning, "_ask", lambda: None)
    wav = Path(state.settings_of(edit).wav)
    made = ui_world.edit_world.plan((48, 48))

    def come() -> None:
        planning._planned(edit.session_uid, None, False, nobody(), made, wav, None)

    timeline.shot_strips(edit)[1].beatboard_prompt = "mine"
    come()
    assert len(timeline.shot_strips(edit)) == 3
    assert "Shots that you changed are planned anew, their takes kept: s02." in found(edit).notes
    bpy.ops.beatboard.discard_plan()
    assert not bpy.ops.beatboard.lay_out.poll()
    come()
    bpy.ops.beatboard.lay_out()
    assert len(timeline.shot_strips(edit)) == 2
    come()
    assert planning.waiting(edit) is None, "nothing of the editor's is concerned: it is laid out at once"


def test_planning_again_stays_where_it_was_moved_to(edit):
    move(everything(edit), 100)
    again(edit, (48, 96, 48))
    assert lies(edit) == {"s01": (101, 149), "s02": (149, 245), "s03": (245, 293)}
    assert at(timeline.song_strip(edit))[:2] == (101, 293)
    assert (edit.frame_start, edit.frame_end) == (101, 292)
    assert min(marker.frame for marker in edit.timeline_markers) == 101


def test_a_crossfade_and_a_foreign_sound_outlast_planning_again(edit, tmp_path):
    _, second, fade = crossfade(edit, 12)
    wav = tmp_path / "wind.wav"
    ui_world.edit_world.make_song(wav, 2.0)
    song = song_of(edit)
    wind = edit.sequence_editor.strips.new_sound("wind", str(wav), song.channel, compat.right(song) + 5)
    before = at(wind)
    again(edit, (96, 48, 96))
    assert at(wind) == before
    assert wind.channel != song_of(edit).channel
    assert lies(edit) == {"s01": (1, 97), "s02": (85, 145), "s03": (145, 241)}
    assert (at(fade), at(second)) == ((85, 97, 6), (85, 145, 5))
    again(edit, (48, 48, 96))
    fade = edit.sequence_editor.strips["fade"]
    assert at(fade)[:2] == (37, 49)
    assert found(edit, (48,)).losses == ("Your effects fade would go with the shots that they are on.",)
    assert not found(edit, (48, 48)).losses


def test_locked_shots_and_those_in_metas_stay(edit):
    _, second, third = timeline.shot_strips(edit)
    move([third], 10)
    compat.place(second, 97, 97, 121)
    second.lock = True
    second.beatboard_prompt = "mine"
    assert "Locked shots and those in meta strips stay: s02." in found(edit, (144, 48)).notes
    again(edit, (144, 48))
    assert lies(edit) == {"s01": (1, 97), "s01b": (121, 145), "s02": (97, 121), "s02b": (145, 193)}
    kept = next(strip for strip in timeline.shot_strips(edit) if strip["id"] == "s02")
    assert (kept["prompt"], kept.lock) == ("mine", True)
    assert {strip.channel for strip in timeline.shot_strips(edit)} == {2}, "there is room beside it"


def test_of_an_edit_that_make_built_nothing_counts_as_changed(edit):
    timeline.build(
        edit, ui_world.edit_world.plan(LENGTHS), None, song_path=Path(state.settings_of(edit).wav)
    )  # fmt: skip
    assert not any("you changed" in note for note in found(edit).notes)
    timeline.shot_strips(edit)[0].beatboard_seed = 77
    assert "Shots that you changed are planned anew, their takes kept: s01." in found(edit).notes


def test_planned_shots_go_around_those_that_stay():
    planned = ui_world.edit_world.shots((40, 40, 20))
    planned = (replace(planned[0], kind=strip_layout.ShotKind.HERO_HOLD, hold_frames=12), *planned[1:])
    stays = replace(planned[1], start_frame=10, frame_count=20)
    got = strip_layout.around(planned, [stays], {"s02b"})
    assert [(s.id, s.start_frame, s.end_frame, s.hold_frames) for s in got] == [
        ("s01", 0, 10, 10), ("s02", 10, 30, 0), ("s01b", 30, 40, 0), ("s02c", 40, 80, 0), ("s03", 80, 100, 0)
    ]  # fmt: skip
    assert strip_layout.around(planned, ()) == planned
    long = strip_layout.around(planned, [stays], least_frames=11)
    assert [(s.id, s.start_frame) for s in long] == [("s02", 10), ("s02b", 40), ("s03", 80)], "no slivers"


def test_the_deliverables_settings_are_lent(scene):
    image = scene.render.image_settings
    image.media_type, image.file_format, image.color_mode = "IMAGE", "PNG", "RGBA"
    scene.view_settings.view_transform, scene.render.resolution_percentage = "AgX", 50
    before = [*settings_of(scene), image.color_mode]
    with render_settings.lent(scene, colors=False):
        assert (image.file_format, scene.render.ffmpeg.codec, scene.render.resolution_percentage) == (
            "FFMPEG", "H264", 100
        )  # fmt: skip
        assert scene.view_settings.view_transform == "AgX"
    assert [*settings_of(scene), image.color_mode] == before
    with render_settings.lent(scene, colors=True):
        assert scene.view_settings.view_transform == "Standard"
    assert [*settings_of(scene), image.color_mode] == before


def test_a_render_process_delivers_as_ours_whatever_the_users_output_is(scene):
    image = scene.render.image_settings
    image.media_type, image.file_format = "IMAGE", "PNG"
    render.deliver_as_ours(scene)
    assert image.file_format == "PNG", "an edit of ours alone has its settings already"
    scene.sequence_editor.strips.new_effect("mine", "COLOR", 2, 5, length=70)
    scene.view_settings.view_transform = "AgX"
    render.deliver_as_ours(scene)
    assert (image.file_format, scene.render.ffmpeg.codec) == ("FFMPEG", "H264")
    assert scene.view_settings.view_transform == "AgX"


def test_the_tab_says_once_what_a_cover_of_few_pixels_means(scene):
    settings = state.settings_of(scene)
    assert planning.cover_note(scene) == "", "no cover was looked at"
    settings.look = codec.dumps(replace(ui_world.edit_world.look(), size_px=(500, 500)))
    settings.shape, settings.size = "16:9", "1080"
    assert "640 pixels" in planning.cover_note(scene)
    settings.size = "720"
    assert planning.cover_note(scene) == ""
    settings.size, settings.painter = "1080", "sdxl"
    assert planning.cover_note(scene) == "", "another picture is painted"
