# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge without its HTTP: the store, the queue, and the thread that keeps the executor busy."""

import base64
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.messages import NewJob, QueueStatus
from blender_addon.core.types import ClipRequest, Job, JobState
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.jobs.checks import JOB_ID, BadField, check
from bridge.jobs.devices import cpus, gpu_workers, kind_for, wants_gpu
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import MAKE_CLIP, Device, DeviceKind, Executor
from bridge.jobs.queue import ACTIVE, JobQueue, Submission
from bridge.jobs.speeds import Estimate, Speeds
from bridge.server.calls import Calls

TRIM_EVERY_S = 60.0
START_AGAIN_S = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How a bridge is set up."""

    home: Path
    store: Path
    store_limit_bytes: int | None = None
    cpu_workers: int | None = None
    """None: one per core"""
    cluster: str | None = None
    """a Ray address; None: worker processes on this machine"""
    make_clip: str | None = None
    """module:function in place of `bridge.clips.make_clip.make_clip`; any engine's name is then accepted"""


class Bridge:
    """Everything behind the HTTP. Its methods may be called from any thread.

    Args:
        on_change: called from any thread whenever a job or the queue changed.
    """

    def __init__(self, options: Options, on_change: Callable[[], None]) -> None:
        self.options = options
        self.store = Store(options.store, limit_bytes=options.store_limit_bytes)
        self.speeds = Speeds(options.store / "speeds.db")
        self._notify = on_change
        self._previews: dict[str, bytes] = {}
        self._trimmed_at_s = 0.0
        self._closing = threading.Event()
        self.jobs = JobQueue(options.home / "jobs.db", self._changed)
        self._dispatcher = Dispatcher(self.jobs, self.speeds, self._previewed)
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self.calls = Calls(options.store, on_change)
        self.fault = ""
        """why no job can start, if the executor could not"""

    def start(self) -> None:
        """Starts working."""
        self._let_go_of_ended_jobs()
        self._thread.start()

    def close(self) -> None:
        """Stops the workers; what ran is queued again for the next start."""
        self.calls.close()
        self._dispatcher.stop()
        self._closing.set()
        self._thread.join()
        self.jobs.recover()
        self.jobs.close()
        self.speeds.close()
        self.store.close()

    # Jobs

    def submit(self, new: Sequence[NewJob]) -> list[Job]:
        """Queues all of these jobs or, on an error, none.

        Raises:
            BadField: one cannot be made, as far as can be told now.
        """
        lacks = self._lacks()
        for index, job in enumerate(new):
            if not JOB_ID.fullmatch(job.id):
                raise BadField(f"jobs[{index}].id", "must be 1 to 64 letters, digits, - or _")
            check(job.request, f"jobs[{index}].request", self.store.__contains__, lacks)
        submissions = [Submission(job.request, self._kind(job.request.engine), job.id) for job in new]
        with self._pinned({job.id: job.request for job in new}):
            jobs = self.jobs.submit(submissions)
        self._dispatcher.wake()
        return jobs

    def cancel(self, job_id: str) -> Job:
        """Cancels a job, wherever it is."""
        return self._dispatcher.cancel(job_id)

    def retry(self, job_id: str) -> Job:
        """Queues a failed or cancelled job again."""
        with self._pinned({job_id: self.jobs.get(job_id).request}):
            job = self.jobs.retry(job_id)
        self._dispatcher.wake()
        return job

    def preview(self, job_id: str) -> bytes | None:
        """The newest picture of a running job, a JPEG."""
        return self._previews.get(job_id)

    # The queue

    def status(self) -> QueueStatus:
        """The queue as a whole."""
        active = self.jobs.active()
        estimate = self.speeds.estimate(
            [job.request for job in active], self._devices(), [1.0 - job.progress for job in active]
        )
        running = sum(job.state is JobState.RUNNING for job in active)
        return QueueStatus(self.jobs.paused, len(active) - running, running, estimate.seconds if estimate else None)

    def put_first(self, job_ids: Sequence[str]) -> None:
        """Moves these queued jobs to the front, in this order."""
        self.jobs.put_first(job_ids)

    def pause(self, paused: bool) -> None:
        """Lets queued jobs wait, or go on."""
        self.jobs.paused = paused
        self._notify()
        self._dispatcher.wake()

    def estimate(self, requests: Sequence[ClipRequest]) -> Estimate | None:
        """What these would take, from what was measured here; None if that isn't known yet."""
        return self.speeds.estimate(requests, self._devices())

    def hold(self, owner: str, sha256s: Sequence[str]) -> None:
        """Keeps exactly these files from eviction for this owner, such as a .blend.

        Raises:
            BadField: one is not in the store; what the owner held so far is still held.
        """
        for index, sha256 in enumerate(sha256s):
            if sha256 not in self.store:
                raise BadField(f"sha256s[{index}]", f"the file {sha256[:12]!r}… is not in the store")
        self.store.hold(sha256s, f"client:{owner}")

    # Inside

    def _run(self) -> None:
        """Keeps the dispatcher running: after a full disk or a lost cluster it starts again, until it succeeds."""
        while not self._dispatcher.stopped:
            try:
                self.jobs.recover()
                with contextlib.closing(self._executor()) as executor:
                    self.fault = ""
                    self._dispatcher.run(executor)
            except (BadInput, OSError, sqlite3.Error) as error:
                log.exception("the queue stands still")
                self.fault = f"The queue stands still, and tries again by itself: {error}"
                self._closing.wait(START_AGAIN_S)
            except Exception:
                self.fault = (
                    "The queue has stopped by a fault of Beatboard's; the log says more. Start the bridge again."
                )
                log.exception("the dispatcher died")
                raise

    def _executor(self) -> Executor:
        make_clip = self.options.make_clip or MAKE_CLIP
        if self.options.cluster:
            from bridge.jobs.ray_executor import RayExecutor

            return RayExecutor(self.store, self.options.cluster, self._dispatcher.on_event, make_clip=make_clip)
        from bridge.jobs.local import LocalExecutor

        logs = self.options.home / "logs"
        return LocalExecutor(
            self.options.store, self._devices(), self._dispatcher.on_event, log_folder=logs, make_clip=make_clip
        )

    def _kind(self, engine: str) -> DeviceKind:
        if self.options.cluster:  # which has what it needs, or takes the CPU for it
            return DeviceKind.GPU if wants_gpu(engine) else DeviceKind.CPU
        return kind_for(engine)

    def _devices(self) -> list[Device]:
        return [*gpu_workers(), *cpus(self.options.cpu_workers)]

    def _lacks(self) -> Mapping[str, str] | None:
        if self.options.make_clip:
            return None
        from bridge.clips import registry

        return {status.name: status.missing for status in registry.engines()}

    def _changed(self, job_id: str, state: JobState) -> None:
        if state not in ACTIVE:
            self.store.unpin(f"job:{job_id}")
            self._previews.pop(job_id, None)
            if time.monotonic() - self._trimmed_at_s > TRIM_EVERY_S:
                self._trimmed_at_s = time.monotonic()
                self.store.trim()
        self._notify()

    def _previewed(self, job_id: str, jpeg: str) -> None:
        self._previews[job_id] = base64.b64decode(jpeg)

    @contextlib.contextmanager
    def _pinned(self, requests: Mapping[str, ClipRequest]):
        """Holds the jobs' files before they are queued; lets go again of those that aren't active afterwards."""
        try:
            self.store.pin_all(
                (sha256, f"job:{job_id}")
                for job_id, request in requests.items()
                for sha256 in (request.cover_sha256, request.character_sha256)
                if sha256
            )
            yield
        finally:
            self._let_go_of_ended_jobs(requests)

    def _let_go_of_ended_jobs(self, job_ids: Sequence[str] | Mapping[str, object] | None = None) -> None:
        owners = [f"job:{i}" for i in job_ids] if job_ids else self.store.owners()
        active = {f"job:{job_id}" for job_id in self.jobs.active_ids()}
        for owner in owners:
            if owner.startswith("job:") and owner not in active:
                self.store.unpin(owner)
