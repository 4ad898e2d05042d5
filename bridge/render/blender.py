# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender processes that take one job after the other: `scripts/render.py --serve`, spoken to in JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from bridge.common.errors import BadInput, RenderFailed

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "render.py"
MARK = "@beatboard "
FACTORY = ("-b", "--factory-startup", "-P")
"""the same for everyone: without the user's add-ons and settings"""
HEAP = ":".join(
    f"glibc.malloc.{name}={size}"
    for name, size in {"mmap_threshold": 2**25, "trim_threshold": 2**29, "top_pad": 2**26}.items()
)
"""keeps pictures of 1920x1080 in floats, 33 MB, in the process' own memory: else the system clears new pages for each
of them, half its share of the CPU time. Only the GNU C library reads it."""
_LOG_LINES = 30


class Died(RenderFailed):
    """The process ended in the middle of a job."""


class Blender:
    """One Blender process. Used by one thread at a time; `kill` may come from any."""

    def __init__(self, program: Path | None, script: Path = SCRIPT) -> None:
        command = [sys.executable, str(script)] if program is None else [str(program), *FACTORY, str(script)]
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        try:
            self._process = subprocess.Popen(
                [*command, "--", "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={"GLIBC_TUNABLES": HEAP, **os.environ},
                start_new_session=True,  # Ctrl-C is for us; we tell our children
            )
        except OSError as error:
            raise BadInput(f"{program} could not be started ({error.strerror}); name a Blender 5 program.") from error

    def ask(self, job: dict[str, Any], on_frames: Callable[[int], None] | None = None) -> Any:
        """Has one job done, and gives its answer.

        Raises:
            RenderFailed: it could not be done.
            Died: the process ended.
        """
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None
        for answer in self._answers():
            if "done" in answer:
                return answer["done"]
            if "error" in answer:
                raise RenderFailed(answer["error"])
            if "frames" in answer and on_frames:
                on_frames(answer["frames"])
        raise self._died()

    @property
    def is_up(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the process at once; what it was writing is under a temporary name."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # of a job that it did not take any more
            self._process.stdin.close()

    def _answers(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith(MARK):
                yield json.loads(line[len(MARK) :])
            elif line.strip():
                self._log.append(line.strip())

    def _died(self) -> Died:
        code = self._process.wait()
        last = " | ".join(list(self._log)[-3:]) or "it said nothing"
        return Died(f"Blender ended with code {code} ({last}); run the same command again to go on from here.")


class Farm:
    """Starts Blender processes, and ends them all when the `with` block ends, however it does."""

    def __init__(self, program: Path | None, work_dir: Path) -> None:
        self._program = program
        self._running: set[Blender] = set()
        self._idle: list[Blender] = []
        self._lock = threading.Lock()
        self._closed = False
        self.work_dir = work_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all processes, and starts no more."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, set()
        for blender in running:
            blender.kill()

    def take(self) -> Blender:
        """A process that nobody uses: one that was given back, or a new one."""
        with self._lock:
            if self._closed:
                raise RenderFailed("The render was stopped.")
            while self._idle:
                if (blender := self._idle.pop()).is_up:
                    return blender
                self._running.discard(blender)
            blender = self._new()
            self._running.add(blender)
            return blender

    def _new(self) -> Blender:
        return Blender(self._program)

    def give_back(self, blender: Blender) -> None:
        """Lets someone else use it."""
        with self._lock:
            self._idle.append(blender)

    def drop(self, blender: Blender) -> None:
        """Ends one that cannot be trusted any more."""
        blender.kill()
        with self._lock:
            self._running.discard(blender)
