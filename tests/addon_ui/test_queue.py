"""The whole work without a window, and clips that come while the editor does something else."""
# pyright: reportOptionalMemberAccess=false

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from blender_addon.actions import deliver, generate, look, shots, song, takes
from blender_addon.actions import plan as planning
from blender_addon.client.client import LinkError
from blender_addon.core import codec
from blender_addon.core.types import CoverLook, JobState
from blender_addon.scene import compat, film_textures, grade, timeline, titles
from blender_addon.session import connection, engine_options, file_watch, files, state, tasks
from tests.addon_ui import ui_world
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tab_scene):
    return tab_scene


def press(name: str, **values):
    return getattr(bpy.ops.beatboard, name)(**values)


def test_generating_from_empty_to_graded_movies(edit):
    assert ui_world.states(edit) == dict.fromkeys(("s01", "s02", "s03"), "empty")
    assert press("generate") == {"FINISHED"}
    assert ui_world.states(edit) == dict.fromkeys(("s01", "s02", "s03"), "done")
    for strip in timeline.shot_strips(edit):
        assert strip.type == "MOVIE"
        assert [modifier.type for modifier in strip.modifiers] == ["COMPOSITOR"]
        assert timeline.absolute(strip.filepath).is_file()
        assert compat.content_length(strip) == compat.right(strip) - compat.left(strip)
    assert len(state.settings_of(edit).jobs) == 0
    with pytest.raises(RuntimeError, match="Every shot has its clip"):
        press("generate")


def test_shots_with_a_file_of_their_own_are_left_to_the_editor(edit, tmp_path):
    (tmp_path / "s.toml").write_text('[[shots]]\n[[shots]]\nclip = "live.mp4"\n')
    state.settings_of(edit).storyboard = str(tmp_path / "s.toml")
    assert [request.shot_id for request in generate._requests(edit, ["s01", "s02"])[1]] == ["s01"]
    with pytest.raises(tasks.Problem, match=r"s02 shows live\.mp4"):
        generate._requests(edit, ["s02"])


def test_quality_and_options_go_along_with_the_chosen_painter_and_animator(edit):
    settings = state.settings_of(edit)

    def asked():
        (request,) = generate._requests(edit, ["s01"])[1]
        return request.painter, request.animator, dict(request.options)

    assert asked() == ("cover", "camera", {})
    connection.connect()
    press("set_engine", part="painter", value="cover")
    settings.painter, settings.animator, settings.quality = "sdxl", "svd", "draft"
    fields = engine_options.group_of(edit, "svd")
    assert (fields.steps, fields.compile, fields.watermark) == (25, True, "inpaint"), "the defaults"
    fields.steps, fields.compile, fields.watermark, fields.noise = 7, False, "crop", 0.05
    engine_options.group_of(edit, "sdxl").lora = "my face.safetensors:0.8"
    engine_options.group_of(edit, "clip").upscale = "yes"
    wanted = {
        **{"quality": "draft", "steps": "7", "compile": "no", "watermark": "crop", "noise": "0.05"},
        **{"lora": "my face.safetensors:0.8", "upscale": "yes"},
    }
    assert asked() == ("sdxl", "svd", wanted)
    fields.steps = 25
    press("reset_option", option="svd.noise")
    assert not {"steps", "noise"} & set(asked()[2]), "a default is not sent"
    settings.animator = "ltx"
    assert set(asked()[2]) == {"quality", "lora", "upscale"}, "the other animator's own are left out"


def test_fields_have_the_declared_ranges_and_tooltips(edit):
    connection.connect()
    properties = engine_options.group_of(edit, "svd").bl_rna.properties
    steps, noise, mark = (properties[name] for name in ("steps", "noise", "watermark"))
    assert (steps.hard_min, steps.hard_max, steps.default, steps.description) == (1, 100, 25, "Denoising steps")
    assert (noise.hard_min, noise.hard_max) == (0.0, 1.0)
    assert [item.identifier for item in mark.enum_items] == ["keep", "inpaint", "crop"]
    drawn = [option.name for _, _, options in engine_options.fields_of(edit) for option in options]
    assert len(drawn) == len(set(drawn))
    assert "quality" not in drawn


