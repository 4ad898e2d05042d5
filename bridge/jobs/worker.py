# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that makes clips, one at a time: tasks come in on standard input, events go out on standard output.

Both are lines of JSON. When standard input ends, the process that started this one is gone, and so it goes too.
"""

import argparse
import base64
import contextlib
import importlib
import io
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from blender_addon.core import codec
from bridge.common import files
from bridge.common.errors import BeatboardError, Cancelled
from bridge.common.store import Store
from bridge.jobs.executor import Event, EventKind, Task

if TYPE_CHECKING:
    from bridge.common.frames import Frame

PROGRESS_PAUSE_S = 0.1
PREVIEW_PAUSE_S = 0.5
PREVIEW_WIDTH_PX = 320
TURN_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the standard input: a task to start, or a job to stop."""

    task: Task | None = None
    cancel: str | None = None


class TaskWork:
    """The `bridge.clips.base.Work` of one task."""

    def __init__(
        self, task: Task, folder: Path, store: Store, send: Callable[[Event], None], turn: Path | None = None
    ) -> None:
        self.folder = folder
        self._turn = turn
        self._held = contextlib.ExitStack()
        self.memory_level = task.memory_level
        self.siblings = task.siblings
        self.painters = task.painters
        self.cancelled = threading.Event()
        self._job_id = task.job_id
        self._store = store
        self._send = send
        self._stage = ""
        self._told_at_s = self._shown_at_s = 0.0

    @contextlib.contextmanager
    def device(self) -> Iterator[None]:
        """Waits for this worker's turn; lets the next one have the device, and its memory, afterwards.

        Raises:
            Cancelled: the user asked to stop meanwhile.
        """
        if self._turn is None:
            yield
            return
        with self._held:
            self._held.enter_context(
                files.locked(self._turn, lambda: self.report(0.0, "waiting for the GPU"), TURN_PAUSE_S)
            )
            try:
                yield
            finally:
                free_device_memory()

    def hand_over(self, rest_gib: float) -> None:
        """Ends this worker's turn early, if the device has room for the rest of its shot beside the next one."""
        if self._turn is None:
            return
        free_device_memory()
        if has_room(2 * rest_gib):
            self._held.close()

    def file(self, sha256: str) -> Path:
        """Where the file with this content is."""
        return self._store.path(sha256)

    def report(self, progress: float, stage: str, preview: "Frame | None" = None) -> None:
        """Passes it on, but no faster than anyone can look.

        Raises:
            Cancelled: the user asked to stop.
        """
        if self.cancelled.is_set():
            raise Cancelled("Cancelled.")
        now_s = time.monotonic()
        picture = ""
        if preview is not None and now_s - self._shown_at_s >= PREVIEW_PAUSE_S:
            self._shown_at_s = now_s
            picture = small_jpeg(preview)
        if picture or stage != self._stage or now_s - self._told_at_s >= PROGRESS_PAUSE_S:
            self._told_at_s, self._stage = now_s, stage
            progress = min(max(0.0, float(progress)), 1.0)  # in this order NaN becomes 0
            self._send(Event(self._job_id, EventKind.PROGRESS, progress, stage, picture))


