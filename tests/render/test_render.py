"""The deliverable as the bridge makes it: on Blender processes of its own."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import av
import bpy
import numpy as np
import psutil
import pytest

from blender_addon.scene import timeline
from bridge.common.errors import BadInput, Cancelled, RenderFailed
from bridge.render import render, render_edit, segments
from bridge.render.blender import Blender
from tests.addon_scene import edit_world as world
from tests.addon_scene.edit_world import the_song
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def material(song, tmp_path):
    """The arguments of a render, and where it goes."""
    clips = world.make_clips(tmp_path / "clips")
    return {
        "plan": world.plan(fades_out=True),
        "analysis": world.analysis(),
        "look": world.look(),
        "clips": clips,
        "song_path": song,
        "out_path": tmp_path / "out" / "video.mp4",
        "work_dir": tmp_path / "work",
        "workers": 1,
    }


def planes(video):
    return [frame.tobytes() for frame in world.pictures(video)]


def children():
    return [process for process in psutil.Process().children(recursive=True) if is_blender(process)]


def is_blender(process):
    """Whether it runs: a cluster's dead may lie about, or go while they are looked at."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "render.py" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_the_whole_and_then_one_changed_shot(material, tmp_path):
    stages = []
    result = render(**material, on_progress=lambda progress, stage: stages.append((progress, stage)))
    video = material["out_path"]
    assert (result.path, result.blend_path) == (video, video.with_suffix(".blend"))
    assert (result.segments, result.segments_rendered) == (3, 3)
    assert [progress for progress, _ in stages] == sorted(progress for progress, _ in stages)
    assert any("left" in stage for _, stage in stages)
    check_container(video)
    check_sound(video, tmp_path)
    assert sorted(path.name for path in video.parent.iterdir()) == ["video.beatboard", "video.blend", "video.mp4"]
    first = planes(video)

    again = {**material, "clips": {**material["clips"], "s02": world.make_clip(tmp_path / "new.mp4", 18, 9)}}
    assert render(**again).segments_rendered == 1
    second = planes(video)
    assert second[:12] == first[:12]
    assert second[30:] == first[30:]
    assert not set(second[12:30]) & set(first[12:30])
    assert not children()


def test_an_edited_file_is_rendered_as_it_stands_and_what_did_not_change_is_kept(material, tmp_path):
    render(**material)
    made, again = planes(material["out_path"]), tmp_path / "again.mp4"
    blend, way = material["out_path"].with_suffix(".blend"), {"work_dir": material["work_dir"], "workers": 1}
    assert render_edit(blend, again, **way).segments_rendered == 0
    assert planes(again) == made
    check_container(again)
    check_sound(again, tmp_path)

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    for strip in (timeline.shot_strips(scene)[1], the_song(scene)):
        strip.mute = True
    scene.name = "Edited"
    bpy.ops.scene.new(type="EMPTY")  # which the file is saved in
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    assert render_edit(blend, again, scene="Edited", **way).segments_rendered == 1
    assert [one == other for one, other in zip(planes(again), made, strict=True)] == [True] * 12 + [False] * 18 + [
        True
    ] * 12
    assert not world.sound(again).any()
    with pytest.raises(RenderFailed, match="no scene 'Other'"):
        render_edit(blend, again, scene="Other", **way)
    assert not children()


