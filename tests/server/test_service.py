"""The bridge behind its HTTP, when what it stands on gives way."""

import contextlib
import dataclasses
import hashlib
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import psutil
import pytest

from blender_addon.core.messages import LookAtCover, NewJob
from blender_addon.core.types import JobState
from bridge.common import clock
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.jobs.lane import Lane
from bridge.plan import storyboard
from bridge.server import call_worker, calls, service
from bridge.server.calls import Calls
from bridge.server.service import Bridge, Options
from tests.jobs.test_batch import FAKE, request, runs
from tests.server.test_routes import COVER, COVER_SHA256
from tests.waiting import wait_until


@pytest.fixture
def open_bridge(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "START_AGAIN_S", 0.05)
    opened = []

    def make(**options):
        bridge = Bridge(Options(tmp_path, tmp_path / "store", make_clip=FAKE, cpu_workers=1, **options), lambda: None)
        bridge.store.put_bytes(COVER)
        opened.append(bridge)
        return bridge

    yield make
    for bridge in opened:
        if not bridge._closing.is_set():
            bridge.close()


def new(name, prompt=""):
    return NewJob(dataclasses.replace(request(name, prompt), cover_sha256=COVER_SHA256), name)


def ended(bridge, name):
    wait_until(lambda: not bridge.jobs.is_active(name))
    return bridge.jobs.get(name)


def test_a_job_that_cannot_be_read_fails_and_the_others_go_on(open_bridge, tmp_path):
    bridge = open_bridge()
    bridge.submit([new("a"), new("b"), new("c")])
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as db:
        db.execute("UPDATE jobs SET request = replace(request, '\"prompt\"', '\"words\"') WHERE id = 'b'")
    bridge.start()
    assert [ended(bridge, name).state for name in "abc"] == ["done", "failed", "done"]
    assert bridge.fault == ""
    bridge.delete("b")
    assert len(bridge.jobs.since(0).jobs) == 2


def failing(monkeypatch, error, job_id, times):
    """The start of this job's tasks fails so often."""
    real, faults = Lane.start, []

    def start(lane, task):
        if task.job_id == job_id and len(faults) < times:
            faults.append(error)
            raise error
        real(lane, task)

    monkeypatch.setattr(Lane, "start", start)
    return faults


def test_where_no_thread_can_be_had_the_queue_waits_and_goes_on(open_bridge, monkeypatch):
    faults = failing(monkeypatch, RuntimeError("can't start new thread"), "a", 4)
    bridge = open_bridge()
    bridge.submit([new("a"), new("b")])
    bridge.start()
    assert [ended(bridge, name).state for name in "ab"] == ["done", "done"]
    assert len(faults) == 4


def test_meanwhile_it_says_so_and_pauses_longer_each_time(open_bridge, monkeypatch):
    failing(monkeypatch, RuntimeError("can't start new thread"), "a", 6)
    bridge = open_bridge()
    pauses = []
    wait = bridge._closing.wait
    monkeypatch.setattr(bridge._closing, "wait", lambda s: pauses.append((s, bridge.fault)) or wait(0.01))
    bridge.submit([new("a")])
    bridge._thread.start()
    assert ended(bridge, "a").state is JobState.DONE
    lengths = [s for s, _ in pauses]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 10 * lengths[0]
    assert all("can't start new thread" in fault for _, fault in pauses)
    assert bridge.fault == ""


def test_what_the_queue_falls_over_again_and_again_fails(open_bridge, monkeypatch):
    failing(monkeypatch, KeyError("a fault of ours"), "a", 99)
    bridge = open_bridge()
    bridge.submit([new("a"), new("b")])
    bridge.start()
    assert "stopped 3 times" in ended(bridge, "a").error
    assert ended(bridge, "b").state is JobState.DONE


def test_it_ends_within_its_deadline_even_if_a_worker_is_stopped(open_bridge):
    bridge = open_bridge()
    bridge.submit([new("a", "hang")])
    bridge.start()
    wait_until(lambda: bridge.jobs.get("a").stage == "hanging")
    (worker,) = [child for child in psutil.Process().children() if "bridge.jobs.worker" in child.cmdline()]
    os.kill(worker.pid, signal.SIGSTOP)
    bridge.close()
    assert not runs(worker.pid)


def test_what_queued_jobs_need_is_held_again_when_the_index_was_lost(open_bridge, tmp_path):
    bridge = open_bridge()
    bridge.pause(True)
    bridge.submit([new("a")])
    bridge.close()
    (tmp_path / "store" / "index.db").write_bytes(b"nonsense" * 1000)
    again = open_bridge(store_limit_bytes=1)
    again.start()
    wait_until(lambda: again.store.owners() == {"job:a"})


def test_the_store_is_trimmed_at_the_start(open_bridge, tmp_path):
    bridge = open_bridge(store_limit_bytes=1)
    place = bridge.store.place(COVER_SHA256)
    os.utime(place, (time.time() - 1000, time.time() - 1000))
    bridge.start()
    wait_until(lambda: not place.exists())


def test_the_queue_is_backed_up(open_bridge, tmp_path):
    open_bridge().start()
    wait_until((tmp_path / "jobs-backup.db").exists)


