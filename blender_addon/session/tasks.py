# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that waits (on the network, a process, a file) in threads of its own; results go to Blender's main thread.

No thread here touches bpy or the session: what it leaves goes to the queue of the file that was open when it began.
In a window `timer` hands results over; without one, where timers never fire, everything runs at once in the caller.
"""

import importlib.util
import math
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from ..client.client import LinkError
from .state import Cancelled, Task, Tasks, Trouble, session

NO_NUMPY = "This Blender comes without NumPy: install it for Blender's Python, or take Blender from blender.org"


class Problem(Exception):
    """What the user has to know: one sentence that says what happened and what to do next."""


def has_numpy() -> bool:
    """Whether this Blender comes with NumPy, as Blender's own builds do and some distributions' don't."""
    return importlib.util.find_spec("numpy") is not None


def start(kind: str, stage: str, work: Callable[[Task], Any], then: Callable[[Any], None]) -> None:
    """Runs `work` in a thread, then `then` with its result on the main thread.

    Raises:
        Problem: one of this kind runs already; or, without a window, what went wrong.
    """
    tasks = session().tasks
    if kind in tasks.running:
        raise Problem(f"Still busy: {tasks.running[kind].stage}. Wait for it, or cancel it.")
    task = tasks.running[kind] = Task(kind, stage)
    tasks.troubles.pop(kind, None)
    if session().synchronous:
        _finish(tasks, task, *_run(task, work), then)()
        hand_over(math.inf)
        if kind in tasks.troubles:
            raise Problem(tasks.troubles[kind].sentence)
        return
    threading.Thread(target=_thread, args=(tasks, task, work, then), name=f"beatboard-{kind}", daemon=True).start()


def running(kind: str) -> Task | None:
    """The task of this kind that runs."""
    return session().tasks.running.get(kind)


def cancel(kind: str) -> None:
    """Asks the task of this kind to stop."""
    if (task := running(kind)) is not None:
        task.cancelled.set()
        task.stage = "stopping"


def hand_over(limit_s: float = 0.008) -> int:
    """Runs on the main thread what threads left for it; how many things that were."""
    results, end_s = session().tasks.results, time.perf_counter() + limit_s
    count = 0
    while time.perf_counter() < end_s:
        try:
            result = results.get_nowait()
        except queue.Empty:
            break
        result()
        count += 1
    return count


def note(kind: str, sentence: str, details: str = "") -> None:
    """Shows the user a trouble that no task had."""
    session().tasks.troubles[kind] = Trouble(sentence, details)


def _thread(tasks: Tasks, task: Task, work: Callable[[Task], Any], then: Callable[[Any], None]) -> None:
    tasks.later(_finish(tasks, task, *_run(task, work), then))


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


def _finish(
    tasks: Tasks, task: Task, result: Any, trouble: Trouble | None, then: Callable[[Any], None]
) -> Callable[[], None]:
    def finish() -> None:
        if tasks.running.get(task.kind) is not task:
            return  # nobody waits for it any more: another file was opened
        del tasks.running[task.kind]
        if trouble is None:
            try:
                then(result)
            except (Problem, LinkError, OSError) as error:
                tasks.troubles[task.kind] = Trouble(str(error), _details(error))
            except Exception as error:  # noqa: BLE001 -- Blender would never call the timer again
                tasks.troubles[task.kind] = _unexpected(error)
        elif trouble.sentence:
            tasks.troubles[task.kind] = trouble

    return finish


def _unexpected(error: Exception) -> Trouble:
    return Trouble(f"Unexpected: {error}. Copy the details and report it.", _details(error))


def _details(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
