import contextlib
import os
import queue
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from blender_addon.core.types import ClipRequest, Framing, JobState, ShotKind
from bridge.common import files
from bridge.common.store import Store
from bridge.jobs import batch, devices, run_batch, worker
from bridge.jobs.executor import Device, DeviceKind, EventKind, Task
from bridge.jobs.local import LocalExecutor
from tests.waiting import PATIENCE_S, wait_until

FAKE = "tests.jobs.fake_engine:make_clip"


def request(shot_id="s01", prompt="", **options):
    return ClipRequest(
        *(
            "fake",
            "fake",
            shot_id,
            ShotKind.MOTION,
            Framing.WIDE,
            prompt,
            "",
            1,
            80,
            24,
            0,
            Fraction(24),
            64,
            36,
            "c" * 64,
        ),
        options=tuple(sorted(options.items())),
    )


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    assert list((store.root / "work").iterdir()) == [], "scratch space is emptied"
    store.close()


def test_one_bad_shot_does_not_stop_the_others(store):
    requests = [request(f"s{i:02}", prompt) for i, prompt in enumerate(["", "bad", "print", ""])]
    updates = []
    jobs = run_batch(requests, store, workers=2, on_update=updates.append, make_clip=FAKE)
    assert [job.request for job in jobs] == requests
    assert [job.state for job in jobs] == ["done", "failed", "done", "done"]
    assert jobs[1].error == "The prompt is bad. Write another."
    assert jobs[1].attempts == 1
    clip = jobs[0].clip
    assert clip is not None
    assert clip.sha256 in store
    states = [job.state for job in updates if job.request.shot_id == "s00"]
    assert states[0] is JobState.QUEUED
    assert states[-1] is JobState.DONE
    assert any(job.stage == "painting" for job in updates)


@pytest.mark.slow
def test_one_shot_computes_while_another_is_finished_but_never_two(store, tmp_path, monkeypatch):
    gpu = Device(DeviceKind.GPU, 0, "test")
    monkeypatch.setattr(batch, "gpu_workers", lambda: (gpu, replace(gpu, worker=1)))
    monkeypatch.setattr(batch, "kind_for", lambda request: DeviceKind.GPU)
    log = tmp_path / "log"
    requests = [request(f"s{i:02}", f"turns {log} 5") for i in range(5)]
    jobs = run_batch(requests, store, make_clip=FAKE)
    assert [job.state for job in jobs] == ["done"] * 5
    assert log.read_text().split() == ["in", "out"] * 5


@pytest.mark.parametrize("is_roomy", [True, False])
def test_a_turn_ends_early_where_two_have_room(is_roomy, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "has_room", lambda wanted_gib: is_roomy and wanted_gib == 10)
    turn = tmp_path / "turn"
    empty = Store(tmp_path)
    first, second = (worker.TaskWork(Task(name, request()), tmp_path, empty, lambda _: None, turn) for name in "12")
    with contextlib.ExitStack() as next_turn:
        with first.device():
            assert not is_free(turn)
            first.hand_over(5)
            assert is_free(turn) == is_roomy
            if is_roomy:
                next_turn.enter_context(second.device())
        assert is_free(turn) != is_roomy, "the first one's end must not end the second's"


def is_free(turn):
    with turn.open("a+") as file:
        return files.try_lock(file)


def test_who_waits_for_the_gpu_can_be_cancelled(store, tmp_path):
    gpu = Device(DeviceKind.GPU, 0, "test")
    events = queue.SimpleQueue()
    executor = LocalExecutor(store.root, (gpu, replace(gpu, worker=1)), events.put, make_clip=FAKE)
    try:
        executor.start(Task("first", request("s01", f"hold {tmp_path / 'held'}")), DeviceKind.GPU)
        wait_until((tmp_path / "held").exists)
        executor.start(Task("second", request("s02", f"turns {tmp_path / 'log'} 1")), DeviceKind.GPU)
        while (event := events.get(timeout=PATIENCE_S)).stage != "waiting for the GPU":
            assert event.kind is EventKind.PROGRESS
        executor.cancel("second")
        while (event := events.get(timeout=PATIENCE_S)).kind is EventKind.PROGRESS:
            pass
        assert (event.job_id, event.kind) == ("second", EventKind.CANCELLED)
    finally:
        executor.close()


