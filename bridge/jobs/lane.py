# SPDX-License-Identifier: GPL-3.0-or-later
"""One device and the worker process on it.

Nobody who holds the lane's lock ever waits for the worker: commands are written by a thread of their own, events are
read by another, and `tend`, which is called by the clock, notices whatever happens to either of them.
"""

import contextlib
import dataclasses
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from blender_addon.core import codec
from bridge.common import clock, files
from bridge.jobs.executor import Device, DeviceKind, Event, EventKind, Task
from bridge.jobs.worker import Command

CANCEL_GRACE_S = 5.0
"""how long an engine may take to notice that it was cancelled"""
IDLE_LIMIT_S = 300.0
"""after this long without work, a worker gives its memory back"""
SILENCE_LIMIT_S = 1800.0
"""a worker that says nothing for so long hangs; compiling a model takes minutes"""
END_LIMIT_S = 5.0
"""a killed process ends at once, unless it waits for a broken disk: nobody waits longer than this for it"""
LONGEST_LINE = 1 << 25
LOG_LIMIT_BYTES = 5_000_000
LOG_TAIL_LINES = 20

Outbox = queue.SimpleQueue[str | None]


class Lane:
    """A worker that starts with its first task. Every change is made under the lock."""

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
        self._outbox: Outbox = queue.SimpleQueue()
        self._task: Task | None = None
        self._cancelled_at_s: float | None = None
        self._ended_at_s: float | None = None
        self._heard_at_s = clock.now_s()
        self._closed = False

    @property
    def is_free(self) -> bool:
        return self._task is None and not self._closed

    @property
    def is_up(self) -> bool:
        return self._process is not None

    def warm_up(self) -> None:
        """Starts the worker if it isn't up.

        Raises:
            OSError, RuntimeError: the system has no process or thread left to give.
        """
        with self._lock:
            if self._process is None and not self._closed:
                self._spawn()

    def start(self, task: Task) -> None:
        """Sends the task to the worker.

        Raises:
            OSError, RuntimeError: as `warm_up`.
        """
        with self._lock:
            self.warm_up()
            self._task, self._cancelled_at_s, self._heard_at_s = task, None, clock.now_s()
            self._send(Command(task=task))

    def cancel(self, job_id: str) -> None:
        """Asks the worker to stop, if this is its job."""
        with self._lock:
            if self._task and self._task.job_id == job_id and self._cancelled_at_s is None:
                self._cancelled_at_s = clock.now_s()
                self._send(Command(cancel=job_id))

    def tend(self) -> None:
        """Ends a worker that hangs, didn't stop when asked, idles, or has lost the thread that reads its events."""
        with self._lock:
            if self._process is None:
                return
            if self._is_unwatched(self._process):
                self._bury(self._process, "nobody could read what it told")
                return
            now_s = clock.now_s()
            ignored = self._cancelled_at_s is not None and now_s - self._cancelled_at_s > CANCEL_GRACE_S
            silent_s = now_s - self._heard_at_s
            if self._task and (ignored or silent_s > SILENCE_LIMIT_S):
                kill(self._process)
            elif self._task is None and silent_s > IDLE_LIMIT_S:
                self._let_go()
            files.keep_tail(self._log, LOG_LIMIT_BYTES)

    def close(self) -> None:
        """Kills the worker and waits for its end, but not for long. No event follows."""
        with self._lock:
            self._closed = True
            self._task = None
            self._let_go()

    def _spawn(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with files.open_private(self._log) as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                errors="replace",
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then end the workers in order
            )
        outbox: Outbox = queue.SimpleQueue()
        reader = threading.Thread(target=self._read, args=(process,), name="worker events", daemon=True)
        writer = threading.Thread(target=_write, args=(process, outbox), name="worker commands", daemon=True)
        try:
            reader.start()
            writer.start()
        except RuntimeError:  # there is no thread left to be had
            kill(process)
            raise
        self._process, self._reader, self._outbox, self._ended_at_s = process, reader, outbox, None

    def _send(self, command: Command) -> None:
        self._outbox.put(codec.dumps(command) + "\n")

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Passes the worker's events on; runs in a thread of its own until the worker ends."""
        assert process.stdout
        how = ""
        with process.stdout as lines:
            try:
                for event in _events(lines):
                    self._hear(process, event)
            except ValueError as error:
                how = f"sent something that cannot be read ({str(error)[:200]})"
                kill(process)
        code = _wait(process)
        kill(process)  # what it started may have outlived it
        self._bury(process, how or (f"ended with signal {-code}" if code < 0 else f"ended with exit code {code}"))

    def _hear(self, process: subprocess.Popen[str], event: Event) -> None:
        with self._lock:
            if self._process is not process or self._task is None or self._task.job_id != event.job_id:
                return
            self._heard_at_s = clock.now_s()
            if event.kind is not EventKind.PROGRESS:
                self._task = None
                if self._should_free_memory(event.kind):
                    self._let_go()
        self._on_event(dataclasses.replace(event, device=self.device.model))

    def _should_free_memory(self, kind: EventKind) -> bool:
        gave_up = kind is EventKind.CANCELLED and self.device.kind is DeviceKind.GPU
        return gave_up or kind in (EventKind.OUT_OF_MEMORY, EventKind.CRASHED)

    def _is_unwatched(self, process: subprocess.Popen[str]) -> bool:
        """Whether its reader died, or still waits for a process that has ended."""
        if self._reader is not None and not self._reader.is_alive():
            return True
        if process.poll() is None:
            return False
        if self._ended_at_s is None:
            self._ended_at_s = clock.now_s()
        return clock.now_s() - self._ended_at_s > END_LIMIT_S

    def _bury(self, process: subprocess.Popen[str], how: str) -> None:
        """Forgets a worker, and tells of its end if it had a task."""
        with self._lock:
            if self._process is not process:
                return
            self._let_go()
            task, self._task = self._task, None
            cancelled = self._cancelled_at_s is not None
        if task is None:
            return
        if cancelled:
            self._on_event(Event(task.job_id, EventKind.CANCELLED, device=self.device.model))
        else:
            message = f"the worker process {how}; its log {self._log} ends with:\n{_tail(self._log)}"
            self._on_event(Event(task.job_id, EventKind.CRASHED, message=message, device=self.device.model))

    def _let_go(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            kill(process)
            self._outbox.put(None)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_LIMIT_S)


def _write(process: subprocess.Popen[str], outbox: Outbox) -> None:
    """Hands commands to a worker, in a thread of its own: it may take them slowly, or never."""
    assert process.stdin
    with contextlib.suppress(OSError), process.stdin as pipe:  # it has died: its reader tells so
        while (line := outbox.get()) is not None:
            pipe.write(line)
            pipe.flush()


def _events(lines: IO[str]) -> Iterator[Event]:
    """What a worker tells. The last line lacks its end if it died in the middle of it.

    Raises:
        ValueError: a line is no event.
    """
    while (line := lines.readline(LONGEST_LINE)).endswith("\n"):
        yield codec.loads(Event, line)
    if len(line) == LONGEST_LINE:
        raise ValueError("a line without an end")


def _wait(process: subprocess.Popen[str]) -> int:
    """The exit code of a process that has closed its output, and so is about to end."""
    try:
        return process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        kill(process)
        return process.wait()


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a worker and what it started, at once: whatever it held in the store is whole or not there."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _tail(log: Path) -> str:
    """The last lines of a log that may have been deleted."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            file.seek(max(0, log.stat().st_size - 20_000))
            return "".join(file.readlines()[-LOG_TAIL_LINES:]).strip()
    except OSError as error:
        return f"(it can't be read: {error.strerror})"
