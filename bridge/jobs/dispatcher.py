# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves jobs from the queue to an executor, and does what the failure policy says when one goes wrong."""

import contextlib
import dataclasses
import logging
import queue
from collections.abc import Callable

from blender_addon.core.types import Clip, ClipRequest, Job
from bridge.common import clock
from bridge.jobs.executor import DeviceKind, Event, EventKind, Executor, Task
from bridge.jobs.queue import JobQueue
from bridge.jobs.speeds import Speeds

RETRIES_AFTER_CRASH = 2
CHEAPEST_MEMORY_LEVEL = 4
TEND_EVERY_S = 1.0

log = logging.getLogger(__name__)


class Dispatcher:
    """One thread's work: `run`. Every other method may be called from any thread.

    Args:
        jobs: where the jobs are.
        speeds: told of every finished clip.
        on_preview: called with a job's id and a small JPEG in base64.
        fault_of: what is wrong with a clip that is said to be done; empty if it is what was asked for.
    """

    def __init__(
        self,
        jobs: JobQueue,
        speeds: Speeds,
        on_preview: Callable[[str, str], None] | None = None,
        fault_of: Callable[[Clip, ClipRequest], str] = lambda clip, request: "",  # noqa: ARG005
    ) -> None:
        self._jobs = jobs
        self._speeds = speeds
        self._on_preview = on_preview
        self._fault_of = fault_of
        self._inbox: queue.SimpleQueue[Event | str | None] = queue.SimpleQueue()
        self._running: set[str] = set()
        self._stopped = False

    def on_event(self, event: Event) -> None:
        """For the executor: news of a task."""
        self._inbox.put(event)

    def wake(self) -> None:
        """There may be something to start."""
        self._inbox.put(None)

    def cancel(self, job_id: str) -> Job:
        """Cancels a job, wherever it is."""
        job = self._jobs.cancel(job_id)
        self._inbox.put(job_id)
        return job

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def stop(self) -> None:
        """Makes `run` return soon. What runs then stays marked as running, and is taken up by the next owner."""
        self._stopped = True
        self.wake()

    def run(self, executor: Executor, *, until_idle: bool = False) -> None:
        """Works until `stop`, or until nothing is left to do. May be called again with another executor.

        The executor is tended by the clock, however much there is to hear.
        """
        self._forget_former_runs()
        tend_at_s = clock.now_s() + TEND_EVERY_S
        while not self._stopped:
            self._start_what_fits(executor)
            if until_idle and not self._running:
                return
            message = self._next_message(tend_at_s)
            if clock.now_s() >= tend_at_s:
                self._stop_what_nobody_waits_for(executor)
                executor.tend()
                tend_at_s = clock.now_s() + TEND_EVERY_S
            if isinstance(message, Event):
                self._handle(message)
            elif message in self._running:
                executor.cancel(message)

    def _forget_former_runs(self) -> None:
        """What a former executor told is void: its jobs were queued again."""
        self._running.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                self._inbox.get_nowait()

    def _next_message(self, until_s: float) -> Event | str | None:
        try:
            return self._inbox.get(timeout=max(0.0, until_s - clock.now_s()))
        except queue.Empty:
            return None

    def _start_what_fits(self, executor: Executor) -> None:
        """One job is never in two workers: one that was sent anew waits for the end of the attempt that still runs."""
        while tasks := [
            (kind, task) for kind in executor.free_kinds() if (task := self._jobs.take(kind, self._running))
        ]:
            for kind, task in tasks:
                self._running.add(task.job_id)
                executor.start(self._with_siblings(task, kind), kind)

    def _stop_what_nobody_waits_for(self, executor: Executor) -> None:
        """A running job whose row was damaged has failed, and may have been deleted, while its worker goes on."""
        for job_id in self._running:
            if not self._jobs.is_active(job_id):
                executor.cancel(job_id)

    def _with_siblings(self, task: Task, kind: DeviceKind) -> Task:
        from bridge.clips import registry

        if not (task.request.into or registry.paints_together(task.request.painter)):
            return task
        return dataclasses.replace(task, siblings=self._jobs.siblings(task, kind))

    def _handle(self, event: Event) -> None:
        if event.kind is EventKind.PROGRESS:
            self._jobs.progress(event.job_id, event.progress, event.stage)
            if event.preview and self._on_preview:
                self._on_preview(event.job_id, event.preview)
            return
        self._running.discard(event.job_id)
        if event.kind is EventKind.DONE:
            self._after_done(event)
        elif event.kind is EventKind.CANCELLED:
            self._jobs.cancelled(event.job_id)
        elif event.kind is EventKind.OUT_OF_MEMORY:
            self._after_out_of_memory(event)
        elif event.kind is EventKind.CRASHED:
            self._after_crash(event)
        else:
            self._jobs.fail(event.job_id, event.message)

    def _after_done(self, event: Event) -> None:
        fault = self._fault_of(event.clip, self._jobs.get(event.job_id).request) if event.clip else "it is not there"
        if fault or event.clip is None:
            self._jobs.fail(event.job_id, f"The clip that was made cannot be used: {fault}. Generate the shot again.")
            return
        self._jobs.done(event.job_id, event.clip)
        self._speeds.record(event.clip, event.device, event.peak_memory_bytes)

    def _after_out_of_memory(self, event: Event) -> None:
        level = self._jobs.memory_level(event.job_id) + 1
        if level > CHEAPEST_MEMORY_LEVEL:
            self._jobs.fail(
                event.job_id,
                "Out of memory even with the most careful settings: choose a smaller size or another engine."
                f" ({event.message})",
            )
        else:
            log.warning("job %s ran out of memory: memory level %d next", event.job_id, level)
            note = f"out of memory: retried with memory level {level} of {CHEAPEST_MEMORY_LEVEL}"
            self._jobs.again(event.job_id, note, memory_level=level, crashes=self._jobs.crashes(event.job_id))

    def _after_crash(self, event: Event) -> None:
        crashes = self._jobs.crashes(event.job_id) + 1
        log.warning("job %s crashed (%d): %s", event.job_id, crashes, event.message)
        if crashes > RETRIES_AFTER_CRASH:
            self._jobs.fail(event.job_id, f"Crashed {crashes} times: {event.message}")
        else:
            level = self._jobs.memory_level(event.job_id)
            note = f"crashed: retried ({crashes} of {RETRIES_AFTER_CRASH})"
            self._jobs.again(event.job_id, note, memory_level=level, crashes=crashes)
