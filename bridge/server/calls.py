# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's other functions (analyse, look, plan, ...), each call in a process of its own that ends with it.

Quick to answer, nothing to keep: a call that is lost with the bridge is made again by whoever wanted it.
"""

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
from bridge.common import paths
from bridge.common.errors import BadInput

MOST_AT_ONCE = 4
KEPT = 100
"""calls whose results are remembered"""


class Calls:
    """The calls that run or ran lately. From any thread.

    Args:
        store: the store's folder.
        on_change: called whenever one made progress.
    """

    def __init__(self, store: Path, on_change: Callable[[], None]) -> None:
        self._store = store
        self._notify = on_change
        self._lock = threading.Lock()
        self._calls: dict[str, Call] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, arguments: Any) -> Call:
        """Starts a call.

        Raises:
            BadInput: too many run already.
        """
        with self._lock:
            if len(self._processes) >= MOST_AT_ONCE:
                raise BadInput(f"{MOST_AT_ONCE} calls are running already; wait for one to end.")
            call = Call(secrets.token_hex(8), name)
            self._calls[call.id] = call
            for old in list(self._calls)[:-KEPT]:
                if old not in self._processes:
                    del self._calls[old]
            process = self._processes[call.id] = self._spawn()
        threading.Thread(
            target=self._follow,
            args=(call.id, process, codec.dumps({"name": name, "arguments": codec.encode(arguments)})),
        ).start()
        return call

    def get(self, call_id: str) -> Call:
        """How far it is.

        Raises:
            BadInput: there is no such call (any more).
        """
        with self._lock:
            if call_id not in self._calls:
                raise BadInput(f"There is no call {call_id}; results are kept for the last {KEPT} calls only.")
            return self._calls[call_id]

    def cancel(self, call_id: str) -> None:
        """Ends its process and forgets it."""
        with self._lock:
            self._calls.pop(call_id, None)
            process = self._processes.get(call_id)
        if process:
            process.kill()

    def close(self) -> None:
        """Ends all processes."""
        with self._lock:
            processes = list(self._processes.values())
        for process in processes:
            process.kill()
            process.wait()

    def _spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bridge.server.call_worker", str(self._store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=paths.child_environment(),
            start_new_session=True,
        )

    def _follow(self, call_id: str, process: subprocess.Popen[str], line: str) -> None:
        """Reads what the process tells until it ends; then makes sure that the call has ended."""
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            for answer in process.stdout:
                self._change(call_id, **json.loads(answer))
        except (BrokenPipeError, ValueError):
            process.kill()
        code = process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        with self._lock:
            del self._processes[call_id]
            ended = call_id not in self._calls or self._calls[call_id].done
        if not ended:
            self._change(call_id, done=True, error=f"The call ended unexpectedly (exit code {code}); see the log.")

    def _change(self, call_id: str, **changes: Any) -> None:
        with self._lock:
            if call_id in self._calls:
                self._calls[call_id] = dataclasses.replace(self._calls[call_id], **changes)
        self._notify()
