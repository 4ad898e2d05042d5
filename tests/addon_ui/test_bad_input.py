"""What goes wrong around the tab: a sentence with a next step, nothing of the user's lost, no exception."""

import errno
import os
import shutil
import signal
import threading
from pathlib import Path

import bpy
import pytest

from blender_addon.actions import generate, look, plan, shots, song, takes
from blender_addon.client import client as clients
from blender_addon.client import process
from blender_addon.scene import compat, timeline
from blender_addon.session import connection, file_watch, files, state, tasks
from blender_addon.ui import timer
from tests.addon_ui import ui_world
from tests.addon_ui.test_queue import Threads, press

pytestmark = pytest.mark.slow

SHOTS = ("s01", "s02", "s03")


@pytest.fixture
def scene(tab_scene):
    return tab_scene


def test_files_that_are_missing_after_reopening(edit, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    press("generate")
    bpy.ops.wm.save_mainfile()
    timeline.absolute(timeline.shot_strips(edit)[0].filepath).unlink()
    for name in ("song.wav", "cover.png"):
        (tmp_path / name).unlink()
    ui_world.open_empty()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "edit.blend"))
    opened = bpy.context.scene
    timer.tick()
    file_watch.look(opened)
    assert ui_world.states(opened) == {"s01": "missing", "s02": "done", "s03": "done"}
    assert "put it back, or generate the shot again" in state.shot_list().shots[0].detail
    with pytest.raises(RuntimeError, match=r"Cannot read .*cover\.png: No such file"):
        press("generate")
    with pytest.raises(tasks.Problem, match=r"The song .*song\.wav is not there: choose it again"):
        song.analyze(opened)
    assert len(state.settings_of(opened).takes) == 3
    assert [strip["id"] for strip in timeline.shot_strips(opened)] == list(SHOTS)


def test_a_bridge_of_another_protocol_version(edit, monkeypatch):
    connection.connect()
    monkeypatch.setattr(process, "PROTOCOL_VERSION", 999)
    with pytest.raises(RuntimeError, match=r"speaks protocol \d+, this add-on 999: update the older one"):
        press("generate")
    assert ui_world.states(edit) == dict.fromkeys(SHOTS, "empty")
    assert len(state.settings_of(edit).jobs) == 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_bridge_that_is_killed_at_work_is_started_again_and_goes_on(edit):
    for strip in timeline.shot_strips(edit):
        strip.beatboard_prompt = f"slowly {strip['id']}"
    with Threads() as threads:
        press("generate")
        threads.until(lambda: "running" in ui_world.states(edit).values())
        running = state.session().connection.process
        assert running
        assert running._process
        os.kill(running._process.pid, signal.SIGKILL)
        threads.until(lambda: set(ui_world.states(edit).values()) == {"done"})
    assert not state.session().tasks.troubles


class Full:
    """A disk without room."""

    def __init__(self, descriptor, mode):
        self.file = os.fdopen(descriptor, mode)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, chunk):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_loses_no_clip(edit, monkeypatch):
    class FullOs:
        def __getattr__(self, name):
            return Full if name == "fdopen" else getattr(os, name)

    shutil.rmtree(files.project_folder() / "clips", ignore_errors=True)  # an equal clip of another test's is taken
    with Threads() as threads:
        monkeypatch.setattr(clients, "os", FullOs())
        press("generate")
        threads.until(lambda: "generate" in state.session().tasks.troubles)
        sentence = state.session().tasks.troubles["generate"].sentence
        assert "No space left on device. Make room there, or choose another place." in sentence
        assert "tried again every 15 s" in sentence
        threads.until(lambda: not state.session().takes.fetching)
        assert not state.settings_of(edit).takes
        monkeypatch.undo()
        state.session().pace.fetched_at_s = 0.0
        threads.until(lambda: len(state.settings_of(edit).takes) == 3)
    assert set(ui_world.states(edit).values()) == {"done"}
    left = [path.name for strip in timeline.shot_strips(edit) for path in Path(strip.filepath).parent.glob(".*")]
    assert not left


def test_what_cannot_be_sent_after_another_file_was_opened(edit, monkeypatch):
    with Threads() as threads:
        released = threading.Event()

        def upload(*_):
            released.wait(30)
            raise clients.LinkError("Gone.")

        monkeypatch.setattr(generate, "_upload", upload)
        press("generate")
        ui_world.open_empty()
        released.set()
        threads.until(lambda: not any(thread.name == "beatboard-generate" for thread in threading.enumerate()))
        timer.tick()
    assert not state.session().takes.asked


def test_a_scene_without_a_sequencer(edit):
    bare = bpy.data.scenes.new("Bare")
    for workspace in bpy.data.workspaces:
        workspace.sequencer_scene = bare
    assert bare.sequence_editor is None
    for name in (
        "plan",
        "generate",
        "split",
        "merge",
        "snap",
        "lock",
        "step_take",
        "delete_take",
        "fit_grade",
        "render",
    ):
        assert not getattr(bpy.ops.beatboard, name).poll(), name
    for call in (
        lambda: generate.generate(bare, ["s01"]),
        lambda: shots.split(bare, 1),
        lambda: plan.plan(bare),
        lambda: song.downbeat_here(bare),
        lambda: look.fit(bare),
        lambda: takes.step(bare, "s01", 1),
        lambda: takes.delete(bare, "s01"),
    ):
        with pytest.raises(tasks.Problem):
            call()
    timer.tick()
    file_watch.look(bare)
    shots.refresh(bare, force=True)
    assert not state.shot_list().shots
    for workspace in bpy.data.workspaces:
        workspace.sequencer_scene = edit
    shots.refresh(edit, force=True)
    assert len(state.shot_list().shots) == 3


def test_strips_of_others_on_our_channels_stay(scene, tmp_path):
    strips = scene.sequence_editor_create().strips
    theirs = [strips.new_effect(f"mine {channel}", "COLOR", channel, 5, length=30) for channel in (1, 2)]
    ui_world.lay_out(scene, tmp_path, (12, 24, 12), start=1)
    press("generate")
    assert [(one.channel, compat.left(one), compat.right(one)) for one in theirs] == [(1, 5, 35), (2, 5, 35)]
    ours = timeline.shot_strips(scene)
    assert (ui_world.edit_world.the_song(scene).channel, {strip.channel for strip in ours}) == (3, {4})
    assert ui_world.spans(scene) == {"s01": (1, 13), "s02": (13, 37), "s03": (37, 49)}


def test_an_output_beside_a_file_that_was_never_saved(edit):
    state.settings_of(edit).output = "//video.mp4"
    assert not bpy.data.filepath
    with pytest.raises(RuntimeError, match=r"Save the \.blend first"):
        press("render")


def test_a_frame_rate_that_changed_after_planning_loses_nothing(edit):
    press("generate")
    before = ui_world.spans(edit)
    edit.render.fps = 30
    assert set(ui_world.states(edit).values()) == {"stale"}
    assert all("frame rate" in row.detail for row in state.shot_list().shots)
    assert ui_world.spans(edit) == before
    press("restore_fps")
    assert set(ui_world.states(edit).values()) == {"done"}