@pytest.fixture
def many_calls(tmp_path):
    running = Calls(tmp_path / "store", lambda: None, tmp_path / "logs" / "calls.log")
    yield running
    running.close()


@pytest.mark.slow
def test_hung_calls_block_no_others_and_are_ended_by_the_clock(many_calls, open_bridge, monkeypatch):
    open_bridge()
    missing = LookAtCover(hashlib.sha256(b"nothing").hexdigest())
    hung = [many_calls.start("look", missing) for _ in range(4)]
    for each in hung:
        os.kill(many_calls._running[each.id].process.pid, signal.SIGSTOP)
    other = many_calls.start("look", missing)
    wait_until(lambda: many_calls.get(other.id).done)
    assert "has no file" in many_calls.get(other.id).error
    many_calls.tend()
    now_s = clock.now_s()
    monkeypatch.setattr(clock, "now_s", lambda: now_s + calls.HUNG_S + 1)
    many_calls.tend()
    for each in hung:
        wait_until(lambda each=each: many_calls.get(each.id).done)
        assert "did nothing for 30 s" in many_calls.get(each.id).error


@pytest.mark.slow
def test_results_are_kept_up_to_a_number_of_bytes_and_the_last_one_always(many_calls, open_bridge, monkeypatch):
    monkeypatch.setattr(calls, "KEPT_BYTES", 1)
    missing = LookAtCover(cover_sha256="0" * 64)
    first, last = [_ended(many_calls, many_calls.start("look", missing)) for _ in range(2)]
    with pytest.raises(BadInput, match="only the results of the last calls are kept"):
        many_calls.get(first.id)
    assert "has no file" in many_calls.get(last.id).error


def _ended(many_calls, call):
    wait_until(lambda: many_calls.get(call.id).done and call.id not in many_calls._running)
    return call


@pytest.mark.slow
def test_calls_beyond_the_limit_wait_for_their_turn(many_calls, open_bridge, monkeypatch):
    open_bridge()
    monkeypatch.setattr(calls, "MOST_AT_ONCE", 1)
    missing = LookAtCover(hashlib.sha256(b"nothing").hexdigest())
    started = [many_calls.start("look", missing) for _ in range(3)]
    assert len(many_calls._running) == 1
    many_calls.cancel(started[1].id)
    wait_until(lambda: many_calls.get(started[2].id).done)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_a_call_gets_no_secrets(many_calls, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNWAYML_API_SECRET", "key-of-nobody")
    monkeypatch.setenv("BEATBOARD_TOKEN", "token-of-nobody")
    call = many_calls.start("look", LookAtCover("0" * 64))
    process = many_calls._running[call.id].process
    assert b"-of-nobody" not in Path(f"/proc/{process.pid}/environ").read_bytes()


def test_a_call_without_a_process_to_be_had_says_so(many_calls, monkeypatch):
    def fails(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fails)
    call = many_calls.start("look", LookAtCover("0" * 64))
    assert "could not be started" in many_calls.get(call.id).error


@pytest.mark.parametrize(
    "value",
    [
        "/etc/shadow",
        "/etc/no-such-file",
        "~/x.safetensors",
        "../x",
        "a/../../x",
        "b.safetensors,/etc/shadow:0.8",
        "C:\\x",
    ],
)
def test_options_name_no_files_outside_of_what_the_owner_allows(open_bridge, tmp_path, value):
    bridge = open_bridge(allowed_folders=(tmp_path / "loras",))
    job = new("a")
    job = dataclasses.replace(job, request=dataclasses.replace(job.request, options=(("lora", value),)))
    with pytest.raises(BadInput, match="lora names a file outside of the folders"):
        bridge.submit([job])
    for allowed in (f"{tmp_path}/loras/hero.safetensors:0.8", "org/model@main", "loras/hero.safetensors"):
        fine = dataclasses.replace(job.request, options=(("lora", allowed),))
        bridge._check_places(fine, "")


@pytest.mark.parametrize("value", ["http://10.0.0.1:8188", "http://127.0.0.1:8188,https://far", "HTTPS://far"])
def test_options_name_no_servers_where_others_ask(open_bridge, value):
    job = new("a")
    job = dataclasses.replace(job, request=dataclasses.replace(job.request, options=(("comfyui", value),)))
    with pytest.raises(BadInput, match="comfyui names a server, which only the owner of this bridge may do"):
        open_bridge(allowed_folders=()).submit([job])
    open_bridge()._check_places(job.request, "")


@pytest.mark.parametrize("line", ["character = '/etc/shadow'", "character = '/etc/nothing'", "font = '{font}'"])
def test_a_storyboard_tells_nothing_of_this_machines_files(tmp_path, line):
    font = tmp_path / "secret.ttf"
    font.touch()
    store = Store(tmp_path / "store")
    board = tmp_path / "board.toml"
    board.write_text(line.format(font=font))
    with pytest.raises(BadInput, match=r"there is no (picture|\.ttf, .* or \.otc file) .*; its place is relative"):
        storyboard.load(board, call_worker.uploads(store))
    sha256 = store.put(font)
    board.write_text(f"font = '{sha256}.ttf'")
    assert storyboard.load(board, call_worker.uploads(store)).font == store.place(sha256)
