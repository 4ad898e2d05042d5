import os
import runpy
import subprocess
import sys
from pathlib import Path

import av
import bpy
import numpy as np
import pytest

from blender_addon.core import codec
from blender_addon.scene import grade, render_settings, segments, timeline
from bridge.render.join import excerpt_samples, join
from bridge.render.segments import Segment
from tests.addon_scene import edit_world as world
from tests.addon_scene.edit_world import the_group, the_song
from tests.waiting import PATIENCE_S

SCRIPT = Path(__file__).parents[2] / "scripts" / "render.py"


@pytest.fixture
def edit(scene, song, tmp_path):
    timeline.build(
        scene, world.plan(), world.analysis(), song_path=song, clips=world.make_clips(tmp_path / "clips")
    )  # fmt: skip
    grade.apply(scene, world.GRADE)
    render_settings.settings(scene)
    return scene


@pytest.mark.slow
def test_the_deliverable_of_blender_alone(edit, song, tmp_path):
    video = tmp_path / "video.mp4"
    render_settings.for_this_process(edit)
    render_settings.render(edit, video)
    with av.open(str(video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        context = picture.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert (context.width, context.height, picture.average_rate) == (160, 90, 24)
        assert (sound.codec_context.name, sound.codec_context.profile) == ("aac", "LC")
        assert (sound.codec_context.sample_rate, sound.codec_context.channels) == (48000, 2)
    data = video.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert len(world.pictures(video)) == sum(world.LENGTHS)
    samples = world.make_song(tmp_path / "again.wav")
    played = samples[round(1.2345 * world.SAMPLE_RATE_HZ) :, 0]
    assert abs(world.shift_samples(world.sound(video), played)) <= 48
    assert not list(tmp_path.glob(".*"))


def test_each_frame_is_its_clips_frame(edit, tmp_path):
    grade.remove(edit)
    edit.render.ffmpeg.constant_rate_factor = "LOSSLESS"
    render_settings.for_this_process(edit)
    render_settings.render(edit, tmp_path / "video.mp4", audio=False)
    clips = [frame for name in ("s01", "s02", "s03") for frame in world.pictures(tmp_path / "clips" / f"{name}.mp4")]
    rendered = world.pictures(tmp_path / "video.mp4")
    assert len(rendered) == len(clips)
    for i, frame in enumerate(rendered):
        errors = [np.abs(frame.astype(int) - clip).mean() for clip in clips]
        assert int(np.argmin(errors)) == i
        assert errors[i] < 1.5


@pytest.mark.slow
def test_segments_joined_are_the_render_in_one_piece(edit, song, tmp_path):
    edit.render.ffmpeg.constant_rate_factor = "LOSSLESS"
    render_settings.for_this_process(edit)
    render_settings.render(edit, tmp_path / "whole.mp4", audio=False)
    parts = []
    for segment in segments.segments(edit):
        part = Segment(segment.start, segment.end, tmp_path / f"{segment.name}.mp4")
        render_settings.render(edit, part.path, part.start, part.end, audio=False)
        parts.append(part)
    assert [(part.start, part.end) for part in parts] == [(1, 13), (13, 31), (31, 43)]
    plan = world.plan()
    sound = excerpt_samples(song, plan.excerpt, plan.frame_count / plan.fps)
    join(parts, plan.fps, sound, tmp_path / "joined.mp4")
    whole, joined = world.pictures(tmp_path / "whole.mp4"), world.pictures(tmp_path / "joined.mp4")
    assert len(joined) == len(whole)
    assert all(np.array_equal(one, other) for one, other in zip(joined, whole, strict=True))


def names(scene):
    return [segment.name for segment in segments.segments(scene)]


def test_what_is_muted_has_other_pixels_and_another_name(edit):
    before = names(edit)
    shots = timeline.shot_strips(edit)
    shots[1].mute = True
    assert [a == b for a, b in zip(names(edit), before, strict=True)] == [True, False, True]
    shots[1].mute = False
    edit.sequence_editor.channels[shots[1].channel].mute = True
    assert not set(names(edit)) & set(before)
    assert not any(segment.movie for segment in segments.segments(edit))


def test_a_drafts_placeholder_still_fills_the_frame(edit, tmp_path):
    edit.render.resolution_x, edit.render.resolution_y = 1280, 720
    timeline.remove_clip(edit, "s01")
    render_settings.draft(edit)
    render_settings.for_this_process(edit)
    render_settings.render(edit, tmp_path / "draft.mp4", 1, 2, audio=False, lossless=True)
    with av.open(str(tmp_path / "draft.mp4")) as container:
        (picture,) = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
    assert picture.shape == (360, 640, 3)
    assert picture.std(axis=(0, 1)).max() < 2 < picture.mean()


def test_the_newest_take_in_a_folder_is_the_shots(tmp_path):
    find_clips = runpy.run_path(str(SCRIPT))["find_clips"]
    for age, name in enumerate(["s01-aaaa", "s01-zzzz", "s02"]):
        path = tmp_path / f"{name}.mp4"
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert {shot: path.stem for shot, path in find_clips(tmp_path).items()} == {"s01": "s01-aaaa", "s02": "s02"}


def test_a_segments_name_follows_its_pixels(edit, tmp_path):
    before = names(edit)
    assert len(set(before)) == 3
    assert names(edit) == before
    changed = world.make_clip(tmp_path / "other.mp4", 18, 7)
    timeline.place_clip(edit, "s02", changed)
    after = names(edit)
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False, True]
    timeline.shot_strips(edit)[0]["prompt"] = "only words"
    edit.timeline_markers.new("only a marker", frame=3)
    the_song(edit).volume = 0.5
    assert names(edit) == after


@pytest.mark.parametrize(
    "change",
    [
        lambda s: setattr(timeline.shot_strips(s)[0].transform, "scale_x", 1.5),
        lambda s: setattr(timeline.shot_strips(s)[0], "mute", True),
        lambda s: timeline.shot_strips(s)[0].modifiers.new(name="Mine", type="BRIGHT_CONTRAST"),
        lambda s: s.sequence_editor.strips.new_effect("Title", "TEXT", 4, 2, length=5),
        lambda s: timeline.shot_strips(s)[0].keyframe_insert("blend_alpha", frame=3),
    ],
)
def test_what_changes_the_first_shot_renames_its_segment_alone(edit, change):
    before = names(edit)
    change(edit)
    assert [a == b for a, b in zip(names(edit), before, strict=True)] == [False, True, True]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: grade.set_strength(the_group(s), 0.5),
        lambda s: setattr(the_group(s).nodes[grade.CURVES].mapping.curves[1].points[9], "location", (0.3, 0.9)),
        lambda s: setattr(s.render, "resolution_x", 320),
        lambda s: setattr(s.render.ffmpeg, "ffmpeg_preset", "REALTIME"),
        lambda s: setattr(s.view_settings, "exposure", 1.0),
    ],
)
def test_what_changes_every_shot_renames_all(edit, change):
    before = names(edit)
    change(edit)
    assert not set(names(edit)) & set(before)


