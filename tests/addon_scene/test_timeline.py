import json
from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest

from blender_addon.scene import compat, grade, render_settings, segments, timeline
from tests.addon_scene import edit_world as world
from tests.addon_scene.edit_world import the_song


def build(scene, song, plan=None, clips=None, **kwargs):
    timeline.build(scene, plan or world.plan(), world.analysis(), song_path=song, clips=clips, **kwargs)


def spans(scene):
    return [(s["id"], s.type, compat.left(s), compat.right(s), s.channel) for s in timeline.shot_strips(scene)]


def everything(scene):
    """What a second build could change."""
    strips = sorted((s.name, s.type, s.channel, compat.left(s), compat.right(s)) for s in timeline.all_strips(scene))
    markers = sorted((marker.frame, marker.name) for marker in scene.timeline_markers)
    curves = [(c.data_path, [tuple(p.co) for p in c.keyframe_points]) for c in timeline.animation(scene)]
    properties = [sorted((k, str(v)) for k, v in strip.items()) for strip in timeline.shot_strips(scene)]
    return strips, markers, curves, properties, scene[timeline.SCENE_KEY]


def test_strips_lie_on_the_plans_frames(scene, song, tmp_path):
    clips = world.make_clips(tmp_path / "clips")
    del clips["s02"]
    build(scene, song, clips=clips)
    assert spans(scene) == [("s01", "MOVIE", 1, 13, 2), ("s02", "COLOR", 13, 31, 2), ("s03", "MOVIE", 31, 43, 2)]
    assert (scene.frame_start, scene.frame_end) == (1, 42)
    assert [strip.color_tag for strip in timeline.shot_strips(scene)] == ["COLOR_05", "COLOR_02", "COLOR_06"]
    assert [scene.sequence_editor.channels[i].name for i in (1, 2)] == ["Song", "Shots"]


def test_markers_count_bars_and_name_sections(scene, song):
    build(scene, song, plan=world.plan((48, 48)))
    assert {m.frame: m.name for m in scene.timeline_markers} == {1: "2 intro A", 49: "3 chorus B drop"}
    build(scene, song, plan=world.plan((48, 48)), beats=True)
    assert {13: "2.2", 25: "2.3"}.items() <= {m.frame: m.name for m in scene.timeline_markers}.items()


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001)])
def test_reading_gives_the_plan_back(scene, song, fps):
    plan = world.plan(fps=fps)
    build(scene, song, plan=plan)
    assert timeline.read(scene) == plan


def test_reading_sees_what_the_editor_did(scene, song):
    build(scene, song)
    first, second, _ = timeline.shot_strips(scene)
    compat.place(first, 1, 1, 7)
    second["prompt"] = "rewritten"
    edited = timeline.read(scene)
    assert edited.shots[0].frame_count == 6
    assert edited.shots[1].prompt == "rewritten"


def test_building_twice_is_building_once(scene, song, tmp_path):
    clips = world.make_clips(tmp_path / "clips")
    plan = world.plan(fades_out=True)
    build(scene, song, plan=plan, clips=clips)
    once = everything(scene)
    build(scene, song, plan=plan, clips=clips)
    assert everything(scene) == once


def test_what_the_editor_made_stays(scene, song, tmp_path):
    build(scene, song)
    mine = scene.sequence_editor.strips.new_effect("Mine", "COLOR", 2, 100, length=20)
    above = scene.sequence_editor.strips.new_effect("Title", "TEXT", 3, 5, length=20)
    scene.timeline_markers.new("look here", frame=20)
    scene.timeline_markers.new("2 intro A", frame=30)  # named like ours, which is at 1
    scene.sequence_editor.channels[2].name = "My shots"
    build(scene, song, plan=world.plan((10, 10)), clips=world.make_clips(tmp_path / "clips", (10, 10)))
    assert (compat.left(mine), compat.right(mine), mine.channel) == (100, 120, 2)
    assert (compat.left(above), above.channel) == (5, 3)
    assert [(s[0], s[2], s[3]) for s in spans(scene)] == [("s01", 1, 11), ("s02", 11, 21)]
    names = [(m.frame, m.name) for m in scene.timeline_markers]
    assert {(20, "look here"), (30, "2 intro A"), (1, "2 intro A")} <= set(names)
    assert scene.sequence_editor.channels[2].name == "My shots"