def test_wrong_options_are_refused_before_anything_is_sent(edit):
    connection.connect()
    settings = state.settings_of(edit)
    engine_options.keep(edit, "camera.dpth", "anything", "")
    with pytest.raises(tasks.Problem, match=r"no option 'dpth'\. Did you mean 'depth'"):
        engine_options.given(edit)
    press("reset_option", option="camera.dpth")
    settings.painter = "sdxl"
    engine_options.group_of(edit, "sdxl").guidance_interval = "5-1"
    with pytest.raises(tasks.Problem, match="guidance_interval takes two numbers, the lower first"):
        engine_options.given(edit)


def test_a_changed_shot_alone_is_made_again(edit):
    press("generate")
    strip = timeline.shot_strips(edit)[1]
    strip.beatboard_prompt = "another one"
    assert ui_world.states(edit) == {"s01": "done", "s02": "stale", "s03": "done"}
    compat.set_right(timeline.shot_strips(edit)[2], 45)
    assert ui_world.states(edit)["s03"] == "stale"
    press("generate")
    assert ui_world.states(edit) == dict.fromkeys(("s01", "s02", "s03"), "done")
    assert [row.take_count for row in state.shot_list().shots] == [1, 2, 2]
    assert [compat.right(strip) for strip in timeline.shot_strips(edit)] == [13, 37, 45]


def test_takes_are_stepped_through_reused_and_deleted(edit):
    press("generate")
    state.shot_list().active = 0
    strip = timeline.shot_strips(edit)[0]
    first = strip["take"]
    strip.beatboard_seed = 78
    press("generate", which="ACTIVE")
    second = timeline.shot_strips(edit)[0]["take"]
    assert second != first
    press("step_take", by=-1)
    strip = timeline.shot_strips(edit)[0]
    assert strip["take"] == first
    assert first[:12] in strip.filepath
    assert ui_world.states(edit)["s01"] == "done", "an older take that was chosen is kept"
    assert state.shot_list().shots[0].detail == "chosen, though made with another seed"
    strip.beatboard_motion += 1
    assert ui_world.states(edit)["s01"] == "stale", "until something else changes"
    strip.beatboard_motion -= 1
    press("reuse_settings")
    assert strip.beatboard_seed == 0
    assert ui_world.states(edit)["s01"] == "done"
    press("delete_take")
    assert timeline.shot_strips(edit)[0]["take"] == second
    press("delete_take")
    assert timeline.shot_strips(edit)[0].type == "COLOR"
    assert ui_world.states(edit)["s01"] == "empty"


