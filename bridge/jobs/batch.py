# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of clips for a program that waits for them: the same queue and policy as the server's, in memory."""

from collections.abc import Callable, Sequence
from typing import Self

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
    kinds = {kind_for(request) for request in requests}
    with Workers(store, kinds, workers, most=len(requests), make_clip=make_clip) as ready:
        return ready.run(requests, on_update)


class Workers:
    """Worker processes that make one batch after the other. They end with the `with` block, however it ends.

    Args:
        store: where covers are and clips go.
        kinds: the kinds of device that the batches need.
        count: how many processes; by default one per GPU for engines that need one, else one per core.
        most: how many can have work.
        make_clip: see `bridge.jobs.run_batch`.
    """

    def __init__(
        self,
        store: Store,
        kinds: set[DeviceKind],
        count: int | None,
        *,
        most: int | None = None,
        make_clip: str | None = None,
    ) -> None:
        self._store = store
        self._on_update: Callable[[Job], None] | None = None
        self._jobs = JobQueue(None, self._tell)
        self._speeds = Speeds(store.root / "speeds.db")
        self._dispatcher = Dispatcher(
            self._jobs, self._speeds, fault_of=lambda clip, request: clip_check.fault_of(clip, request, store)
        )
        devices = _devices(kinds, count, most)
        self._executor = LocalExecutor(store.root, devices, self._dispatcher.on_event, make_clip=make_clip or MAKE_CLIP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.close()
        self._jobs.close()
        self._speeds.close()

    def warm_up(self, count: int | None = None) -> None:
        """Starts so many of them, or all, ahead of their first clips."""
        self._executor.warm_up(count)

    def run(self, requests: Sequence[ClipRequest], on_update: Callable[[Job], None] | None = None) -> list[Job]:
        """See `bridge.jobs.run_batch`."""
        self._store.trim()
        self._on_update = on_update
        submissions = [Submission.new(request, kind_for(request)) for request in requests]
        self._jobs.submit(submissions)
        self._dispatcher.run(self._executor, until_idle=True)
        return [self._jobs.get(submission.id) for submission in submissions]

    def _tell(self, job_id: str, _: object) -> None:
        if self._on_update:
            self._on_update(self._jobs.get(job_id))


def _devices(kinds: set[DeviceKind], workers: int | None, most: int | None) -> list[Device]:
    """No more than can have work."""
    devices: list[Device] = []
    if DeviceKind.GPU in kinds:
        devices += gpu_workers()[:workers][:most]
    if DeviceKind.CPU in kinds:
        devices += cpus(workers)[:most]
    return devices
