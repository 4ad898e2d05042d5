"""What editors do with whole timelines: move all of it, cut the song up, crossfade, group, mute, fill in."""

from dataclasses import replace

import bpy
import pytest

from blender_addon.actions import generate, shots, takes
from blender_addon.core import codec, regrid
from blender_addon.core.types import Job, JobState, SongAnalysis
from blender_addon.scene import compat, timeline
from blender_addon.session import state, tasks
from tests.addon_ui import ui_world
from tests.addon_ui.test_project import land


@pytest.fixture
def edit(tmp_path):
    """Bars of 48 frames: two of them, a bar, a bar."""
    ui_world.switch_on()
    scene = ui_world.open_empty()
    ui_world.lay_out(scene, tmp_path, (96, 48, 48))
    yield scene
    ui_world.switch_off()


def move(strips, by: int) -> None:
    """As G does, the last first, so that none lands on another."""
    for strip in reversed(list(strips)):
        start = compat.content_start(strip)
        compat.place(strip, start + by, compat.left(strip) + by, compat.right(strip) + by)


def rows(scene) -> dict[str, state.Row]:
    shots.refresh(scene, force=True)
    return dict(state.session().shots.rows)


def sentences() -> list[str]:
    return [violation.sentence for violation in state.session().shots.violations]


def everything(scene):
    return [timeline.song_strip(scene), *timeline.shot_strips(scene)]


@pytest.mark.parametrize("by", [100, 7, -30])
def test_song_and_shots_that_move_together_stay_on_the_music(edit, by):
    before, told = rows(edit), sentences()
    markers = {(marker.name, marker.frame) for marker in edit.timeline_markers}
    assert markers
    move(everything(edit), by)
    after = rows(edit)
    assert [row.frames_off for row in after.values()] == [0, 0, 0]
    assert [row.bars for row in after.values()] == [row.bars for row in before.values()]
    assert sentences() == told
    assert {(marker.name, marker.frame - by) for marker in edit.timeline_markers} == markers
    assert shots.snap(edit, ["s01", "s02", "s03"]) == 0
    assert [compat.left(strip) for strip in timeline.shot_strips(edit)] == [1 + by, 97 + by, 145 + by]
    shots.split(edit, 30 + by)
    assert compat.left(timeline.shot_strips(edit)[1]) == 49 + by


def test_a_song_that_moves_alone_leaves_the_shots_off_the_music(edit):
    move([timeline.song_strip(edit)], 5)
    assert [row.frames_off for row in rows(edit).values()] == [-5, -5, -5]
    assert shots.snap(edit, ["s01", "s02", "s03"])
    assert [row.frames_off for row in rows(edit).values()] == [0, 0, 0]


def test_a_song_that_is_trimmed_keeps_its_time(edit):
    compat.set_left(timeline.song_strip(edit), 60)
    assert [row.frames_off for row in rows(edit).values()] == [0, 0, 0]
    timeline.song_strips(edit)[0].split(frame=100, split_method="HARD")
    assert len(timeline.song_strips(edit)) == 2
    assert [row.frames_off for row in rows(edit).values()] == [0, 0, 0]


def test_of_a_song_in_two_pieces_the_one_under_the_shot_counts(edit):
    second = timeline.song_strips(edit)[0].split(frame=97, split_method="SOFT")
    move([second], 10)
    assert [row.frames_off for row in rows(edit).values()] == [0, 0, -10], "where nothing is heard, the nearest counts"
    move(timeline.shot_strips(edit)[1:], 10)
    assert [row.frames_off for row in rows(edit).values()] == [0, 0, 0]
    assert not [sentence for sentence in sentences() if "downbeat" in sentence]
    _, requests = generate._requests(edit, ["s02"])
    assert requests[0].accents == (0, 12, 24, 36)


def test_another_song_under_a_shot_has_no_bars_of_ours(edit):
    second = timeline.song_strips(edit)[0].split(frame=97, split_method="SOFT")
    second[timeline.SONG_KEY] = "f" * 64
    assert [row.bars for row in rows(edit).values()] == ["2", "2.0 s", "2.0 s"]


def crossfade(scene, overlap: int):
    """Between the first two shots, the way an editor makes one: s02 goes up and to the left."""
    first, second, _ = timeline.shot_strips(scene)
    second.channel = 5
    compat.set_left(second, compat.left(second) - overlap)
    fade = scene.sequence_editor.strips.new_effect(
        "fade", "CROSS", 6, compat.left(second), length=overlap, input1=first, input2=second
    )
    return first, second, fade


