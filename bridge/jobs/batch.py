# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of clips for a program that waits for them: the same queue and policy as the server's, in memory."""

from collections.abc import Callable, Sequence

from blender_addon.core.types import ClipRequest, Job
from bridge.common.store import Store
from bridge.jobs import clip_check
from bridge.jobs.devices import cpus, gpu_workers, kind_for
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import MAKE_CLIP, Device, DeviceKind
from bridge.jobs.local import LocalExecutor
from bridge.jobs.queue import JobQueue, Submission
from bridge.jobs.speeds import Speeds


def run(
    requests: Sequence[ClipRequest],
    store: Store,
    workers: int | None,
    on_update: Callable[[Job], None] | None,
    make_clip: str | None,
) -> list[Job]:
    """See `bridge.jobs.run_batch`."""
    store.trim()
    submissions = [Submission.new(request, kind_for(request)) for request in requests]
    devices = _devices({submission.kind for submission in submissions}, workers, len(requests))
    jobs = JobQueue(None, (lambda job_id, _: on_update(jobs.get(job_id))) if on_update else None)
    speeds = Speeds(store.root / "speeds.db")
    dispatcher = Dispatcher(jobs, speeds, fault_of=lambda clip, request: clip_check.fault_of(clip, request, store))
    executor = LocalExecutor(store.root, devices, dispatcher.on_event, make_clip=make_clip or MAKE_CLIP)
    try:
        jobs.submit(submissions)
        dispatcher.run(executor, until_idle=True)
        return [jobs.get(submission.id) for submission in submissions]
    finally:
        executor.close()
        jobs.close()
        speeds.close()


def _devices(kinds: set[DeviceKind], workers: int | None, count: int) -> list[Device]:
    """No more than there are shots."""
    devices: list[Device] = []
    if DeviceKind.GPU in kinds:
        devices += gpu_workers()[: min(workers or count, count)]
    if DeviceKind.CPU in kinds:
        cores = cpus(workers)
        devices += cores[: min(len(cores), count)]
    return devices
