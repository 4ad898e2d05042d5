import subprocess
import threading

import pytest

from blender_addon.core.types import JobState
from bridge.common.store import Store
from bridge.jobs import devices, run_batch
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import DeviceKind
from bridge.jobs.local import LocalExecutor
from bridge.jobs.queue import JobQueue, Submission
from bridge.jobs.speeds import Speeds
from tests.jobs.test_batch import request
from tests.waiting import wait_until

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not devices.gpus(), reason="no GPU here")]
ENGINE = "tests.clips.gpu.gpu_engine:make_clip"


@pytest.fixture(autouse=True)
def every_engine_wants_a_gpu(monkeypatch):
    monkeypatch.setattr(devices, "wants_gpu", lambda request: True)


def memory_used_mib():
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return sum(map(int, subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()))


def test_out_of_memory_is_retried_in_a_fresh_process_and_nothing_stays_allocated(tmp_path):
    before = memory_used_mib()
    store = Store(tmp_path)
    hungry, fine = run_batch([request("a", "retry 4096"), request("b", "take 4")], store, make_clip=ENGINE)
    assert hungry.notes == ("out of memory: retried with memory level 1 of 4",)
    assert [hungry.state, fine.state] == ["done", "done"]
    assert hungry.clip is not None
    seen = store.path(hungry.clip.sha256).read_bytes()
    assert seen.startswith(b"1 "), "each worker sees its own GPU only"
    wait_until(lambda: memory_used_mib() <= before + 64)


def test_cancelling_frees_the_gpus_memory(tmp_path):
    before = memory_used_mib()
    jobs = JobQueue(None)
    dispatcher = Dispatcher(jobs, Speeds(tmp_path / "speeds.db"))
    executor = LocalExecutor(tmp_path, devices.gpus()[:1], dispatcher.on_event, make_clip=ENGINE)
    jobs.submit([Submission(request("a", "hang 8"), DeviceKind.GPU, "a")])
    running = threading.Thread(target=lambda: dispatcher.run(executor, until_idle=True))
    running.start()
    wait_until(lambda: jobs.get("a").stage == "holding 8 GiB")
    assert memory_used_mib() > before + 8000
    dispatcher.cancel("a")
    running.join(30)
    assert jobs.get("a").state is JobState.CANCELLED
    wait_until(lambda: memory_used_mib() <= before + 64)
    executor.close()
