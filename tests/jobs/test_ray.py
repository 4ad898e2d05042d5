"""Needs the extra `cluster`; starts a small Ray cluster of its own on this machine."""

import dataclasses
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest

from blender_addon.core.types import JobState
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.jobs import ray_executor
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import DeviceKind
from bridge.jobs.queue import JobQueue, Submission
from bridge.jobs.speeds import Speeds
from tests.jobs.test_batch import FAKE, request
from tests.ray_cluster import running
from tests.waiting import wait_until

ray = pytest.importorskip("ray", reason="needs the cluster extra: scripts/test.sh has it")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    with running() as address:
        yield address


class Batch:
    def __init__(self, cluster, folder):
        self.store = Store(folder / "store")
        self.cover = self.store.put_bytes(os.urandom(16))  # nodes remember what they made in earlier runs
        self.changes = []
        self.jobs = JobQueue(None, lambda job_id, state: self.changes.append((job_id, state)))
        self.dispatcher = Dispatcher(self.jobs, Speeds(folder / "speeds.db"))
        self.executor = ray_executor.RayExecutor(self.store, cluster, self.dispatcher.on_event, make_clip=FAKE)

    def __call__(self, *requests):
        names = [f"j{i}" for i in range(len(requests))]
        wanted = [dataclasses.replace(one, cover_sha256=self.cover) for one in requests]
        kinds = [DeviceKind.CPU, DeviceKind.GPU]
        self.jobs.submit([Submission(one, kinds[i % 2], names[i]) for i, one in enumerate(wanted)])
        self.dispatcher.run(self.executor, until_idle=True)
        return [self.jobs.get(name) for name in names]


@pytest.fixture
def batch(cluster, tmp_path):
    batch = Batch(cluster, tmp_path)
    yield batch
    batch.executor.close()


@pytest.mark.parametrize("accident", ["crash-once", "orphan-once"], ids=["worker", "actor"])
def test_a_process_killed_mid_shot_costs_nothing_but_time(accident, batch, tmp_path):
    shots = [request(f"s{i}", steps="3", step_s="0.1") for i in range(5)]
    jobs = batch(request("x", f"{accident} {tmp_path / 'marker'}"), *shots)
    assert [job.state for job in jobs] == ["done"] * 6
    assert (tmp_path / "marker").exists(), "it was killed"
    for job in jobs:
        assert job.clip is not None
        assert batch.store.path(job.clip.sha256).is_file()
    ends = [job_id for job_id, state in batch.changes if state is JobState.DONE]
    assert sorted(ends) == sorted(job.id for job in jobs), "each ended once"


def test_progress_errors_and_cancel_come_through(batch):
    def cancel_when_running():
        wait_until(lambda: batch.jobs.active() and batch.jobs.get("j1").progress > 0)
        batch.dispatcher.cancel("j1")

    canceller = threading.Thread(target=cancel_when_running)
    canceller.start()
    bad, cancelled, hungry = batch(
        request("a", "bad"), request("b", steps="600", step_s="0.1"), request("c", "memory 1")
    )
    canceller.join()
    assert bad.error == "The prompt is bad. Write another."
    assert cancelled.state is JobState.CANCELLED
    assert hungry.state is JobState.DONE
    assert hungry.notes == ("out of memory: retried with memory level 1 of 4",)


def test_a_large_gpu_films_one_shot_while_it_finishes_another(tmp_path, monkeypatch):
    nvidia_smi = tmp_path / "bin" / "nvidia-smi"
    nvidia_smi.parent.mkdir()
    nvidia_smi.write_text("#!/bin/sh\ncase $1 in *memory*) echo 0, 81559;; *) echo 0, Large GPU, GPU-aa11;; esac\n")
    nvidia_smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{nvidia_smi.parent}:{os.environ['PATH']}")
    log = tmp_path / "turns.txt"
    log.touch()
    with running(num_gpus=1) as address:
        batch = Batch(address, tmp_path)
        try:
            shots = [Submission(request(f"s{i}", f"turns {log} 4"), DeviceKind.GPU, f"j{i}") for i in range(4)]
            batch.jobs.submit(shots)
            batch.dispatcher.run(batch.executor, until_idle=True)
            jobs = [batch.jobs.get(shot.id) for shot in shots]
        finally:
            batch.executor.close()
    assert [job.state for job in jobs] == ["done"] * 4, [job.error for job in jobs]
    assert log.read_text().split() == ["in", "out"] * 4, "one shot computes at a time"


def test_a_shot_whose_node_never_comes_can_be_cancelled(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.jobs.ray_executor.CANCEL_LIMIT_S", 0.5)
    with running(num_cpus=0) as address:
        batch = Batch(address, tmp_path)
        try:
            canceller = threading.Timer(2.0, lambda: batch.dispatcher.cancel("j0"))
            canceller.start()
            (job,) = batch(request("a"))
            canceller.join()
        finally:
            batch.executor.close()
    assert job.state is JobState.CANCELLED


def test_no_cluster_is_said():
    """In a process of its own: after a Ray Client that found nothing, Ray takes every later call for a client's."""
    spawned = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=spawned) as process,
        pytest.raises(BadInput, match=r"No Ray cluster answers at ray://127\.0\.0\.1:1"),
    ):
        process.submit(ray_executor.connect, "ray://127.0.0.1:1").result()
