"""What lasts as long as Blender runs: made, cleared and ended in one place each."""

import threading
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon.session import state, tasks
from tests.addon_ui import ui_world

OUTLASTS_A_FILE = {"synchronous", "secrets", "connection", "pace", "option_groups"}


@pytest.fixture
def session():
    ui_world.switch_on()
    ui_world.open_empty()
    yield state.session()
    ui_world.switch_off()


def fill(session: state.Session) -> None:
    """Something of the file that is open, in every place that has some."""
    session.tasks.running["render"] = state.Task("render", "rendering")
    session.tasks.troubles["plan"] = state.Trouble("It is raining.", "")
    session.shots.rows["s01"] = state.Row(strip="s01")
    session.takes.asked["job"] = (1, "s01")
    session.files.missing.add("//gone.mp4")
    session.fitted[1] = ("sha256", ui_world.edit_world.look().grade)
    session.measured[1] = state.Measured(Path("video.mp4"), Path("video.html"), 3, ())
    session.plans[1] = state.Planned(ui_world.edit_world.plan(), Path("song.wav"))
    session.proxies.add(Path("proxy.avi"))
    session.clicks = SimpleNamespace(stop=lambda: None)


def test_another_file_is_a_clean_start(session):
    of_the_file = {field.name for field in fields(session)} - OUTLASTS_A_FILE
    client = session.connection.client = object()
    fill(session)
    render = session.tasks.running["render"]
    empty = state.Session()
    for name in of_the_file - {"tasks", "files"}:
        assert getattr(session, name) != getattr(empty, name), f"fill something into {name}, too"
    ui_world.open_empty()
    assert render.cancelled.is_set()
    assert not session.tasks.running
    assert not session.tasks.troubles
    assert not session.files.missing
    for name in of_the_file - {"tasks", "files", "shots"}:
        assert getattr(session, name) == getattr(empty, name), name
    assert not session.shots.rows
    assert session.connection.client is client
    session.connection.client = None


def test_what_a_thread_brings_for_the_last_file_is_dropped(session):
    session.synchronous = False
    go, brought = threading.Event(), []
    tasks.start("plan", "Planning", lambda task: go.wait(5), brought.append)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "beatboard-plan"]
    ui_world.open_empty()
    tasks.start("plan", "Planning", lambda task: "of this file", brought.append)
    go.set()
    for each in [thread, *(one for one in threading.enumerate() if one.name == "beatboard-plan")]:
        each.join(5)
    tasks.hand_over(5)
    assert brought == ["of this file"]


def test_switching_off_ends_it():
    ui_world.switch_on()
    first = state.session()
    first.tasks.running["plan"] = task = state.Task("plan", "planning")
    ui_world.switch_off()
    assert task.cancelled.is_set()
    with pytest.raises(RuntimeError, match="switched off"):
        state.session()
    ui_world.switch_on()
    assert state.session() is not first
    ui_world.switch_off()


def test_the_list_of_shots_is_blenders(session):
    assert state.shot_list() == bpy.context.window_manager.beatboard