class TaskRunner:
    """Does tasks, one at a time; any thread may cancel.

    Args:
        scratch: where each task gets its folder.
        make_clip: module:function.
        send: told how far a task is.
        turn: the file whose lock says who has the device, if several share it.
    """

    def __init__(
        self, store: Store, scratch: Path, make_clip: str, send: Callable[[Event], None], turn: Path | None = None
    ) -> None:
        self._turn = turn
        self._store = store
        self._scratch = scratch
        self._make_clip = make_clip
        self._send = send
        self._cancelled: set[str] = set()
        self._work: dict[str, TaskWork] = {}

    def warm_up(self) -> None:
        """Loads the code ahead of the first task."""
        load(self._make_clip)

    def expect(self, job_id: str) -> None:
        """A task of this job comes next: what was cancelled earlier was another attempt."""
        self._cancelled.discard(job_id)

    def cancel(self, job_id: str) -> None:
        """Lets the job's next report raise `Cancelled`, now or when it starts."""
        self._cancelled.add(job_id)
        if work := self._work.get(job_id):
            work.cancelled.set()

    def run(self, task: Task) -> Event:
        """Does a task, and gives its last event."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        work = self._work[task.job_id] = TaskWork(task, folder, self._store, self._send, self._turn)
        if task.job_id in self._cancelled:
            work.cancelled.set()
        try:
            clip = load(self._make_clip)(task.request, self._store, work)
            codec.dumps(clip)  # a number that is none must fail here, where the job is known
            return Event(task.job_id, EventKind.DONE, 1.0, clip=clip, peak_memory_bytes=peak_memory_bytes())
        except Cancelled:
            return Event(task.job_id, EventKind.CANCELLED)
        except BeatboardError as error:
            return Event(task.job_id, EventKind.REFUSED, message=str(error))
        except Exception as error:  # noqa: BLE001 - the worker's edge: whatever went wrong becomes an event
            traceback.print_exc()
            kind = EventKind.OUT_OF_MEMORY if is_out_of_memory(error) else EventKind.CRASHED
            return Event(task.job_id, kind, message=f"{type(error).__name__}: {error}")
        finally:
            del self._work[task.job_id]
            self._cancelled.discard(task.job_id)
            shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """Takes commands from a thread that reads them, and does the tasks on the main thread."""

    def __init__(self, store: Store, scratch: Path, make_clip: str, events: TextIO, turn: Path | None) -> None:
        self._events = events
        self._events_lock = threading.Lock()
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._runner = TaskRunner(store, scratch, make_clip, self._send, turn)

    def listen(self, commands: TextIO) -> None:
        """Reads commands until they end, then ends the process, whatever it is doing, and what it started."""
        for line in commands:
            command = codec.loads(Command, line)
            if command.task:
                self._runner.expect(command.task.job_id)
                self._tasks.put(command.task)
            if command.cancel:
                self._runner.cancel(command.cancel)
        end_group()

    def work(self) -> None:
        """Does one task after the other, for ever."""
        self._runner.warm_up()
        while True:
            self._send(self._runner.run(self._tasks.get()))

    def _send(self, event: Event) -> None:
        with self._events_lock:
            self._events.write(codec.dumps(event) + "\n")
            self._events.flush()


def load(name: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def small_jpeg(frame: "Frame") -> str:
    """A frame as a small JPEG, in base64."""
    from PIL import Image

    picture = Image.fromarray(frame)
    picture.thumbnail((PREVIEW_WIDTH_PX, PREVIEW_WIDTH_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether less memory would have helped. Torch's own class is known by its name: torch may not be here."""
    return isinstance(error, MemoryError) or any(c.__name__ == "OutOfMemoryError" for c in type(error).__mro__)


def peak_memory_bytes() -> int:
    """The most memory that was held: the GPU's if torch used one, else this process's."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_reserved():
        return int(torch.cuda.max_memory_reserved())
    import psutil

    info = psutil.Process().memory_info()
    return int(getattr(info, "peak_wset", info.rss))


def has_room(wanted_gib: float) -> bool:
    """Whether the device has so much memory, with some to spare."""
    from bridge.clips.gpu import devices

    return devices.room_gib(devices.best_device()) >= wanted_gib


def free_device_memory() -> None:
    """Gives back what torch keeps of the device's memory for later."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def end_group() -> None:
    """Ends this process and everything in its process group, at once."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def main() -> None:
    """Runs until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--make-clip", required=True)
    parser.add_argument("--turn", type=Path)
    arguments = parser.parse_args()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever an engine prints belongs in the log
    worker = Worker(Store(arguments.store), arguments.scratch, arguments.make_clip, events, arguments.turn)
    commands = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # and what it starts must not read the commands
    threading.Thread(target=worker.listen, args=(commands,), daemon=True).start()
    worker.work()


if __name__ == "__main__":
    main()