def test_a_deleted_takes_file_is_in_the_trash_until_undo(edit, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    press("generate")
    bpy.ops.ed.undo_push(message="Generated")
    state.shot_list().active = 1
    path = timeline.absolute(timeline.shot_strips(edit)[1].filepath)
    press("delete_take")
    bpy.ops.ed.undo_push(message="Delete Take")
    assert not path.exists()
    assert (path.parent / "trash" / path.name).is_file()
    bpy.ops.ed.undo()
    assert path.is_file()
    assert ui_world.states(bpy.context.scene)["s02"] == "done"
    bpy.ops.ed.redo()
    assert not path.exists()
    press("generate")
    assert timeline.absolute(timeline.shot_strips(bpy.context.scene)[1].filepath).is_file()
    assert set(ui_world.states(bpy.context.scene).values()) == {"done"}


def test_a_file_that_another_shot_shows_stays(edit, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    press("generate")
    first = timeline.shot_strips(edit)[0]
    state.shot_list().active = 2
    press("use_take", sha256=first["take"])
    state.shot_list().active = 0
    path = timeline.absolute(first.filepath)
    press("delete_take")
    assert path.is_file()


def test_what_fails_says_why_and_can_be_tried_again(edit):
    timeline.shot_strips(edit)[1].beatboard_prompt = "please fail"
    with pytest.raises(RuntimeError, match=r"s02: It was asked to fail\. Write another prompt\."):
        press("generate")
    assert ui_world.states(edit) == {"s01": "done", "s02": "failed", "s03": "done"}
    assert "asked to fail" in state.shot_list().shots[1].detail
    timeline.shot_strips(edit)[1].beatboard_prompt = "fine"
    press("generate")
    assert ui_world.states(edit)["s02"] == "done"


def test_locked_shots_are_left_alone(edit):
    press("lock", shot="s02")
    press("generate")
    assert ui_world.states(edit) == {"s01": "done", "s02": "empty", "s03": "done"}


class Threads:
    """As with a window: work runs in threads, and the test ticks."""

    def __enter__(self):
        state.session().synchronous = False
        return self

    def __exit__(self, *_):
        state.session().synchronous = True

    def until(self, condition):
        from blender_addon.ui import timer

        wait_until(condition, meanwhile=timer.tick)
        timer.tick()


def test_a_clip_lands_on_its_shot_wherever_it_is_now(edit):
    with Threads() as threads:
        press("generate")
        assert set(ui_world.states(edit).values()) == {"queued"}
        last = timeline.shot_strips(edit)[2]
        compat.place(last, 101, 101, 113)
        last.channel = 5
        edit.sequence_editor.strips.remove(timeline.shot_strips(edit)[0])
        threads.until(lambda: len(state.settings_of(edit).takes) == 3)
    strip = timeline.shot_strips(edit)[1]
    assert (strip["id"], strip.type, compat.left(strip), compat.right(strip), strip.channel) == (
        "s03", "MOVIE", 101, 113, 5,
    )  # fmt: skip
    assert [take.shot_id for take in takes.orphans(edit)] == ["s01"]
    state.shot_list().active = 1
    press("use_take", sha256=takes.orphans(edit)[0].sha256)
    assert timeline.shot_strips(edit)[1]["take"] == takes.orphans(edit)[0].sha256


def test_undo_takes_no_clip_away(edit):
    timeline.shot_strips(edit)[0].beatboard_prompt = "edited"
    bpy.ops.ed.undo_push(message="Edit prompt")
    with Threads() as threads:
        press("generate")
        threads.until(lambda: len(state.settings_of(edit).takes) == 3)
    bpy.ops.ed.undo()
    edit = bpy.context.scene
    assert timeline.shot_strips(edit)[0].beatboard_prompt == "prompt 0"
    assert ui_world.states(edit) == {"s01": "stale", "s02": "done", "s03": "done"}
    bpy.ops.ed.redo()
    assert ui_world.states(bpy.context.scene) == dict.fromkeys(("s01", "s02", "s03"), "done")


def test_a_file_that_was_closed_meanwhile_finds_its_clips(edit, tmp_path):
    with Threads() as threads:
        press("generate")
        threads.until(lambda: "generate" not in state.session().tasks.running)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
        assert len(state.settings_of(bpy.context.scene).jobs) == 3
        ui_world.open_empty()
        client = state.session().connection.client
        assert client
        ids = [job.id for job in client.jobs().jobs]
        threads.until(lambda: all(client.job(job_id).state is JobState.DONE for job_id in ids[-3:]))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "edit.blend"))
        threads.until(lambda: len(state.settings_of(bpy.context.scene).takes) == 3)
    assert set(ui_world.states(bpy.context.scene).values()) == {"done"}
    folder = tmp_path / "edit.beatboard" / "clips"
    assert len(list(folder.iterdir())) == 3
    assert all(strip.filepath.startswith("//") for strip in timeline.shot_strips(bpy.context.scene))


def test_clips_of_an_unsaved_file_come_beside_it_when_it_is_saved(edit, tmp_path):
    press("generate")
    assert all(not Path(take.path).is_relative_to(tmp_path) for take in state.settings_of(edit).takes)
    (tmp_path / "saved").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved" / "edit.blend"))
    folder = tmp_path / "saved" / "edit.beatboard"
    assert len(list((folder / "clips").iterdir())) == 3
    for strip in timeline.shot_strips(edit):
        assert timeline.absolute(strip.filepath).is_relative_to(folder)
    assert timeline.absolute(ui_world.edit_world.the_song(edit).sound.filepath).parent == folder


