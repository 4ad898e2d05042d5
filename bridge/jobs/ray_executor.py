# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on a Ray cluster (extra `cluster`): an actor per GPU, or per core where no GPU is needed.

Ray places the actors, restarts those whose process or node is lost, and runs their task again. Files go to a node
once, by content hash; clips come back as bytes and are checked against theirs.
"""

import contextlib
import dataclasses
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import blender_addon
import bridge
from blender_addon import codec
from bridge.errors import BadInput
from bridge.jobs.executor import MAKE_CLIP, DeviceKind, Event, EventKind, Task
from bridge.store import Store

NODE_STORE_LIMIT_BYTES = 20 * 2**30
TASK_RETRIES = 2
"""by Ray, after the loss of a process or a node"""
CANCEL_GRACE_S = 5.0
LOOK_EVERY_S = 0.1
SEATS_PER_LOOK = 20
"""with more actors we look less often, so that progress costs the same however many there are"""
ANSWER_LIMIT_S = 60.0
COUNT_EVERY_S = 10.0
"""how often the cluster is asked whether it has grown"""

log = logging.getLogger(__name__)


class ClipActor:
    """Makes clips on a node, one at a time; a second thread takes cancels."""

    def __init__(self, make_clip: str, mailbox: Any) -> None:
        from bridge.jobs.local import own_scratch
        from bridge.jobs.worker import TaskRunner

        folder = Path(tempfile.gettempdir()) / "beatboard-node"
        self._store = Store(folder, limit_bytes=NODE_STORE_LIMIT_BYTES)
        self._mailbox = mailbox
        self._runner = TaskRunner(self._store, own_scratch(folder), make_clip, self._send)

    def make(self, task_text: str, files: dict[str, list[Any]]) -> tuple[str, bytes]:
        """The task's last event and, if it is done, the clip's bytes.

        Args:
            files: by hash, a reference to the bytes (in a list, so that Ray doesn't fetch what is here already).
        """
        import ray

        task = codec.loads(Task, task_text)
        self._runner.expect(task.job_id)
        for sha256, (reference,) in files.items():
            if sha256 not in self._store:
                self._store.put_bytes(ray.get(reference))
        event = dataclasses.replace(self._runner.run(task), device=_device_model())
        data = self._store.path(event.clip.sha256).read_bytes() if event.clip else b""
        self._store.trim()
        return codec.dumps(event), data

    def cancel(self, job_id: str) -> None:
        """Lets the job stop at its next report."""
        self._runner.cancel(job_id)

    def _send(self, event: Event) -> None:
        self._mailbox.put.remote(event.job_id, codec.dumps(event))


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
    task: Task | None = None
    result: Any = None
    """a reference to what `make` will return"""
    cancelled_at_s: float | None = None


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
            free = {seat.kind for seat in self._seats if seat.task is None}
            has_gpu = any(seat.kind is DeviceKind.GPU for seat in self._seats)
        if DeviceKind.CPU in free and not has_gpu:
            return (DeviceKind.CPU, DeviceKind.GPU)[: sum(seat.task is None for seat in self._seats)]
        return tuple(free)

    def start(self, task: Task, kind: DeviceKind) -> None:
        """Sends the task to a free actor."""
        with self._lock:
            free = [seat for seat in self._seats if seat.task is None]
            seat = next((seat for seat in free if seat.kind is kind), free[0])
            seat.task, seat.cancelled_at_s = dataclasses.replace(task, painters=self._painters), None
            seat.result = seat.actor.make.remote(codec.dumps(seat.task), self._references(task))

    def cancel(self, job_id: str) -> None:
        """Asks the actor to stop; `tend` restarts it if it doesn't."""
        with self._lock:
            for seat in self._seats:
                if seat.task and seat.task.job_id == job_id and seat.cancelled_at_s is None:
                    seat.cancelled_at_s = time.monotonic()
                    seat.actor.cancel.remote(job_id)

    def tend(self) -> None:
        """Restarts actors that ignore a cancel; takes up what the cluster grew by.

        Raises:
            BadInput: the cluster is lost.
        """
        if self._lost:
            raise BadInput(f"The Ray cluster does not answer any more: {self._lost}")
        with self._lock:
            for seat in self._seats:
                if seat.cancelled_at_s is not None and time.monotonic() - seat.cancelled_at_s > CANCEL_GRACE_S:
                    self._end(seat, Event(seat.task.job_id, EventKind.CANCELLED) if seat.task else None)
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
            self._seats += [Seat(kind, self._new_actor(kind)) for _ in range(count - have)]

    def _new_actor(self, kind: DeviceKind) -> Any:
        needs = {"num_gpus": 1} if kind is DeviceKind.GPU else {}
        return (
            self._ray.remote(ClipActor)
            .options(num_cpus=1, max_restarts=-1, max_task_retries=TASK_RETRIES, max_concurrency=2, **needs)
            .remote(self._make_clip, self._mailbox)
        )

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
            if any(seat.task and seat.task.job_id == event.job_id for seat in self._seats):
                self._on_event(event)

    def _receive_results(self) -> None:
        with self._lock:
            busy = {seat.result: seat for seat in self._seats if seat.result is not None}
        ready = self._ray.wait(list(busy), num_returns=len(busy), timeout=0)[0] if busy else []
        for result in ready:
            self._receive(busy[result])

    def _receive(self, seat: Seat) -> None:
        if seat.task is None:
            return
        try:
            text, data = self._ray.get(seat.result)
            event = codec.loads(Event, text)
            if event.clip and self._store.put_bytes(data) != event.clip.sha256:
                event = Event(seat.task.job_id, EventKind.CRASHED, message="the clip came back damaged")
        except self._ray.exceptions.RayError as error:
            event = Event(seat.task.job_id, EventKind.CRASHED, message=f"{type(error).__name__}: {error}")
        with self._lock:
            if event.kind is EventKind.OUT_OF_MEMORY or (
                event.kind is EventKind.CANCELLED and seat.kind is DeviceKind.GPU
            ):
                self._end(seat, event)
            else:
                self._free(seat, event)

    def _end(self, seat: Seat, event: Event | None) -> None:
        """Replaces the actor, which ends its memory."""
        self._ray.kill(seat.actor)
        seat.actor = self._new_actor(seat.kind)
        self._free(seat, event)

    def _free(self, seat: Seat, event: Event | None) -> None:
        seat.task = seat.result = seat.cancelled_at_s = None
        if event:
            self._on_event(event)


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


def _device_model() -> str:
    """The GPU's name, or the CPU's; speeds are kept per model."""
    from bridge.jobs.devices import cpus, gpus

    with contextlib.suppress(IndexError):
        return gpus()[0].model
    return cpus(1)[0].model