def test_a_failed_render_leaves_the_old_file(edit, tmp_path, monkeypatch):
    video = tmp_path / "video.mp4"
    video.write_bytes(b"the old one")
    render_settings.for_this_process(edit)
    monkeypatch.setattr(render_settings.mp4, "frame_count", lambda _: 41)
    with pytest.raises(render_settings.RenderError, match="41 of 42 frames"):
        render_settings.render(edit, video)
    assert video.read_bytes() == b"the old one"
    assert not list(tmp_path.glob(".*"))


def run_script(folder, *arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, "--", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.slow
def test_the_script_renders_from_files_and_again_from_the_edited_blend(song, tmp_path):
    world.make_clips(tmp_path / "clips")
    for name, value in (("plan", world.plan()), ("analysis", world.analysis()), ("look", world.look())):
        (tmp_path / f"{name}.json").write_text(codec.dumps(value))
    inputs = ["--plan", "plan.json", "--analysis", "analysis.json", "--look", "look.json", "--song", "song.wav"]
    done = run_script(tmp_path, *inputs, "--clips", "clips", "-o", "video.mp4")
    assert done.returncode == 0, done.stderr
    assert len(world.pictures(tmp_path / "video.mp4")) == 42
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "video.blend"))
    scene = bpy.context.scene
    assert timeline.read(scene) == world.plan()
    scene.frame_end = 20
    timeline.save(scene, tmp_path / "video.blend")
    done = run_script(tmp_path, "--blend", "video.blend", "-o", "again.mp4", "--draft")
    assert done.returncode == 0, done.stderr
    assert len(world.pictures(tmp_path / "again.mp4")) == 20


@pytest.mark.slow
def test_the_script_says_what_is_missing_in_one_sentence(tmp_path):
    (tmp_path / "plan.json").write_text(codec.dumps(world.plan()))
    done = run_script(tmp_path, "--plan", "plan.json", "--song", "gone.wav", "-o", "video.mp4")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("gone.wav does not exist.")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "video.mp4").exists()
