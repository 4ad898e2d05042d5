# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on this machine: a worker process per device, so that cancelling one ends its memory and not ours."""

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from blender_addon.core import codec
from bridge.common import paths
from bridge.common.cores import cores
from bridge.jobs.executor import MAKE_CLIP, Device, DeviceKind, Event, EventKind, Task
from bridge.jobs.worker import Command

CANCEL_GRACE_S = 5.0
"""how long an engine may take to notice that it was cancelled"""
IDLE_LIMIT_S = 300.0
"""after this long without work, a worker gives its memory back"""
SILENCE_LIMIT_S = 1800.0
"""a worker that says nothing for so long hangs; compiling a model takes minutes"""
LOG_LIMIT_BYTES = 5_000_000
LOG_TAIL_LINES = 20


class LocalExecutor:
    """Worker processes on these devices. They start with their first task.

    Args:
        store: the store's folder.
        devices: each is a worker; those of one GPU take turns on it.
        on_event: called from the workers' threads.
        log_folder: where the workers' logs go; beside the scratch space if not given.
        make_clip: module:function, see `MAKE_CLIP`.
    """

    def __init__(
        self,
        store: Path,
        devices: Sequence[Device],
        on_event: Callable[[Event], None],
        *,
        log_folder: Path | None = None,
        make_clip: str = MAKE_CLIP,
    ) -> None:
        self._scratch = own_scratch(store)
        logs = log_folder or self._scratch
        cpu_count = sum(device.kind is DeviceKind.CPU for device in devices)
        command = (sys.executable, "-m", "bridge.jobs.worker", "--store", str(store), "--make-clip", make_clip)
        command += ("--scratch", str(self._scratch))
        self._lanes = [
            Lane(
                device,
                (*command, *self._turn(device)),
                _environment(device, cpu_count),
                logs / f"worker-{device.name}.log",
                on_event,
            )
            for device in devices
        ]

    def _turn(self, device: Device) -> tuple[str, ...]:
        """The file whose lock says which of a GPU's workers has its turn."""
        if device.kind is DeviceKind.CPU:
            return ()
        return ("--turn", str(self._scratch / f"{device.kind}{device.index}.turn"))

    def warm_up(self, count: int) -> None:
        """Starts so many workers ahead of their first task."""
        for lane in self._lanes[:count]:
            lane.warm_up()

    def free_kinds(self) -> tuple[DeviceKind, ...]:
        """The kinds of device that have a free worker."""
        return tuple({lane.device.kind for lane in self._lanes if lane.is_free})

    def start(self, task: Task, kind: DeviceKind) -> None:
        """Gives the task to a free worker, one that is already up if possible."""
        lanes = [lane for lane in self._lanes if lane.device.kind is kind]
        painters = len({lane.device.index for lane in lanes})
        task = dataclasses.replace(task, painters=max(task.painters, painters))  # a node may have other executors' too
        max((lane for lane in lanes if lane.is_free), key=lambda lane: lane.is_up).start(task)

    def cancel(self, job_id: str) -> None:
        """Asks the worker to stop; `tend` kills it if it doesn't."""
        for lane in self._lanes:
            lane.cancel(job_id)

    def tend(self) -> None:
        """Kills workers that hang or ignored a cancel; stops those that idle."""
        for lane in self._lanes:
            lane.tend()

    def close(self) -> None:
        """Kills the workers, waits for their ends and empties the scratch space."""
        for lane in self._lanes:
            lane.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