def test_cancelling(edit):
    timeline.shot_strips(edit)[0].beatboard_prompt = "slowly"
    with Threads() as threads:
        press("generate", which="NEEDED")
        threads.until(lambda: ui_world.states(edit)["s01"] == "running")
        press("cancel_jobs", shot="s01")
        threads.until(lambda: ui_world.states(edit) == {"s01": "empty", "s02": "done", "s03": "done"})
        press("generate")
        press("cancel_jobs")


def test_another_cover_is_refused(edit):
    with Path(state.settings_of(edit).cover).open("ab") as file:
        file.write(b"changed")
    with pytest.raises(RuntimeError, match="The album cover is not the one that was planned with"):
        press("generate")
    assert ui_world.states(edit) == dict.fromkeys(("s01", "s02", "s03"), "empty")
    assert len(state.settings_of(edit).jobs) == 0


def test_no_bridge_is_one_sentence(edit, tmp_path):
    from blender_addon.client.process import Installation

    state.session().connection.installation = Installation(tmp_path / "no-python", ui_world.ROOT, tmp_path / "other")
    with pytest.raises(RuntimeError, match=r"Cannot run .*no-python.*Set the bridge up again"):
        press("generate")
    assert len(state.settings_of(edit).jobs) == 0


def _answers(client) -> bool:
    try:
        client.health()
    except LinkError:
        return False
    return True


def test_a_bridge_that_ended_is_started_again(edit):
    connection.connect()
    client = state.session().connection.client
    assert client
    client.shutdown()
    with Threads() as threads:
        threads.until(lambda: not _answers(client))
    press("generate")
    assert set(ui_world.states(edit).values()) == {"done"}


def test_files_that_are_gone_or_others_are_told(edit):
    press("generate")
    settings = state.settings_of(edit)
    settings.heard, settings.seen = files.stamp(Path(settings.song)), files.stamp(Path(settings.cover))
    file_watch.look(edit)
    assert song.is_current(edit)
    timeline.absolute(timeline.shot_strips(edit)[1].filepath).unlink()
    with Path(settings.song).open("ab") as file:
        file.write(b"more")
    file_watch.look(edit)
    assert ui_world.states(edit) == {"s01": "done", "s02": "missing", "s03": "done"}
    assert not song.is_current(edit)
    press("generate")
    file_watch.look(edit)
    assert ui_world.states(edit)["s02"] == "done"


def test_an_edit_that_the_command_line_made_can_be_gone_on_with(scene, tmp_path):
    wav, folder = tmp_path / "song.wav", tmp_path / "video.beatboard"
    ui_world.edit_world.make_song(wav)
    folder.mkdir()
    (folder / "analysis.json").write_text(codec.dumps(ui_world.edit_world.analysis()))
    (folder / "look.json").write_text(codec.dumps(ui_world.edit_world.look()))
    timeline.build(scene, ui_world.edit_world.plan(), ui_world.edit_world.analysis(), song_path=wav)
    timeline.save(scene, tmp_path / "video.blend")
    ui_world.open_empty()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "video.blend"))
    opened = bpy.context.scene
    assert shots.analysis_of(opened) == ui_world.edit_world.analysis()
    assert [row.name for row in state.shot_list().shots] == ["s01", "s02", "s03"]
    assert bpy.ops.beatboard.split.poll()


def segments_of(home):
    return set((home / "cache" / "render" / "segments").glob("*.mp4"))


def test_the_deliverable(edit, home, tmp_path):
    press("generate")
    state.settings_of(edit).output = str(tmp_path / "video.txt")
    with pytest.raises(RuntimeError, match=r"ends in \.mp4"):
        press("render")
    state.settings_of(edit).output = str(tmp_path / "video.mp4")
    assert press("render") == {"FINISHED"}
    assert len(ui_world.edit_world.pictures(tmp_path / "video.mp4")) == 48
    assert [path.name for path in tmp_path.glob("*video*")] == ["video.mp4"]
    before = segments_of(home)
    timeline.shot_strips(edit)[1].mute = True
    press("render")
    assert len(segments_of(home) - before) == 1