def test_the_overlap_of_a_crossfade_belongs_to_both_shots(edit, tmp_path):
    land(edit, tmp_path / "clips", "s01", 1)
    crossfade(edit, 12)
    assert ui_world.spans(edit) == {"s01": (1, 97), "s02": (85, 145), "s03": (145, 193)}
    assert rows(edit)["s01"].state == "done"
    assert not [sentence for sentence in sentences() if "overlap" in sentence]
    _, requests = generate._requests(edit, ["s02"])
    assert requests[0].frame_count == 60
    land(edit, tmp_path / "clips", "s01", 2)
    assert ui_world.spans(edit)["s01"] == (1, 97)
    assert edit.sequence_editor.strips["fade"].input_1 == timeline.shot_strips(edit)[0]


@pytest.mark.parametrize(("handles", "expected"), [(12, "done"), (6, "stale")])
def test_a_crossfade_out_of_the_handles_leaves_the_clips_as_they_are(edit, tmp_path, handles, expected):
    for number, shot_id in enumerate(("s01", "s02"), 1):
        land(edit, tmp_path / "clips", shot_id, number, handles=handles)
    crossfade(edit, 12)
    assert {name: row.state for name, row in rows(edit).items()} == {"s01": "done", "s02": expected, "s03": "empty"}
    compat.set_right(timeline.shot_strips(edit)[1], 127)
    assert rows(edit)["s02"].state == "stale", "trimmed at its other end by more than the overlap"


def test_a_chosen_take_stays_chosen_under_a_crossfade(edit, tmp_path):
    land(edit, tmp_path / "clips", "s02", 1, handles=12)
    timeline.shot_strips(edit)[1]["seed"] = 5
    assert rows(edit)["s02"].state == "stale"
    takes.keep(edit, "s02")
    crossfade(edit, 12)
    assert rows(edit)["s02"].state == "done"
    timeline.shot_strips(edit)[1]["seed"] = 6
    assert rows(edit)["s02"].state == "stale"


@pytest.mark.parametrize("by", [0, 6, 12])
def test_a_crossfade_over_a_downbeat_or_at_one_is_on_it(edit, by):
    """It ends there, lies around it, or starts there."""
    first, second, _ = crossfade(edit, 12)
    compat.set_right(first, 97 + by)
    compat.set_left(second, 85 + by)
    assert [row.frames_off for row in rows(edit).values()] == [0, 0, 0]
    assert not [sentence for sentence in sentences() if "downbeat" in sentence]
    assert shots.snap(edit, ["s01", "s02"]) == 0


def test_snapping_keeps_a_crossfade_as_long_as_it_was(edit):
    first, second, _ = crossfade(edit, 12)
    compat.set_right(first, 115)
    compat.set_left(second, 103)
    assert rows(edit)["s02"].frames_off == 12
    assert [sentence for sentence in sentences() if "downbeat" in sentence]
    shots.snap(edit, ["s01", "s02"])
    assert (compat.left(second), compat.right(first)) == (91, 103)


def test_without_a_transition_the_upper_strip_covers(edit):
    _, _, fade = crossfade(edit, 12)
    fade.mute = True
    assert ui_world.spans(edit)["s01"] == (1, 85)


def test_shots_in_a_meta_strip_are_shots(edit, tmp_path):
    before = ui_world.spans(edit)
    for strip in timeline.all_strips(edit):
        strip.select = strip.get("id") in ("s01", "s02")
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, scene=edit):
        bpy.ops.sequencer.meta_make()
    (meta,) = [strip for strip in edit.sequence_editor.strips if strip.type == "META"]
    assert ui_world.spans(edit) == before
    land(edit, tmp_path / "clips", "s01", 1)
    assert {strip.name for strip in meta.strips} == {"s01", "s02"}
    assert rows(edit)["s01"].state == "done"
    compat.set_right(meta, 121)
    assert ui_world.spans(edit)["s02"] == (97, 121), "what the meta shows of it"
    meta.mute = True
    assert [row.state for row in rows(edit).values()] == ["muted", "muted", "empty"]


def test_a_muted_shot_is_told_and_covers_nothing(edit):
    second = timeline.shot_strips(edit)[1]
    second.channel = 5
    compat.set_left(second, 85)
    second.mute = True
    assert rows(edit)["s02"].state == "muted"
    assert ui_world.spans(edit)["s01"] == (1, 97)
    assert generate.needed(edit) == ["s01", "s03"]


