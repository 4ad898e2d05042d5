# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that waits (on the network, a process, a file) in threads of its own; results go to Blender's main thread.

No thread here touches bpy. In a window `pump` hands results over from a timer; without one, where timers never fire,
everything runs at once in the caller.
"""

import math
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..client.client import LinkError


class Problem(Exception):
    """What the user has to know: one sentence that says what happened and what to do next."""


class Cancelled(Exception):
    """The user stopped the task."""


@dataclass
class Task:
    """One piece of work."""

    kind: str
    """at most one of a kind runs"""
    stage: str
    progress: float = 0.0
    """0-1"""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def tell(self, progress: float, stage: str) -> None:
        """How far it is. Called from the task's thread.

        Raises:
            Cancelled: it is to stop.
        """
        if self.cancelled.is_set():
            raise Cancelled
        self.progress, self.stage = progress, stage


@dataclass(frozen=True)
class Trouble:
    """What went wrong with the last task of a kind."""

    sentence: str
    details: str


running: dict[str, Task] = {}
troubles: dict[str, Trouble] = {}
_results: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
synchronous = False
"""run everything in the caller: without a window"""


def start(kind: str, stage: str, work: Callable[[Task], Any], then: Callable[[Any], None]) -> None:
    """Runs `work` in a thread, then `then` with its result on the main thread.

    Raises:
        Problem: one of this kind runs already; or, without a window, what went wrong.
    """
    if kind in running:
        raise Problem(f"Still busy: {running[kind].stage}. Wait for it, or cancel it.")
    task = running[kind] = Task(kind, stage)
    troubles.pop(kind, None)
    if synchronous:
        _finish(task, *_run(task, work), then)()
        hand_over(math.inf)
        if kind in troubles:
            raise Problem(troubles[kind].sentence)
        return
    threading.Thread(target=_thread, args=(task, work, then), name=f"beatboard-{kind}", daemon=True).start()


def cancel(kind: str) -> None:
    """Asks the task of this kind to stop."""
    if kind in running:
        running[kind].cancelled.set()
        running[kind].stage = "stopping"


def cancel_all() -> None:
    """Asks all to stop; nobody waits for their results any more."""
    for task in running.values():
        task.cancelled.set()
    running.clear()


def hand_over(limit_s: float = 0.008) -> int:
    """Runs on the main thread what threads left for it; how many things that were."""
    end_s = time.perf_counter() + limit_s
    count = 0
    while time.perf_counter() < end_s:
        try:
            result = _results.get_nowait()
        except queue.Empty:
            break
        result()
        count += 1
    return count


def later(what: Callable[[], Any]) -> None:
    """Has something done on the main thread, from any thread."""
    _results.put(what)


def note(kind: str, sentence: str, details: str = "") -> None:
    """Shows the user a trouble that no task had."""
    troubles[kind] = Trouble(sentence, details)


def _thread(task: Task, work: Callable[[Task], Any], then: Callable[[Any], None]) -> None:
    _results.put(_finish(task, *_run(task, work), then))


def _run(task: Task, work: Callable[[Task], Any]) -> tuple[Any, Trouble | None]:
    """The work's result, or why there is none."""
    try:
        return work(task), None
    except Cancelled:
        return None, Trouble("", "")
    except (LinkError, Problem) as error:
        return None, Trouble(str(error), _details(error))
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        return None, Trouble(f"{error.strerror or error}{name}. Make room or choose another place.", _details(error))
    except Exception as error:  # noqa: BLE001 -- a thread's edge: shown to the user with its details
        return None, _unexpected(error)


def _finish(task: Task, result: Any, trouble: Trouble | None, then: Callable[[Any], None]) -> Callable[[], None]:
    def finish() -> None:
        if running.get(task.kind) is not task:
            return  # nobody waits for it any more: another file was opened
        del running[task.kind]
        if trouble is None:
            try:
                then(result)
            except (Problem, LinkError, OSError) as error:
                troubles[task.kind] = Trouble(str(error), _details(error))
            except Exception as error:  # noqa: BLE001 -- Blender would never call the timer again
                troubles[task.kind] = _unexpected(error)
        elif trouble.sentence:
            troubles[task.kind] = trouble

    return finish


def _unexpected(error: Exception) -> Trouble:
    return Trouble(f"Unexpected: {error}. Copy the details and report it.", _details(error))


def _details(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