def test_a_render_by_an_interpreter_without_the_packages_says_what_to_do():
    way = deliver.Way(["/usr/bin/python3", "-m", "bridge"], lambda line: None)
    said = deliver.reason(["Traceback:", "ModuleNotFoundError: No module named 'platformdirs'"], way)
    assert said.startswith("/usr/bin/python3 has no module platformdirs, so it is not the bridge's environment.")
    blenders = "Blender ended: ModuleNotFoundError: No module named 'x'"
    assert deliver.reason([f"beatboard: {blenders}"], way) == blenders, "another program's Python"


def test_without_a_bridge_blender_renders_alone(edit, home, tmp_path):
    press("generate")
    before = segments_of(home)
    state.session().connection.installation = None
    state.settings_of(edit).output = str(tmp_path / "video.mp4")
    press("render")
    assert len(ui_world.edit_world.pictures(tmp_path / "video.mp4")) == 48
    assert segments_of(home) == before


def test_reading_of_a_check(tmp_path):
    report = {"measures": [
        {"name": "codec", "text": "h264", "verdict": "pass", "advice": ""},
        {"name": "cuts", "text": "3 frames late", "verdict": "fail", "advice": "Snap to Downbeats."},
    ]}  # fmt: skip
    found = deliver.read(json.loads(json.dumps(report)), tmp_path / "v.mp4", tmp_path / "v.html")
    assert (found.passed, found.failures) == (1, ("cuts: 3 frames late. Snap to Downbeats.",))


# Edits by our operators


def test_split_merge_and_undo(edit):
    edit.frame_set(20)
    assert song.is_current(edit) is False
    with pytest.raises(RuntimeError, match="one bar long"):
        press("split")
    ui_world.lay_out(edit, Path(state.settings_of(edit).wav).parent, (48, 96))
    edit.frame_set(90)
    press("split")
    assert ui_world.spans(edit) == {"s01": (1, 49), "s02": (49, 97), "s02b": (97, 145)}
    bpy.ops.ed.undo_push(message="Split")
    for strip in timeline.shot_strips(edit):
        strip.select = strip["id"] != "s01"
    press("merge")
    assert ui_world.spans(edit) == {"s01": (1, 49), "s02": (49, 145)}
    bpy.ops.ed.undo_push(message="Merge")
    bpy.ops.ed.undo()
    assert ui_world.spans(bpy.context.scene) == {"s01": (1, 49), "s02": (49, 97), "s02b": (97, 145)}


@pytest.mark.parametrize("off", [-7, 5, 11])
def test_snapping_takes_the_neighbours_along(edit, off):
    ui_world.lay_out(edit, Path(state.settings_of(edit).wav).parent, (48, 96, 48))
    first, second, third = timeline.shot_strips(edit)
    (compat.set_right if off < 0 else compat.set_left)(*((first, 49 + off) if off < 0 else (second, 49 + off)))
    (compat.set_left if off < 0 else compat.set_right)(*((second, 49 + off) if off < 0 else (first, 49 + off)))
    assert ui_world.spans(edit)["s02"] == (49 + off, 145)
    for strip in (first, third):
        strip.select = False
    second.select = True
    press("snap")
    assert ui_world.spans(edit) == {"s01": (1, 49), "s02": (49, 145), "s03": (145, 193)}
    assert press("snap") == {"FINISHED"}
    assert ui_world.spans(edit) == {"s01": (1, 49), "s02": (49, 145), "s03": (145, 193)}


def test_pieces_of_blenders_own_split_become_shots(edit):
    strip = timeline.shot_strips(edit)[1]
    strip.split(frame=25, split_method="SOFT")
    shots.refresh(edit)
    assert [row.name for row in state.shot_list().shots] == ["s01", "s02", "s02b", "s03"]
    press("generate")
    assert {strip["id"]: compat.left(strip) for strip in timeline.shot_strips(edit)} == {
        "s01": 1, "s02": 13, "s02b": 25, "s03": 37,
    }  # fmt: skip
    assert set(ui_world.states(edit).values()) == {"done"}


