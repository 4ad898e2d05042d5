# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's other functions (analyse, look, plan, ...), each call in a process of its own that ends with it.

Quick to answer, nothing to keep: a call that is lost with the bridge is made again by whoever wanted it.
"""

import collections
import contextlib
import dataclasses
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blender_addon.core import codec
from blender_addon.core.messages import Call
from bridge.common import clock, files, paths
from bridge.common.errors import BadInput

MOST_AT_ONCE = 8
MOST_WAITING = 20
KEPT, KEPT_BYTES = 100, 64_000_000
"""ended calls whose results are remembered: so many at most, and so much of their text; the last one always"""
HUNG_S = 30.0
"""a process that neither tells nor computes anything for so long will not end by itself"""
LONGEST_CALL_S = 1800.0
END_LIMIT_S = 5.0
LOG_LIMIT_BYTES = 1_000_000


@dataclasses.dataclass
class Running:
    """The process of a call, and when it last gave a sign of life."""

    process: subprocess.Popen[str]
    started_s: float
    alive_s: float
    cpu_s: float = 0.0
    why_killed: str = ""


class Calls:
    """The calls that run or ran lately. From any thread.

    Args:
        store: the store's folder.
        on_change: called whenever one made progress.
        log: the file where their processes write what libraries say.
    """

    def __init__(self, store: Path, on_change: Callable[[], None], log: Path) -> None:
        self._store = store
        self._notify = on_change
        self._log = log
        self._lock = threading.RLock()
        self._calls: dict[str, Call] = {}
        self._sizes: collections.Counter[str] = collections.Counter()
        self._running: dict[str, Running] = {}
        self._waiting: collections.deque[tuple[str, str]] = collections.deque()
        self._closed = False

    def start(self, name: str, arguments: Any) -> Call:
        """Starts a call, or lets it wait for its turn.

        Raises:
            BadInput: too many wait already.
        """
        line = codec.dumps({"name": name, "arguments": codec.encode(arguments)})
        call = Call(secrets.token_hex(8), name, stage="waiting")
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise BadInput(f"{MOST_WAITING} calls are waiting already; wait for one to end.")
            self._calls[call.id] = call
            self._waiting.append((call.id, line))
            self._start_what_fits()
        return call

    def get(self, call_id: str) -> Call:
        """How far it is.

        Raises:
            BadInput: there is no such call (any more).
        """
        with self._lock:
            if call_id not in self._calls:
                raise BadInput(f"There is no call {call_id}; only the results of the last calls are kept.")
            return self._calls[call_id]

    def cancel(self, call_id: str) -> None:
        """Ends its process and forgets it."""
        with self._lock:
            self._forget(call_id)
            self._waiting = collections.deque(each for each in self._waiting if each[0] != call_id)
            running = self._running.get(call_id)
        if running:
            running.process.kill()

    def tend(self) -> None:
        """Called about every second: ends what hangs."""
        with self._lock:
            running = list(self._running.values())
        for each in running:
            now_s, cpu_s = clock.now_s(), _cpu_s(each.process)
            if cpu_s != each.cpu_s:
                each.cpu_s, each.alive_s = cpu_s, now_s
            if now_s - each.alive_s > HUNG_S:
                each.why_killed = f"it did nothing for {HUNG_S:.0f} s"
            elif now_s - each.started_s > LONGEST_CALL_S:
                each.why_killed = f"it took longer than {LONGEST_CALL_S / 60:.0f} minutes"
            if each.why_killed:
                each.process.kill()
        files.keep_tail(self._log, LOG_LIMIT_BYTES)

    def close(self) -> None:
        """Ends all processes."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for each in running:
            each.process.kill()
        for each in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.process.wait(END_LIMIT_S)

    def _start_what_fits(self) -> None:
        while self._waiting and len(self._running) < MOST_AT_ONCE and not self._closed:
            call_id, line = self._waiting.popleft()
            try:
                running = Running(self._spawn(), clock.now_s(), clock.now_s())
                self._running[call_id] = running
                threading.Thread(target=self._follow, args=(call_id, running, line), daemon=True).start()
            except (OSError, RuntimeError) as error:  # no process or thread is left to be had
                if gone := self._running.pop(call_id, None):
                    gone.process.kill()
                self._change(call_id, done=True, error=f"The call could not be started: {error}. Try again later.")

    def _forget(self, call_id: str) -> None:
        self._calls.pop(call_id, None)
        self._sizes.pop(call_id, None)

    def _forget_old(self) -> None:
        ended = [known.id for known in self._calls.values() if known.done]
        while len(ended) > KEPT or (len(ended) > 1 and sum(self._sizes[one] for one in ended) > KEPT_BYTES):
            self._forget(ended.pop(0))

    def _spawn(self) -> subprocess.Popen[str]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with files.open_private(self._log) as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bridge.server.call_worker", str(self._store)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                env=paths.child_environment(),
                start_new_session=True,
            )

    def _follow(self, call_id: str, running: Running, line: str) -> None:
        """Reads what the process tells until it ends; then makes sure that the call has ended."""
        process, size = running.process, 0
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            for answer in process.stdout:
                running.alive_s = clock.now_s()
                size = len(answer)  # a result is the last thing that a call tells
                self._change(call_id, **json.loads(answer))
        except (OSError, ValueError, TypeError):
            process.kill()
        code = process.wait()
        process.stdout.close()
        with contextlib.suppress(OSError):
            process.stdin.close()
        with self._lock:
            del self._running[call_id]
            if call_id in self._calls:
                self._sizes[call_id] = size
            ended = call_id not in self._calls or self._calls[call_id].done
            if not ended:
                why = running.why_killed or f"exit code {code}; its log is {self._log}"
                self._change(call_id, done=True, error=f"The call ended before its result was there: {why}.")
            self._forget_old()
            self._start_what_fits()

    def _change(self, call_id: str, **changes: Any) -> None:
        with self._lock:
            if call_id in self._calls:
                self._calls[call_id] = dataclasses.replace(self._calls[call_id], **changes)
        self._notify()


def _cpu_s(process: subprocess.Popen[str]) -> float:
    """How long it has computed so far."""
    import psutil

    with contextlib.suppress(psutil.Error):
        times = psutil.Process(process.pid).cpu_times()
        return times.user + times.system
    return 0.0