class Lane:
    """One device and the worker process on it. Every change is made under the lock."""

    def __init__(
        self,
        device: Device,
        command: tuple[str, ...],
        environment: dict[str, str],
        log: Path,
        on_event: Callable[[Event], None],
    ) -> None:
        self.device = device
        self._command = command
        self._environment = environment
        self._log = log
        self._on_event = on_event
        self._lock = threading.RLock()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._task: Task | None = None
        self._cancelled_at_s: float | None = None
        self._heard_at_s = time.monotonic()
        self._closed = False

    @property
    def is_free(self) -> bool:
        return self._task is None and not self._closed

    @property
    def is_up(self) -> bool:
        return self._process is not None

    def warm_up(self) -> None:
        """Starts the worker if it isn't up."""
        with self._lock:
            if self._process is None and not self._closed:
                self._spawn()

    def start(self, task: Task) -> None:
        """Sends the task to the worker."""
        with self._lock:
            self.warm_up()
            self._task, self._cancelled_at_s, self._heard_at_s = task, None, time.monotonic()
            self._send(Command(task=task))

    def cancel(self, job_id: str) -> None:
        """Asks the worker to stop, if this is its job."""
        with self._lock:
            if self._task and self._task.job_id == job_id and self._cancelled_at_s is None:
                self._cancelled_at_s = time.monotonic()
                self._send(Command(cancel=job_id))

    def tend(self) -> None:
        """Kills a worker that hangs or didn't stop when asked; its reader tells of its end. Stops one that idles."""
        with self._lock:
            if self._process is None:
                return
            now_s = time.monotonic()
            ignored = self._cancelled_at_s is not None and now_s - self._cancelled_at_s > CANCEL_GRACE_S
            silent_s = now_s - self._heard_at_s
            if self._task and (ignored or silent_s > SILENCE_LIMIT_S):
                _kill(self._process)
            elif self._task is None and silent_s > IDLE_LIMIT_S:
                self._let_go()

    def close(self) -> None:
        """Kills the worker and waits for its end. No event follows."""
        with self._lock:
            self._closed = True
            self._task = None
            self._let_go()

    def _spawn(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        keep = self._log.exists() and self._log.stat().st_size < LOG_LIMIT_BYTES
        with self._log.open("a" if keep else "w") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then end the workers in order
            )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _send(self, command: Command) -> None:
        assert self._process
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has died: its reader tells so
            self._process.stdin.write(codec.dumps(command) + "\n")
            self._process.stdin.flush()

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Passes the worker's events on; runs in a thread of its own until the worker ends."""
        assert process.stdout
        with process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # else it died in the middle of it
                    self._hear(process, codec.loads(Event, line))
        code = process.wait()
        _kill(process)  # what it started may have outlived it
        self._mourn(process, code)

    def _hear(self, process: subprocess.Popen[str], event: Event) -> None:
        with self._lock:
            if self._process is not process or self._task is None or self._task.job_id != event.job_id:
                return
            self._heard_at_s = time.monotonic()
            if event.kind is not EventKind.PROGRESS:
                self._task = None
                if self._should_free_memory(event.kind):
                    self._let_go()
        self._on_event(dataclasses.replace(event, device=self.device.model))

    def _should_free_memory(self, kind: EventKind) -> bool:
        gave_up = kind is EventKind.CANCELLED and self.device.kind is DeviceKind.GPU
        return gave_up or kind in (EventKind.OUT_OF_MEMORY, EventKind.CRASHED)

    def _mourn(self, process: subprocess.Popen[str], code: int) -> None:
        """Tells of the end of a worker that had a task."""
        with self._lock:
            if self._process is not process:
                return
            self._process = None
            task, self._task = self._task, None
            cancelled = self._cancelled_at_s is not None
        if task is None:
            return
        if cancelled:
            self._on_event(Event(task.job_id, EventKind.CANCELLED, device=self.device.model))
        else:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            message = f"the worker process ended with {how}; its log {self._log} ends with:\n{_tail(self._log)}"
            self._on_event(Event(task.job_id, EventKind.CRASHED, message=message, device=self.device.model))

    def _let_go(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            _kill(process)
            process.wait()
            assert process.stdin
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends a worker and what it started, at once: whatever it held in the store is whole or not there."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _environment(device: Device, cpu_count: int) -> dict[str, str]:
    """The worker's: only its own GPU, its share of the cores, and this code."""
    environment = paths.child_environment(PYTHONUNBUFFERED="1")
    if device.kind is DeviceKind.GPU:
        environment["CUDA_VISIBLE_DEVICES"] = str(device.index)
        # pieces of freed memory join, so that what one step needs isn't lost between what others left
        environment.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    else:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // cpu_count)))
    return environment


def own_scratch(store: Path) -> Path:
    """A folder for this process; those of processes that are no more are removed."""
    import psutil

    root = store / "work"
    root.mkdir(parents=True, exist_ok=True)
    for folder in root.iterdir():
        pid = folder.name.partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=root, prefix=f"{os.getpid()}-"))


def _tail(log: Path) -> str:
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        return "".join(file.readlines()[-LOG_TAIL_LINES:]).strip()