def test_the_song_read_differently_moves_markers_not_shots(edit):
    ui_world.lay_out(edit, Path(state.settings_of(edit).wav).parent, (48, 48))
    mine = edit.timeline_markers.new("mine", frame=7)
    before = ui_world.spans(edit)
    press("regrid", reading="LATER")
    assert ui_world.spans(edit) == before
    assert {marker.frame for marker in edit.timeline_markers if marker != mine} >= {13, 61}
    assert state.session().shots.violations
    edit.frame_set(1)
    press("downbeat_here")
    assert {marker.frame for marker in edit.timeline_markers if marker != mine} >= {1, 49}
    state.settings_of(edit).markers = "NONE"
    assert [marker.name for marker in edit.timeline_markers] == ["mine"]


def bars(scene) -> dict[str, int]:
    return {marker.name.split()[0]: marker.frame for marker in scene.timeline_markers if marker.name[:1].isdigit()}


def test_a_dragged_bar_bends_the_grid_and_is_undone(edit):
    ui_world.lay_out(edit, Path(state.settings_of(edit).wav).parent, (48, 48, 48))
    before, spans = bars(edit), ui_world.spans(edit)
    assert sorted(before.values()) == [1, 49, 97]
    assert not bpy.ops.beatboard.bend_grid.poll(), "no marker was dragged"
    next(marker for marker in edit.timeline_markers if marker.frame == 49).frame = 55
    bpy.ops.ed.undo_push(message="Move Markers")
    press("bend_grid")
    assert sorted(bars(edit).values()) == [1, 55, 97]
    assert ui_world.spans(edit) == spans, "the shots stay"
    heard = shots.analysis_of(edit)
    assert heard
    at_s = [time_s - 1.2345 for time_s in heard.downbeats_s]
    assert at_s[1:4] == pytest.approx([0, 2.25, 4], abs=1e-3)
    bpy.ops.ed.undo_push(message="Bend")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert bars(scene) == before
    next(marker for marker in scene.timeline_markers if marker.frame == 49).frame = 120
    with pytest.raises(RuntimeError, match="drag it less far"):
        press("bend_grid")


def test_the_meter_and_the_tempo_change_from_the_playhead_on(edit):
    ui_world.lay_out(edit, Path(state.settings_of(edit).wav).parent, (48, 48, 48))
    edit.frame_set(47)
    press("change_here", meter=3)
    assert sorted(bars(edit).values()) == [1, 49, 85, 121]
    press("change_here", meter=4, tempo_bpm=60.0)
    assert sorted(bars(edit).values()) == [1, 49]
    with pytest.raises(RuntimeError, match="the tempo, or both"):
        press("change_here")
    with pytest.raises(RuntimeError, match="slowest tempo"):
        press("change_here", tempo_bpm=2.0)


def test_holds_follow_their_switches(edit):
    settings = state.settings_of(edit)
    plan = shots.edit_of(edit)
    assert plan
    assert [shot.kind.value for shot in plan.shots] == ["hero-hold", "motion", "cover-end"]
    assert plan.shots[0].hold_frames == 6
    settings.hero_hold = settings.end_on_cover = False
    assert {shot.kind.value for shot in timeline.read(edit).shots} == {"motion"}
    settings.end_on_cover = True
    assert timeline.read(edit).shots[-1].kind.value == "cover-end"


def test_the_grade_follows_its_switches(edit):
    press("generate")
    settings = state.settings_of(edit)
    settings.grade_strength = 0.5
    group = grade.find(edit)
    assert group is not None
    assert group.nodes[grade.STRENGTH].outputs[0].default_value == 0.5
    settings.use_grade = False
    assert not any(strip.modifiers for strip in timeline.shot_strips(edit))
    settings.use_grade = True
    assert all(len(strip.modifiers) == 1 for strip in timeline.shot_strips(edit))


def _seen(scene) -> str:
    """Lets the look be of the cover that is chosen; its hash."""
    settings = state.settings_of(scene)
    sha256 = hashlib.sha256(Path(settings.cover).read_bytes()).hexdigest()
    settings.look = codec.dumps(replace(ui_world.edit_world.look(), cover_sha256=sha256))
    bpy.ops.ed.undo_push(message="Analyze")
    return sha256


