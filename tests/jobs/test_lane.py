"""One device's worker, when it or what watches it goes wrong."""

import dataclasses
import os
import queue
import signal
import sys
import threading

import psutil
import pytest

from bridge.common import clock, paths
from bridge.jobs import lane
from bridge.jobs.executor import Device, DeviceKind, EventKind, Task
from bridge.jobs.lane import Lane
from bridge.jobs.local import LocalExecutor
from tests.jobs.test_batch import FAKE, request, runs
from tests.waiting import PATIENCE_S, wait_until

CPU = DeviceKind.CPU
TASK = Task("j1", request())
LARGE = Task("j1", dataclasses.replace(request(), energy=(0.5,) * 500_000))
"""more than a pipe holds"""


@pytest.fixture
def events():
    return queue.SimpleQueue()


@pytest.fixture
def make_lane(tmp_path, events):
    """A lane whose worker is a small program."""
    lanes = []

    def make(program):
        one = Lane(
            Device(CPU, 0, "test"),
            (sys.executable, "-c", program),
            paths.child_environment(PYTHONUNBUFFERED="1"),
            tmp_path / "logs" / "worker.log",
            events.put,
        )
        lanes.append(one)
        return one

    yield make
    for one in lanes:
        one.close()


def test_a_stopped_worker_blocks_neither_the_others_nor_its_own_end(tmp_path, events, monkeypatch):
    executor = LocalExecutor(tmp_path / "store", [Device(CPU, i, "test") for i in range(2)], events.put, make_clip=FAKE)
    try:
        executor.warm_up(1)
        stopped = executor._lanes[0]._process
        assert stopped
        os.kill(stopped.pid, signal.SIGSTOP)
        executor.start(LARGE, CPU)
        executor.start(Task("j2", request("s02")), CPU)
        while (event := events.get(timeout=PATIENCE_S)).kind is EventKind.PROGRESS:
            pass
        assert (event.job_id, event.kind) == ("j2", EventKind.DONE)
        executor.cancel("j1")
        now_s = clock.now_s()
        monkeypatch.setattr(clock, "now_s", lambda: now_s + lane.CANCEL_GRACE_S + 1)
        executor.tend()
        event = events.get(timeout=PATIENCE_S)
        assert (event.job_id, event.kind) == ("j1", EventKind.CANCELLED)
    finally:
        executor.close()
    assert not runs(stopped.pid)


def test_closing_does_not_wait_for_a_stopped_worker(make_lane):
    one = make_lane("import time; time.sleep(3600)")
    one.start(LARGE)
    process = one._process
    os.kill(process.pid, signal.SIGSTOP)
    one.close()
    assert not runs(process.pid)


@pytest.mark.parametrize("line", ["{nonsense", "[" * 100_000, '{"job_id": "j1", "kind": "exploded"}', "\\xff\\xfe"])
def test_a_line_that_cannot_be_read_ends_the_worker_and_its_job_is_told(make_lane, events, line):
    one = make_lane(f"import sys; input(); sys.stdout.buffer.write(b{line!r} + b'\\n'); input()".replace("\\\\", "\\"))
    one.start(TASK)
    event = events.get(timeout=PATIENCE_S)
    assert (event.job_id, event.kind) == ("j1", EventKind.CRASHED)
    assert "sent something that cannot be read" in event.message
    assert one.is_free


def test_a_line_without_an_end_is_not_kept_in_memory(make_lane, events, monkeypatch):
    monkeypatch.setattr(lane, "LONGEST_LINE", 1000)
    one = make_lane("input()\nwhile True: print('x' * 10_000, end='')")
    one.start(TASK)
    assert "a line without an end" in events.get(timeout=PATIENCE_S).message


def test_a_deleted_log_costs_no_job(make_lane, events, tmp_path):
    one = make_lane(f"import os; input(); os.unlink({str(tmp_path / 'logs' / 'worker.log')!r}); raise SystemExit(3)")
    one.start(TASK)
    event = events.get(timeout=PATIENCE_S)
    assert event.kind is EventKind.CRASHED
    assert "exit code 3" in event.message


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_outlives_the_thread_that_reads_its_worker(make_lane, events, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(Lane, "_hear", fails)
    one = make_lane('input(); print(\'{"job_id": "j1", "kind": "progress"}\'); input()')
    one.start(TASK)
    reader, process = one._reader, one._process
    assert reader
    reader.join(30)
    one.tend()
    assert events.get(timeout=PATIENCE_S).kind is EventKind.CRASHED
    assert not runs(process.pid)
    assert one.is_free


def test_a_reader_that_waits_for_a_dead_worker_is_not_waited_for(make_lane, events, monkeypatch):
    """A process that it started and that left its group may hold the pipe open."""
    one = make_lane(
        "import os, subprocess, sys; input(); subprocess.Popen([sys.executable, '-c',"
        " 'import time; time.sleep(8)'], start_new_session=True, stderr=2); os._exit(0)"
    )
    one.start(TASK)
    process = one._process
    wait_until(lambda: process.poll() is not None)
    one.tend()
    now_s = clock.now_s()
    monkeypatch.setattr(clock, "now_s", lambda: now_s + lane.END_LIMIT_S + 1)
    one.tend()
    assert events.get_nowait().kind is EventKind.CRASHED


def test_a_hanging_worker_is_ended_by_the_clock(make_lane, events, monkeypatch):
    one = make_lane("input(); import time; time.sleep(3600)")
    one.start(TASK)
    one.tend()
    now_s = clock.now_s()
    monkeypatch.setattr(clock, "now_s", lambda: now_s + lane.SILENCE_LIMIT_S + 1)
    one.tend()
    assert events.get(timeout=PATIENCE_S).kind is EventKind.CRASHED


def test_without_a_thread_to_be_had_no_process_is_left(make_lane, monkeypatch):
    def fails(thread):
        raise RuntimeError("can't start new thread")

    one = make_lane("input()")
    before = set(psutil.Process().children())
    monkeypatch.setattr(threading.Thread, "start", fails)
    with pytest.raises(RuntimeError):
        one.start(TASK)
    monkeypatch.undo()
    wait_until(lambda: not any(runs(child.pid) for child in set(psutil.Process().children()) - before))
    assert one.is_free
    assert not one.is_up


def test_a_log_is_private_and_bounded_while_its_worker_runs(make_lane, events, tmp_path, monkeypatch):
    monkeypatch.setattr(lane, "LOG_LIMIT_BYTES", 10_000)
    one = make_lane("import sys; input(); [print('line', i, file=sys.stderr) for i in range(9000)]; input()")
    log = tmp_path / "logs" / "worker.log"
    one.start(TASK)
    wait_until(lambda: log.exists() and b"line 8999" in log.read_bytes())
    one.tend()
    assert log.stat().st_size <= 10_000
    assert log.read_bytes().endswith(b"line 8999\n")
    assert log.stat().st_mode & 0o077 == 0