@pytest.mark.parametrize(
    ("visible", "seen"),
    [(None, [0, 1, 10]), ("1", [1]), ("10, 0", [0, 10]), ("GPU-bb", [1]), ("GPU-aa11,GPU-cc33", [0, 10]), ("", [])],
)
def test_gpus_are_seen_by_number_or_uuid(visible, seen, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    listed = [["0", " one", " GPU-aa11"], ["1", " two", " GPU-bb22"], ["10", " three", " GPU-cc33"]]
    monkeypatch.setattr(devices, "_asked", lambda *_: listed)
    assert [device.index for device in devices.gpus.__wrapped__()] == seen


def test_a_large_gpu_has_two_workers(monkeypatch):
    gpus = (Device(DeviceKind.GPU, 0, "small"), Device(DeviceKind.GPU, 1, "large"))
    monkeypatch.setattr(devices, "gpus", lambda: gpus)
    monkeypatch.setattr(devices, "_asked", lambda *_: [["0", " 24564"], ["1", " 81559"]])
    assert [device.name for device in devices.gpu_workers()] == ["gpu0", "gpu1", "gpu1-1"]


def test_what_was_made_before_is_not_made_again(store, tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_FAKE_LOG", str(tmp_path / "log"))
    first = run_batch([request()], store, workers=1, make_clip=FAKE)
    again = run_batch([request()], store, workers=1, make_clip=FAKE)
    assert first[0].clip == again[0].clip
    assert len((tmp_path / "log").read_text().splitlines()) == 1


@pytest.mark.slow
def test_a_crash_is_retried_twice_and_then_fails_with_its_log(store):
    crashing, fine = run_batch([request("s01", "crash"), request("s02")], store, workers=1, make_clip=FAKE)
    assert fine.state is JobState.DONE
    assert crashing.state is JobState.FAILED
    assert crashing.attempts == 3
    assert "Crashed 3 times" in crashing.error
    assert "signal 11" in crashing.error
    assert "about to crash" in crashing.error


def test_a_worker_that_died_once_costs_only_a_retry(store, tmp_path):
    (job,) = run_batch([request(prompt=f"crash-once {tmp_path / 'marker'}")], store, workers=1, make_clip=FAKE)
    assert job.state is JobState.DONE
    assert job.notes == ("crashed: retried (1 of 2)",)


@pytest.mark.slow
def test_an_unforeseen_error_is_named_and_retried(store):
    (job,) = run_batch([request(prompt="bug")], store, workers=1, make_clip=FAKE)
    assert job.attempts == 3
    assert "ZeroDivisionError: a bug" in job.error


@pytest.mark.slow
def test_out_of_memory_goes_to_the_next_cheaper_setting_and_says_so(store):
    enough, never = run_batch(
        [request("s01", "memory 2"), request("s02", "memory 9")], store, workers=1, make_clip=FAKE
    )
    assert enough.state is JobState.DONE
    assert enough.notes == (
        "out of memory: retried with memory level 1 of 4",
        "out of memory: retried with memory level 2 of 4",
    )
    assert never.state is JobState.FAILED
    assert "Out of memory even with the most careful settings" in never.error


def test_an_interrupt_ends_the_workers_and_keeps_what_is_finished(store, tmp_path):
    pids = tmp_path / "pids"

    def interrupt(job):
        if job.stage == "with a child":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(
            [request("s01"), request("s02", f"child {pids}")], store, workers=1, on_update=interrupt, make_clip=FAKE
        )
    wait_until(lambda: not any(map(runs, pids.read_text().split())))
    assert len(list(store.files())) == 1


def runs(pid):
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_no_worker_outlives_a_killed_parent(tmp_path):
    pids = tmp_path / "pids"
    program = (
        "from pathlib import Path\n"
        "from bridge.jobs import run_batch\n"
        "from bridge.common.store import Store\n"
        "from tests.jobs.test_batch import FAKE, request\n"
        f"run_batch([request(prompt='child {pids}')], Store(Path({str(tmp_path / 'store')!r})), make_clip=FAKE)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not any(map(runs, pids.read_text().split())))
    store = Store(tmp_path / "store")
    run_batch([request()], store, workers=1, make_clip=FAKE)
    assert list((store.root / "work").iterdir()) == [], "what the killed one left is swept"


def test_starting_a_batch_imports_nothing_heavy():
    heavy = ("torch", "cv2", "av", "fastapi", "scipy", "numpy")
    program = f"import sys, bridge.jobs.batch; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