def test_the_grade_is_fitted_to_what_landed_as_make_does(edit):
    from bridge.cover import clip_grade

    cover = _seen(edit)
    state.settings_of(edit).fit_grade, state.settings_of(edit).grade_strength = True, 0.5
    press("generate")
    assert not state.session().tasks.troubles
    seen = codec.loads(CoverLook, state.settings_of(edit).look)
    clips = [timeline.absolute(strip.filepath) for strip in timeline.shot_strips(edit)]
    assert seen.grade == clip_grade.fit_grade(clips, Path(state.settings_of(edit).cover))
    assert seen.cover_sha256 == cover
    group = ui_world.edit_world.the_group(edit)
    assert grade.shows(group, seen.grade)
    assert group.nodes[grade.STRENGTH].outputs[0].default_value == 0.5
    bpy.ops.ed.undo_push(message="Step")
    bpy.ops.ed.undo()
    assert codec.loads(CoverLook, state.settings_of(bpy.context.scene).look).grade == seen.grade


def test_a_grade_that_the_editor_changed_is_not_fitted_again(edit):
    _seen(edit)
    press("generate")
    state.settings_of(edit).fit_grade = True
    group = ui_world.edit_world.the_group(edit)
    group.nodes[grade.MATRIX_ROWS[0]].inputs[1].default_value = (0.5, 0.25, 0.25)
    timeline.shot_strips(edit)[0].beatboard_seed = 4
    press("generate")
    assert tuple(group.nodes[grade.MATRIX_ROWS[0]].inputs[1].default_value) == (0.5, 0.25, 0.25)
    assert press("fit_grade") == {"FINISHED"}
    assert tuple(group.nodes[grade.MATRIX_ROWS[0]].inputs[1].default_value) != (0.5, 0.25, 0.25)


def test_the_grade_is_not_fitted_to_another_cover(edit):
    press("generate")
    with pytest.raises(RuntimeError, match="not the one that was analyzed: analyze again"):
        press("fit_grade")


def test_title_and_artist_are_placed_undone_and_the_editors_to_change(scene, tmp_path):
    ui_world.lay_out(scene, tmp_path, (72, 24))
    _seen(scene)
    settings = state.settings_of(scene)
    assert not bpy.ops.beatboard.place_title.poll(), "there is nothing to write"
    settings.title, settings.artist = "Night Bus", "Ada"
    bpy.ops.ed.undo_push(message="Write")
    assert press("place_title") == {"FINISHED"}
    written = titles.strips(scene)
    assert " ".join(strip.text for strip in written) == "Night Bus Ada"
    assert all(compat.left(strip) >= 1 and compat.right(strip) <= 73 for strip in written)
    face = timeline.absolute(written[0].font.filepath)
    assert face.parent == files.project_folder() / "fonts"
    assert face.is_file()
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert (titles.strips(scene), state.settings_of(scene).title) == ([], "Night Bus")
    bpy.ops.ed.redo()
    scene = bpy.context.scene
    titles.strips(scene)[0].text = "By hand"
    state.settings_of(scene).artist = "Bea"
    press("place_title")
    assert " ".join(strip.text for strip in titles.strips(scene)) == "Night Bus Bea"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    (font,) = titles.fonts(scene)
    assert font.filepath == f"//saved.beatboard/fonts/{face.name}"
    assert timeline.absolute(font.filepath).is_file()


def test_a_storyboard_says_the_title_where_the_fields_are_empty(scene, tmp_path):
    ui_world.lay_out(scene, tmp_path, (72, 24))
    _seen(scene)
    board = tmp_path / "board.toml"
    board.write_text('title = "Of the board"\n')
    state.settings_of(scene).storyboard = str(board)
    press("place_title")
    assert " ".join(strip.text for strip in titles.strips(scene)) == "Of the board"
    board.write_text("subject = 'a cat'\n")
    with pytest.raises(RuntimeError, match="nothing to write"):
        press("place_title")
    assert titles.strips(scene), "what was written stays"


def test_a_title_that_must_be_shaped_is_a_picture_and_is_drawn_anew(scene, tmp_path):
    ui_world.lay_out(scene, tmp_path, (72, 24))
    _seen(scene)
    state.settings_of(scene).title = "منير"
    press("place_title")
    (first,) = titles.pictures(scene).values()
    assert first.parent == files.project_folder() / "titles"
    state.settings_of(scene).title = "ليالي"
    press("place_title")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    ((strip, second),) = titles.pictures(scene).items()
    assert first.name != second.name
    assert strip.directory.startswith("//saved.beatboard/titles")
    assert second.is_file()


