# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge without its HTTP: the store, the queue, and the thread that keeps the executor busy."""

import base64
import contextlib
import functools
import logging
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.messages import NewJob, QueueStatus
from blender_addon.core.types import Clip, ClipRequest, Job, JobState
from bridge.common import clock
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.jobs import clip_check
from bridge.jobs.checks import JOB_ID, BadField, check
from bridge.jobs.devices import cpus, gpu_workers, kind_for, wants_gpu
from bridge.jobs.dispatcher import RETRIES_AFTER_CRASH, Dispatcher
from bridge.jobs.executor import MAKE_CLIP, Device, DeviceKind, Executor
from bridge.jobs.queue import ACTIVE, JobQueue, Submission
from bridge.jobs.speeds import Estimate, Speeds
from bridge.server.calls import Calls

TIDY_EVERY_S = 60.0
BACK_UP_EVERY_S = 600.0
START_AGAIN_S = 1.0
"""after a fault; each further one doubles it, up to the longest pause"""
LONGEST_PAUSE_S = 60.0
END_LIMIT_S = 10.0
"""so long the dispatcher may take to end its workers"""

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
    allowed_folders: tuple[Path, ...] | None = None
    """options of requests may name files in these folders; None: anywhere, for a bridge that only its owner reaches"""


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
        self._closing = threading.Event()
        self.jobs = JobQueue(options.home / "jobs.db", self._changed)
        self._dispatcher = Dispatcher(self.jobs, self.speeds, self._previewed, self._fault_of)
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._keeper = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self.calls = Calls(options.store, on_change, options.home / "logs" / "calls.log")
        self.fault = ""
        """why no job can start, if the executor could not"""
        self.notice = self.jobs.notice
        """what the owner should know about this start"""

    def start(self) -> None:
        """Starts working."""
        self._thread.start()
        self._keeper.start()

    def close(self) -> None:
        """Stops the workers; what ran is queued again for the next start. Takes seconds, whatever hangs."""
        self.calls.close()
        self._dispatcher.stop()
        self._closing.set()
        for thread in (self._thread, self._keeper):
            if thread.ident is not None:
                thread.join(END_LIMIT_S)
        if self._thread.is_alive() or self._keeper.is_alive():
            log.error("a thread hangs; the queue is left as after a crash")
            return
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
        for index, job in enumerate(new):
            if not JOB_ID.fullmatch(job.id):
                raise BadField(f"jobs[{index}].id", "must be 1 to 64 letters, digits, - or _")
            self._check_places(job.request, f"jobs[{index}].request.options")
            check(
                job.request,
                f"jobs[{index}].request",
                self.store.__contains__,
                any_engine=self.options.make_clip is not None,
            )
        submissions = [Submission(job.request, self._kind(job.request), job.id) for job in new]
        with self._pinned({job.id: job.request for job in new}):
            jobs = self.jobs.submit(submissions)
        self._dispatcher.wake()
        return jobs

    def cancel(self, job_id: str) -> Job:
        """Cancels a job, wherever it is."""
        return self._dispatcher.cancel(job_id)

    def delete(self, job_id: str) -> None:
        """Forgets a job that has ended."""
        self.jobs.delete(job_id)
        self._notify()

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
        queued, running = self.jobs.counts()
        estimate = self.speeds.estimate_loads(self.jobs.loads(), self._devices)
        return QueueStatus(self.jobs.paused, queued, running, estimate.seconds if estimate else None)

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
        return self.speeds.estimate(requests, self._devices)

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
        """Keeps the dispatcher running: after any fault it starts again, each time after a longer pause."""
        pause_s, unforeseen = START_AGAIN_S, False
        while not self._dispatcher.stopped:
            started_s = clock.now_s()
            try:
                self.jobs.recover(most_crashes=RETRIES_AFTER_CRASH if unforeseen else None)
                with contextlib.closing(self._executor()) as executor:
                    self.fault = ""
                    self._dispatcher.run(executor)
            except Exception as error:  # the server's edge: the queue must outlive whatever it meets
                log.exception("the queue stands still")
                self.fault = f"The queue stands still, and tries again by itself: {error}"
                unforeseen = not isinstance(error, _SURROUNDINGS)
                pause_s = START_AGAIN_S if clock.now_s() - started_s > LONGEST_PAUSE_S else pause_s
                self._closing.wait(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _keep_house(self) -> None:
        """What is done by the clock, and must not stop for anything that goes wrong with it."""
        tidy_at_s = back_up_at_s = clock.now_s()
        with _logged("what queued jobs need could not be held"):
            self._pin_for_active_jobs()
        while not self._closing.is_set():
            with _logged("the calls could not be looked after"):
                self.calls.tend()
            if clock.now_s() >= tidy_at_s:
                tidy_at_s = clock.now_s() + TIDY_EVERY_S
                with _logged("the store could not be trimmed"):
                    self._let_go_of_ended_jobs()
                    self.store.trim()
            if clock.now_s() >= back_up_at_s:
                back_up_at_s = clock.now_s() + BACK_UP_EVERY_S
                with _logged("the queue could not be backed up"):
                    self.jobs.back_up()
            self._closing.wait(1.0)

    def _check_places(self, request: ClipRequest, where: str) -> None:
        """Makes sure that no option names a file of this machine that isn't its owner's to share, or another server.

        Raises:
            BadField: one does. What is there, or not, makes no difference to the answer.
        """
        if self.options.allowed_folders is None:
            return
        for name, value in request.options:
            if "://" in value:
                raise BadField(where, f"{name} names a server, which only the owner of this bridge may do")
            for place in re.split(r"[,;]\s*", value):
                without_weight = re.sub(r":[\d.]*$", "", place.strip())
                if _LEADS_AWAY.search(without_weight) and not self._is_allowed(Path(without_weight).expanduser()):
                    raise BadField(where, f"{name} names a file outside of the folders that this bridge allows")

    def _is_allowed(self, place: Path) -> bool:
        return any(place.resolve().is_relative_to(folder.resolve()) for folder in self.options.allowed_folders or ())

    def _executor(self) -> Executor:
        make_clip = self.options.make_clip or MAKE_CLIP
        if self.options.cluster:
            from bridge.jobs.ray_executor import RayExecutor

            return RayExecutor(self.store, self.options.cluster, self._dispatcher.on_event, make_clip=make_clip)
        from bridge.jobs.local import LocalExecutor

        logs = self.options.home / "logs"
        return LocalExecutor(
            self.options.store, self._devices, self._dispatcher.on_event, log_folder=logs, make_clip=make_clip
        )

    def _kind(self, request: ClipRequest) -> DeviceKind:
        if self.options.cluster:  # which has what it needs, or takes the CPU for it
            return DeviceKind.GPU if wants_gpu(request) else DeviceKind.CPU
        return kind_for(request)

    @functools.cached_property
    def _devices(self) -> list[Device]:
        """Asked once: `nvidia-smi` takes its time, and every look at the queue needs them."""
        return [*gpu_workers(), *cpus(self.options.cpu_workers)]

    def _changed(self, job_id: str, state: JobState) -> None:
        if state not in ACTIVE:
            self._previews.pop(job_id, None)
            with _logged("a job's files are still held"):  # until the house is tidied
                self.store.unpin(f"job:{job_id}")
        self._notify()

    def _fault_of(self, clip: Clip, request: ClipRequest) -> str:
        return clip_check.fault_of(clip, request, self.store)

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

    def _let_go_of_ended_jobs(self, job_ids: Iterable[str] | None = None) -> None:
        for owner in [f"job:{i}" for i in job_ids] if job_ids is not None else self.store.owners():
            if owner.startswith("job:") and not self.jobs.is_active(owner.removeprefix("job:")):
                self.store.unpin(owner)

    def _pin_for_active_jobs(self) -> None:
        """Holds again what an index that was lost held for queued jobs."""
        held = self.store.owners()
        loose = [job_id for job_id in self.jobs.active_ids() if f"job:{job_id}" not in held]
        for sha256, job_id in self.jobs.needed_files(loose):
            if sha256 in self.store:
                self.store.pin(sha256, f"job:{job_id}")


_LEADS_AWAY = re.compile(r"^[/~\\]|^[A-Za-z]:[\\/]|(^|[\\/])\.\.([\\/]|$)")
"""an absolute place, or one above the working folder"""
_SURROUNDINGS = (BadInput, OSError, sqlite3.Error, RuntimeError, MemoryError)
"""what can go wrong without any job's fault: a full disk, a lost cluster, no thread left"""


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception(what)