def test_a_gap_that_the_editors_own_picture_fills_is_none(edit):
    edit.sequence_editor.strips.remove(timeline.shot_strips(edit)[1])
    rows(edit)
    assert [sentence for sentence in sentences() if "Nothing is shown for 48 frames" in sentence]
    mine = edit.sequence_editor.strips.new_effect("mine", "COLOR", 3, 97, length=48)
    rows(edit)
    assert not [sentence for sentence in sentences() if "Nothing is shown" in sentence]
    mine.mute = True
    rows(edit)
    assert [sentence for sentence in sentences() if "Nothing is shown for 48 frames" in sentence]


def test_a_duplicate_shows_the_take_that_it_has(edit, tmp_path):
    land(edit, tmp_path / "clips", "s02", 1)
    take = timeline.shot_strips(edit)[1]["take"]
    timeline.shot_strips(edit)[1].split(frame=120, split_method="SOFT")
    piece = rows(edit)["s02b"]
    assert (piece.take_count, piece.take_index) == (1, 1)
    assert [found.sha256 for found in shots.takes_of(edit, "s02b")] == [take]


def test_bars_are_the_songs_own(edit):
    """Two bars of two beats among bars of four are two bars."""
    text = state.settings_of(edit).analysis
    analysis = codec.loads(SongAnalysis, text)
    beats = [
        replace(beat, bar=99, position=beat.position - 2) if (beat.bar, beat.position > 2) == (4, True) else beat
        for beat in analysis.beats
    ]
    assert [row.bars for row in rows(edit).values()] == ["2", "1", "1"]
    state.settings_of(edit).analysis = codec.dumps(replace(analysis, beats=tuple(beats)))
    assert [row.bars for row in rows(edit).values()] == ["2", "2", "1"]


def heard_in(scene):
    analysis = shots.analysis_of(scene)
    assert analysis
    return analysis


def test_a_reading_is_chosen_with_one_press_and_taken_back(edit):
    settings = state.settings_of(edit)
    heard = heard_in(edit)
    readings = (regrid.as_reading(heard, 0.5), regrid.as_reading(regrid.with_downbeat_shift(heard, 1), 0.4))
    settings.analysis = codec.dumps(replace(heard, readings=readings))
    bpy.ops.ed.undo_push(message="Analyze")
    before = [marker.frame for marker in edit.timeline_markers]
    assert bpy.ops.beatboard.use_reading("EXEC_DEFAULT", True, number=2) == {"FINISHED"}
    assert regrid.reading_of(heard_in(edit)) == 2
    assert [marker.frame for marker in edit.timeline_markers] != before
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert regrid.reading_of(heard_in(scene)) == 1
    assert [marker.frame for marker in scene.timeline_markers] == before
    with pytest.raises(RuntimeError, match="has no reading 3"):
        bpy.ops.beatboard.use_reading(number=3)


def test_a_trimmed_clip_is_kept_as_it_is_until_the_shot_changes_again(edit, tmp_path):
    land(edit, tmp_path / "clips", "s02", 1)
    compat.set_right(timeline.shot_strips(edit)[1], 121)
    assert rows(edit)["s02"].state == "stale"
    takes.keep(edit, "s02")
    assert rows(edit)["s02"].state == "done"
    assert "s02" not in generate.needed(edit)
    timeline.shot_strips(edit)[1].beatboard_prompt = "another"
    assert rows(edit)["s02"].state == "stale"
    with pytest.raises(tasks.Problem, match="shows no take"):
        takes.keep(edit, "s01")


def test_an_unchanged_shot_is_told_and_a_new_seed_makes_it_another(edit, tmp_path):
    land(edit, tmp_path / "clips", "s02", 1)
    strip, (take,) = timeline.shot_strips(edit)[1], shots.takes_of(edit, "s02")
    (request,) = generate._requests(edit, ["s02"])[1]
    take.request = codec.dumps(request)
    rows(edit)
    assert generate.unchanged(edit, ["s01", "s02"]) == ["s02"]
    before = strip["seed"]
    assert shots.new_seed(edit, "s02") == strip["seed"] != before
    assert generate.unchanged(edit, ["s02"]) == []
    strip.lock = True
    with pytest.raises(tasks.Problem, match="locked"):
        shots.new_seed(edit, "s02")


def test_cancel_all_is_grey_when_nothing_runs(edit):
    rows(edit)
    assert not bpy.ops.beatboard.cancel_jobs.poll()
    record = state.settings_of(edit).jobs.add()
    record.name, record.shot_id = "job", "s01"
    rows(edit)
    assert bpy.ops.beatboard.cancel_jobs.poll()
    (request,) = generate._requests(edit, ["s02"])[1]
    state.session().shots.jobs["job"] = Job("job", JobState.FAILED, request, error="It rained.")
    rows(edit)
    assert not bpy.ops.beatboard.cancel_jobs.poll()