def test_files_beside_a_storyboard_are_found_by_the_bridge(scene, tmp_path):
    """It gets the text alone."""
    import matplotlib

    ui_world.lay_out(scene, tmp_path, (72, 24))
    _seen(scene)
    (tmp_path / "board").mkdir()
    face = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"
    shutil.copy(face, tmp_path / "board" / "Poster.ttf")
    (tmp_path / "board" / "board.toml").write_text('title = "Night Bus"\nfont = "Poster.ttf"\n')
    state.settings_of(scene).storyboard = str(tmp_path / "board" / "board.toml")
    press("place_title")
    assert timeline.absolute(titles.strips(scene)[0].font.filepath).read_bytes() == face.read_bytes()


def test_a_frame_rate_that_changed_is_seen_and_restored(edit):
    edit.render.fps = 30
    plan = shots.edit_of(edit)
    assert plan
    assert plan.fps == 30
    press("restore_fps")
    assert timeline.scene_fps(edit) == 24


def test_planning_again_keeps_takes_and_what_is_locked(edit, tmp_path):
    press("generate")
    first, second, _ = timeline.shot_strips(edit)
    first.beatboard_prompt = "mine"
    first.lock = True
    plan = ui_world.edit_world.plan((12, 36, 12))
    cover = shots.edit_of(edit)
    assert cover
    planning.lay_out(edit, replace(plan, cover_sha256=cover.cover_sha256), Path(state.settings_of(edit).wav))
    first, second, third = timeline.shot_strips(edit)
    assert (first["prompt"], first.lock, first.type) == ("mine", True, "MOVIE")
    assert (second.type, third.type) == ("COLOR", "MOVIE")
    assert len(state.settings_of(edit).takes) == 3
    assert ui_world.states(edit) == {"s01": "stale", "s02": "empty", "s03": "done"}


def test_two_scenes_have_their_own_edits(edit):
    press("generate", which="NEEDED")
    other = bpy.data.scenes.new("Other")
    assert not state.settings_of(other).takes
    shots.refresh(other)
    assert len(state.shot_list().shots) == 0
    with pytest.raises(tasks.Problem, match="Plan the shots first"):
        generate.generate(other, ["s01"])
    assert look.grade_of(other) is None
    shots.refresh(edit)
    assert len(state.shot_list().shots) == 3


def test_a_full_copy_of_a_scene_has_its_own_grade_and_video(edit, tmp_path):
    press("generate")
    state.settings_of(edit).texture_grain, state.settings_of(edit).use_texture = 0.02, True
    own = grade.find(edit)
    texture = film_textures.find(edit).modifiers[0].node_group
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    assert copy != edit
    shots.refresh(copy, force=True)
    assert grade.find(copy) not in (None, own)
    assert all(modifier.node_group == own for strip in timeline.shot_strips(edit) for modifier in strip.modifiers)
    state.settings_of(copy).grade_strength = 0.25
    state.settings_of(copy).texture_grain = 0.01
    assert own.nodes[grade.STRENGTH].outputs[0].default_value == 1.0
    assert film_textures.find(edit).modifiers[0].node_group == texture
    assert texture not in {modifier.node_group for modifier in film_textures.find(copy).modifiers}
    state.settings_of(edit).output = state.settings_of(copy).output = str(tmp_path / "video.mp4")
    with pytest.raises(tasks.Problem, match=r"The scene .* writes to video\.mp4 too: give this scene's video another"):
        deliver.output_of(copy)
    state.settings_of(copy).output = str(tmp_path / "copy.mp4")
    assert deliver.output_of(copy) == tmp_path / "copy.mp4"


def test_a_project_folder_lies_beside_the_file(scene, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "my edit.blend"))
    assert files.project_folder() == tmp_path / "my edit.beatboard"
    assert files.shown(tmp_path / "my edit.beatboard" / "a.mp4") == "//my edit.beatboard/a.mp4"
