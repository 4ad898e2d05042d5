# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on a Ray cluster (extra `cluster`): an actor per GPU, or per core where no GPU is needed.

Ray places the actors, restarts those whose process or node is lost, and runs their tasks again. Each has the worker
processes that its device would have on a machine of its own. Files go to a node once, by content hash; clips come back
as bytes and are checked against theirs.
"""

import dataclasses
import logging
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import blender_addon
import bridge
from blender_addon.core import codec
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.jobs.executor import MAKE_CLIP, Device, DeviceKind, Event, EventKind, Task

NODE_STORE_LIMIT_BYTES = 20 * 2**30
CALLS_AT_ONCE = 4
"""by an actor: two shots, and cancels of both"""
TASK_RETRIES = 2
"""by Ray, after the loss of a process or a node"""
CANCEL_LIMIT_S = 30.0
"""an actor that has not stopped by then is lost with its node, or never had one: it stops its workers within seconds"""
TEND_EVERY_S = 1.0
LOOK_EVERY_S = 0.1
SEATS_PER_LOOK = 20
"""with more actors we look less often, so that progress costs the same however many there are"""
ANSWER_LIMIT_S = 60.0
COUNT_EVERY_S = 10.0
"""how often the cluster is asked whether it has grown"""

log = logging.getLogger(__name__)


class ClipActor:
    """The workers of one device of some node: two processes on a large GPU, else one."""

    def __init__(self, kind: DeviceKind, make_clip: str, mailbox: Any) -> None:
        from bridge.jobs.local import LocalExecutor

        folder = Path(tempfile.gettempdir()) / "beatboard-node"
        self._store = Store(folder, limit_bytes=NODE_STORE_LIMIT_BYTES)
        self._mailbox = mailbox
        self._kind = kind
        self._lock = threading.Lock()
        self._ends: dict[str, queue.SimpleQueue[Event]] = {}
        self._workers = _workers(kind)
        self._executor = LocalExecutor(folder, self._workers, self._hear, make_clip=make_clip)
        threading.Thread(target=self._tend, name="tend", daemon=True).start()

    def worker_count(self) -> int:
        """How many tasks it does at a time."""
        return len(self._workers)

    def make(self, task_text: str, files: dict[str, list[Any]]) -> tuple[str, bytes]:
        """The task's last event and, if it is done, the clip's bytes.

        Args:
            files: by hash, a reference to the bytes (in a list, so that Ray doesn't fetch what is here already).
        """
        import ray

        task = codec.loads(Task, task_text)
        with self._lock:
            for sha256, (reference,) in files.items():
                if sha256 not in self._store:
                    self._store.put_bytes(ray.get(reference))
            end = self._ends[task.job_id] = queue.SimpleQueue()
            self._executor.start(task, self._kind)
        event = end.get()
        data = self._store.path(event.clip.sha256).read_bytes() if event.clip else b""
        self._store.trim()
        return codec.dumps(event), data

    def cancel(self, job_id: str) -> None:
        """Stops the job within seconds, whatever it does."""
        with self._lock:  # a task whose files still come is not known to its worker yet
            self._executor.cancel(job_id)

    def _hear(self, event: Event) -> None:
        if event.kind is EventKind.PROGRESS:
            self._mailbox.put.remote(event.job_id, codec.dumps(event))
        else:
            self._ends.pop(event.job_id).put(event)

    def _tend(self) -> None:
        while True:
            time.sleep(TEND_EVERY_S)
            self._executor.tend()


class Mailbox:
    """Where actors put how far they are, and the driver takes it from."""

    def __init__(self) -> None:
        self._newest: dict[str, str] = {}

    def put(self, job_id: str, event: str) -> None:
        """From an actor."""
        self._newest[job_id] = event

    def take(self) -> list[str]:
        """From the driver: the newest event of each job since the last time."""
        newest, self._newest = self._newest, {}
        return list(newest.values())


@dataclasses.dataclass
class Seat:
    """One actor, and what it is doing."""

    kind: DeviceKind
    actor: Any
    asked: Any
    """a reference to its `worker_count`, until it has answered"""
    worker_count: int = 1
    tasks: dict[Any, Task] = dataclasses.field(default_factory=dict)
    """by the reference to what `make` will return"""
    cancelled_at_s: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def free_count(self) -> int:
        return self.worker_count - len(self.tasks)


class RayExecutor:
    """Actors on a cluster.

    Args:
        store: where inputs are read from and clips are put.
        address: "ray://host:10001", "auto" for the cluster of this machine, "local" to start one here.
        on_event: called from the executor's own thread.
        make_clip: module:function.

    Raises:
        BadInput: Ray is not installed, or no cluster answers.
    """

    def __init__(
        self, store: Store, address: str, on_event: Callable[[Event], None], *, make_clip: str = MAKE_CLIP
    ) -> None:
        self._ray = connect(address)
        self._store = store
        self._on_event = on_event
        self._make_clip = make_clip
        self._lock = threading.RLock()
        self._files: dict[str, Any] = {}
        self._mailbox = self._ray.remote(num_cpus=0)(Mailbox).remote()
        self._seats: list[Seat] = []
        self._painters = 1
        self._counted_at_s = 0.0
        self._lost = ""
        self._closed = threading.Event()
        self._add_seats()
        self._thread = threading.Thread(target=self._follow, name="ray", daemon=True)
        self._thread.start()

    def free_kinds(self) -> tuple[DeviceKind, ...]:
        """The kinds that have a free actor; without any GPU in the cluster, the CPU's actors take everything."""
        with self._lock:
            free = {seat.kind for seat in self._seats if seat.free_count > 0}
            has_gpu = any(seat.kind is DeviceKind.GPU for seat in self._seats)
            if DeviceKind.CPU in free and not has_gpu:
                return (DeviceKind.CPU, DeviceKind.GPU)[: sum(seat.free_count for seat in self._seats)]
        return tuple(free)

    def start(self, task: Task, kind: DeviceKind) -> None:
        """Sends the task to the actor that has least to do."""
        with self._lock:
            free = [seat for seat in self._seats if seat.free_count > 0]
            seat = min(free, key=lambda seat: (seat.kind is not kind, len(seat.tasks)))
            task = dataclasses.replace(task, painters=self._painters)
            seat.tasks[seat.actor.make.remote(codec.dumps(task), self._references(task))] = task

    def cancel(self, job_id: str) -> None:
        """Asks the actor to stop; `tend` replaces it if it doesn't."""
        with self._lock:
            for seat in self._seats:
                if any(task.job_id == job_id for task in seat.tasks.values()) and job_id not in seat.cancelled_at_s:
                    seat.cancelled_at_s[job_id] = time.monotonic()
                    seat.actor.cancel.remote(job_id)

    def tend(self) -> None:
        """Replaces actors that do not answer a cancel; takes up what the cluster grew by.

        Raises:
            BadInput: the cluster is lost.
        """
        if self._lost:
            raise BadInput(f"The Ray cluster does not answer any more: {self._lost}")
        with self._lock:
            for seat in self._seats:
                if any(time.monotonic() - since_s > CANCEL_LIMIT_S for since_s in seat.cancelled_at_s.values()):
                    self._replace(seat)
            if time.monotonic() - self._counted_at_s > COUNT_EVERY_S:
                self._add_seats()

    def close(self) -> None:
        """Ends the actors and leaves the cluster."""
        self._closed.set()
        self._thread.join()
        with self._lock:
            for seat in self._seats:
                self._ray.kill(seat.actor)
        self._ray.kill(self._mailbox)
        self._ray.shutdown()

    # Inside

    def _add_seats(self) -> None:
        self._counted_at_s = time.monotonic()
        resources = self._ray.cluster_resources()
        gpu_count = int(resources.get("GPU", 0))
        self._painters = max([1, *(int(node["Resources"].get("GPU", 0)) for node in self._ray.nodes())])
        wanted = {DeviceKind.GPU: gpu_count, DeviceKind.CPU: max(1, int(resources.get("CPU", 1)) - gpu_count)}
        for kind, count in wanted.items():
            have = sum(seat.kind is kind for seat in self._seats)
            self._seats += [self._new_seat(kind) for _ in range(count - have)]

    def _new_seat(self, kind: DeviceKind) -> Seat:
        needs = {"num_gpus": 1} if kind is DeviceKind.GPU else {}
        actor = (
            self._ray.remote(ClipActor)
            .options(num_cpus=1, max_restarts=-1, max_task_retries=TASK_RETRIES, max_concurrency=CALLS_AT_ONCE, **needs)
            .remote(kind, self._make_clip, self._mailbox)
        )
        return Seat(kind, actor, actor.worker_count.remote())

    def _references(self, task: Task) -> dict[str, list[Any]]:
        wanted = filter(None, (task.request.cover_sha256, task.request.character_sha256))
        for sha256 in wanted:
            if sha256 not in self._files and sha256 in self._store:
                self._files[sha256] = self._ray.put(self._store.path(sha256).read_bytes())
        names = (task.request.cover_sha256, task.request.character_sha256)
        return {sha256: [self._files[sha256]] for sha256 in names if sha256 and sha256 in self._files}

    def _follow(self) -> None:
        try:
            while not self._closed.wait(LOOK_EVERY_S * max(1, len(self._seats) // SEATS_PER_LOOK)):
                self._pass_on_progress()
                self._receive_results()
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            self._lost = f"{type(error).__name__}: {error}"
            log.error("cluster lost: %s", error)

    def _pass_on_progress(self) -> None:
        for text in self._ray.get(self._mailbox.take.remote(), timeout=ANSWER_LIMIT_S):
            event = codec.loads(Event, text)
            with self._lock:
                is_ours = any(task.job_id == event.job_id for seat in self._seats for task in seat.tasks.values())
            if is_ours:
                self._on_event(event)

    def _receive_results(self) -> None:
        with self._lock:
            expected = {seat.asked: seat for seat in self._seats if seat.asked is not None}
            expected |= {result: seat for seat in self._seats for result in seat.tasks}
        ready = self._ray.wait(list(expected), num_returns=len(expected), timeout=0)[0] if expected else []
        for result in ready:
            self._receive(expected[result], result)

    def _receive(self, seat: Seat, result: Any) -> None:
        try:
            answer = self._ray.get(result)
        except self._ray.exceptions.RayError as error:
            answer = error
        with self._lock:
            if result == seat.asked:
                seat.asked = None
                seat.worker_count = answer if isinstance(answer, int) else 1
                return
            task = seat.tasks.pop(result, None)
            if task is None:  # the actor was replaced meanwhile
                return
            seat.cancelled_at_s.pop(task.job_id, None)
        self._on_event(self._last_event(task, answer))

    def _last_event(self, task: Task, answer: Any) -> Event:
        if isinstance(answer, Exception):
            return Event(task.job_id, EventKind.CRASHED, message=f"{type(answer).__name__}: {answer}")
        text, data = answer
        event = codec.loads(Event, text)
        if event.clip and self._store.put_bytes(data) != event.clip.sha256:
            return Event(task.job_id, EventKind.CRASHED, message="the clip came back damaged")
        return event

    def _replace(self, seat: Seat) -> None:
        """Ends the actor and puts another in its place; its other task, if it has one, counts as crashed."""
        self._ray.kill(seat.actor)
        self._seats[self._seats.index(seat)] = self._new_seat(seat.kind)
        for task in seat.tasks.values():
            is_cancelled = task.job_id in seat.cancelled_at_s
            kind = EventKind.CANCELLED if is_cancelled else EventKind.CRASHED
            self._on_event(Event(task.job_id, kind, message="its worker did not answer"))


def connect(address: str) -> Any:
    """The `ray` module, connected.

    Raises:
        BadInput: it is not installed, or no cluster answers there.
    """
    try:
        import ray
    except ImportError:
        raise BadInput(
            "Ray is not installed; install Beatboard with its extra: pip install 'beatboard[cluster]'"
        ) from None
    modules = [str(Path(module.__file__ or "").parent) for module in (bridge, blender_addon)]
    try:
        ray.init(
            address=None if address == "local" else address,
            runtime_env={"py_modules": modules},
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise BadInput(f"No Ray cluster answers at {address}: {error}") from None
    return ray


def _workers(kind: DeviceKind) -> tuple[Device, ...]:
    """Those for the device that Ray gave to this process."""
    import ray

    from bridge.jobs import devices

    if kind is DeviceKind.CPU:
        return tuple(devices.cpus(1))
    return devices.gpu_workers() or (Device(kind, int(ray.get_gpu_ids()[0]), "GPU"),)