def test_a_strip_in_our_way_is_not_covered(scene, song):
    timeline.prepare(scene)
    theirs = scene.sequence_editor.strips.new_effect("Theirs", "COLOR", 2, 10, length=20)
    build(scene, song)
    assert {strip.channel for strip in timeline.shot_strips(scene)} == {3}
    assert (compat.left(theirs), theirs.channel) == (10, 2)


def test_another_song_takes_the_first_ones_place_and_its_fade(scene, song, tmp_path):
    plan = world.plan(fades_out=True)
    build(scene, song, plan=plan)
    once = everything(scene)[2]
    other = tmp_path / "other.wav"
    other.write_bytes(song.read_bytes())
    build(scene, other, plan=plan)
    (sound,) = (strip for strip in timeline.all_strips(scene) if strip.type == "SOUND")
    assert timeline.absolute(sound.sound.filepath) == other.resolve()
    assert everything(scene)[2] == once, "one fade, not two"


def test_a_replan_moves_the_strips_and_keeps_their_effects(scene, song):
    build(scene, song)
    first, second, _ = timeline.shot_strips(scene)
    cross = scene.sequence_editor.strips.new_effect("Cross", "CROSS", 3, 10, length=5, input1=first, input2=second)
    build(scene, song, plan=world.plan((20, 30)))
    assert [(s[0], s[2], s[3]) for s in spans(scene)] == [("s01", 1, 21), ("s02", 21, 51)]
    assert (cross.input_1, cross.input_2) == (first, second)


def test_a_clip_takes_its_placeholders_place(scene, song, tmp_path):
    build(scene, song)
    placeholder = timeline.shot_strips(scene)[1]
    cross = scene.sequence_editor.strips.new_effect(
        "Cross", "CROSS", 3, 10, length=5, input1=timeline.shot_strips(scene)[0], input2=placeholder
    )
    clip = world.make_clip(tmp_path / "take.mp4", 18, 1)
    movie = timeline.place_clip(scene, "s02", clip)
    assert spans(scene)[1] == ("s02", "MOVIE", 13, 31, 2)
    assert movie.name == "s02"
    assert movie["prompt"] == "prompt 1"
    assert movie.color_tag == "COLOR_02"
    assert cross.input_2 == movie
    other = world.make_clip(tmp_path / "take2.mp4", 18, 2)
    assert timeline.place_clip(scene, "s02", other) == movie
    assert timeline.absolute(movie.filepath) == other
    with pytest.raises(LookupError, match="s09"):
        timeline.place_clip(scene, "s09", clip)


def test_a_take_of_another_size_fills_the_frame_as_the_last_one_did(scene, song, tmp_path):
    build(scene, song)
    width_px = scene.render.resolution_x
    takes = [world.make_clip(tmp_path / f"{i}.mp4", 12, i, width_px=160 * i, height_px=90 * i) for i in (1, 4, 2)]
    strip = timeline.place_clip(scene, "s01", takes[0])
    assert strip.transform.scale_x == pytest.approx(width_px / 160)
    strip.transform.scale_x *= 1.5
    for take, size_px in ((takes[1], 640), (takes[2], 320)):  # Blender goes on telling the first one's size
        timeline.place_clip(scene, "s01", take)
        assert strip.transform.scale_x == pytest.approx(1.5 * width_px / size_px)
        assert strip.transform.scale_y == pytest.approx(width_px / size_px)