def check_container(video: Path):
    with av.open(str(video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        context = picture.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert (picture.average_rate, picture.frames, picture.start_time) == (24, 42, 0)
        assert (sound.codec_context.name, sound.codec_context.profile, sound.codec_context.channels) == ("aac", "LC", 2)
        assert sound.codec_context.sample_rate == 48000
        stamps = [frame.time for frame in container.decode(picture)]
    assert stamps == pytest.approx([i / 24 for i in range(42)])
    data = video.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def check_sound(video: Path, tmp_path: Path):
    played = world.make_song(tmp_path / "again.wav")[round(1.2345 * world.SAMPLE_RATE_HZ) :, 0]
    heard = world.sound(video)
    assert world.shift_samples(heard, played) == 0
    assert abs(len(heard) / world.SAMPLE_RATE_HZ - 42 / 24) < 0.03
    loudness = [np.std(heard[start : start + 4800]) for start in (0, 40_000, 76_000)]
    assert loudness[0] > 1.5 * loudness[1] > 3 * loudness[2]  # it fades over the whole of this short excerpt


@pytest.mark.parametrize("after_frames", [2, 20])
def test_killed_at_any_moment_the_next_run_finishes_the_same(material, tmp_path, after_frames):
    """The bridge's own process is killed; its Blender has to go with it."""
    script = (
        "import pickle, sys; sys.path.insert(0, sys.argv[2]); from bridge.render import render;"
        "render(**pickle.load(open(sys.argv[1], 'rb')), on_progress=lambda p, s: print(s, flush=True))"
    )
    (tmp_path / "material").write_bytes(pickle.dumps(material))
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "material", root], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for line in process.stdout:
        if line.startswith("frame ") and int(line.split()[1]) >= after_frames:
            break
    blenders = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert blenders
    _, alive = psutil.wait_procs(blenders, timeout=PATIENCE_S)
    assert not alive
    assert not material["out_path"].exists()
    render(**material)
    resumed = planes(material["out_path"])
    render(**{**material, "work_dir": tmp_path / "fresh"})
    assert planes(material["out_path"]) == resumed
    assert not list((material["work_dir"] / "segments").glob(".*"))


def test_a_blender_that_dies_is_started_again(material, monkeypatch):
    note, killed = segments._Crew._note, []

    def once(crew, segment, frames):
        if len(killed) < 2:
            for process in children():
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)
        note(crew, segment, frames)

    monkeypatch.setattr(segments._Crew, "_note", once)
    assert render(**material, by_blender=True).segments_rendered == 3
    assert killed
    assert len(planes(material["out_path"])) == 42


def test_a_blender_that_dies_of_the_proof_is_started_again(material, monkeypatch):
    still, died = segments._Crew._still, []

    def once(crew, blender, *rest):
        if not died:
            died.append(blender)
            os.kill(blender._process.pid, signal.SIGKILL)
        return still(crew, blender, *rest)

    monkeypatch.setattr(segments._Crew, "_still", once)
    render(**material)
    assert died
    assert len(planes(material["out_path"])) == 42


def test_cancelling_ends_every_process_and_keeps_the_old_video(material):
    material["out_path"].parent.mkdir()
    material["out_path"].write_bytes(b"the old one")
    before = set(threading.enumerate())

    def report(progress, stage):
        if stage.startswith("frame "):
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        render(**{**material, "workers": 2}, on_progress=report)
    assert not children()
    assert not list((material["work_dir"] / "segments").glob(".*")), "what was being written"
    assert material["out_path"].read_bytes() == b"the old one"
    assert set(threading.enumerate()) <= before


def test_a_draft_is_small_and_leaves_the_edit_large(material):
    plan = world.plan(width_px=1280, height_px=720)
    render(**{**material, "plan": plan}, draft=True)
    with av.open(str(material["out_path"])) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height, container.streams.video[0].frames) == (640, 360, 42)
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(material["out_path"].with_suffix(".blend")))
    assert bpy.context.scene.render.resolution_x == 1280


def test_bad_input_is_one_sentence(material, tmp_path):
    with pytest.raises(BadInput, match=r"gone\.mp4 does not exist"):
        render(**{**material, "clips": {"s01": tmp_path / "gone.mp4"}})
    with pytest.raises(BadInput, match=r"no-blender could not be started"):
        render(**material, blender=tmp_path / "no-blender")
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        render(**{**material, "out_path": tmp_path / "file" / "video.mp4"})
    with pytest.raises(RenderFailed, match="ended with code"):
        render(**material, blender=Path("/bin/true"))
    assert not children()


def test_a_process_ends_when_whoever_asked_is_gone():
    blender = Blender(None)
    process = psutil.Process(blender._process.pid)
    assert blender._process.stdin
    blender._process.stdin.close()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert blender._process.wait(timeout=1) == 0