def test_a_take_for_a_frame_of_another_shape_fills_it(scene, song, tmp_path):
    build(scene, song)
    wide = world.make_clip(tmp_path / "wide.mp4", 12, 1, width_px=160, height_px=90)
    strip = timeline.place_clip(scene, "s01", wide)
    scene.render.resolution_x, scene.render.resolution_y = 90, 160
    timeline.place_clip(scene, "s01", world.make_clip(tmp_path / "tall.mp4", 12, 2, width_px=90, height_px=160))
    assert strip.transform.scale_x == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start_s", "fps"), [(1.2345, Fraction(24)), (2.0, Fraction(30000, 1001)), (0.0, Fraction(25))]
)
def test_the_song_starts_on_the_excerpts_sample(scene, tmp_path, start_s, fps):
    samples = world.make_song(tmp_path / "song.wav")
    build(scene, tmp_path / "song.wav", plan=world.plan((30, 30), start_s=start_s, fps=fps))
    bpy.ops.sound.mixdown(filepath=str(tmp_path / "mix.wav"), container="WAV", codec="PCM", format="S16")
    import wave

    with wave.open(str(tmp_path / "mix.wav")) as file:
        mixed = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())[:, 0] / 32768
    first = round(start_s * world.SAMPLE_RATE_HZ)
    assert abs(world.shift_samples(mixed, samples[first:, 0])) <= 1


def test_the_fade_comes_and_goes_with_the_plan(scene, song):
    plan = world.plan((48, 48), fades_out=True)
    build(scene, song, plan=plan)
    (curve,) = timeline.animation(scene)
    assert [tuple(point.co) for point in curve.keyframe_points] == [(49, 1), (97, 0)]
    build(scene, song, plan=replace(plan, excerpt=replace(plan.excerpt, fades_out=False)))
    assert len(timeline.animation(scene)) == 0
    assert the_song(scene).volume == 1


def test_a_saved_edit_names_its_files_relatively_and_opens_elsewhere(scene, song, tmp_path):
    clips = world.make_clips(tmp_path / "clips")
    build(scene, song, clips=clips)
    plan = timeline.read(scene)
    timeline.save(scene, tmp_path / "edit.blend")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("edit.blend", "clips", "song.wav"):
        (tmp_path / name).rename(moved / name)
    bpy.ops.wm.open_mainfile(filepath=str(moved / "edit.blend"))
    opened = bpy.context.scene
    assert timeline.read(opened) == plan
    assert [timeline.absolute(s.filepath).exists() for s in timeline.shot_strips(opened)] == [True] * 3
    assert timeline.absolute(the_song(opened).sound.filepath).exists()
    assert sorted(path.name for path in moved.iterdir()) == ["clips", "edit.blend", "song.wav"]


def test_what_is_not_there_is_named_before_anything_changes(scene, song, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4"):
        build(scene, song, clips={"s01": tmp_path / "gone.mp4"})
    assert timeline.all_strips(scene) == []
    with pytest.raises(ValueError, match="no Beatboard edit"):
        timeline.read(scene)


def test_the_header_is_plain_json(scene, song):
    build(scene, song)
    assert json.loads(scene[timeline.SCENE_KEY])["excerpt"]["start_s"] == 1.2345


def test_a_clip_with_handles_is_laid_from_behind_the_first_and_can_be_slipped(scene, song, tmp_path):
    clips = world.make_clips(tmp_path / "clips")
    build(scene, song, clips=clips)
    grade.apply(scene, world.GRADE)
    render_settings.settings(scene)
    wide = world.make_clip(tmp_path / "wide.mp4", 18, 5, handles=6)
    timeline.place_clip(scene, "s02", wide)
    assert spans(scene) == [("s01", "MOVIE", 1, 13, 2), ("s02", "MOVIE", 13, 31, 2), ("s03", "MOVIE", 31, 43, 2)]
    strip = timeline.shot_strips(scene)[1]
    assert compat.content_start(strip) == 13 - 6
    seen = segments.segments(scene)[1]
    assert seen.movie is not None
    assert (seen.start, seen.end, seen.movie.first_frame) == (13, 31, 6)
    compat.place(strip, 13 - 9, 13, 31)
    slipped = segments.segments(scene)[1]
    assert slipped.movie is not None
    assert slipped.movie.first_frame == 9
    assert slipped.name != seen.name
    timeline.place_clip(scene, "s02", clips["s02"])
    assert compat.content_start(timeline.shot_strips(scene)[1]) == 13, "a clip without handles starts with the shot"
    build(scene, song, clips=clips | {"s02": wide})
    build(scene, song, clips=clips | {"s02": wide})
    assert spans(scene)[1] == ("s02", "MOVIE", 13, 31, 2)
    assert compat.content_start(timeline.shot_strips(scene)[1]) == 13 - 6
