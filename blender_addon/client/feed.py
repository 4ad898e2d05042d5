# SPDX-License-Identifier: GPL-3.0-or-later
"""A thread that follows the bridge's jobs, and a queue from which Blender's main thread takes what is new."""

import queue
import threading
import time
from dataclasses import dataclass

from ..core.types import Job
from .client import Client, Refused

WAIT_S = 20.0
RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
"""between attempts at a bridge that doesn't answer; each takes twice as long as the one before"""
PAUSE_S = 0.05
"""between two requests, however fast the answers come"""
LONGEST_PAUSE_S = 5.0
"""after answers that came at once and told nothing"""
MOST_WAITING = 20_000
"""news that nobody has taken; then the feed waits"""


@dataclass(frozen=True, slots=True)
class Lost:
    """The bridge does not answer any more; the feed goes on trying."""

    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """The bridge answers (again). All that changed meanwhile follows."""

    launch: str


News = Job | Lost | Found


class Feed:
    """Follows one bridge until `stop`.

    Args:
        client: where to ask.
        since: the revision up to which everything is known.
    """

    def __init__(self, client: Client, since: int = 0) -> None:
        self._client = client
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="beatboard-feed", daemon=True)
        self.revision = since

    def start(self) -> None:
        """Starts following."""
        self._thread.start()

    def stop(self) -> None:
        """Lets the thread end by itself, soon; doesn't wait for it."""
        self._stopped.set()

    def take(self, limit: int = 100) -> list[News]:
        """What is new, in order; never blocks. Call it from a timer."""
        taken: list[News] = []
        while len(taken) < limit:
            try:
                taken.append(self._news.get_nowait())
            except queue.Empty:
                break
        return taken

    def _follow(self) -> None:
        connected, failures, empty = False, 0, 0
        while not self._stopped.is_set():
            asked_s = time.monotonic()
            try:
                if not connected:
                    self._news.put(Found(self._client.health().launch))
                    connected = True
                page = self._client.jobs(self.revision, wait_s=WAIT_S)
            except Exception as error:  # noqa: BLE001 - the thread's edge: nothing that a bridge answers may end it
                if connected or isinstance(error, Refused):
                    self._news.put(Lost(str(error) or type(error).__name__))
                connected = False
                self._stopped.wait(min(LONGEST_RETRY_S, RETRY_S * 2**failures))
                failures = min(failures + 1, 10)
                continue
            for job in page.jobs:
                self._news.put(job)
            self.revision = page.revision if page.revision >= self.revision else 0  # another bridge's: from the start
            came_at_once = time.monotonic() - asked_s < WAIT_S / 2
            failures, empty = 0, min(empty + 1, 10) if came_at_once and not page.jobs else 0
            self._stopped.wait(min(LONGEST_PAUSE_S, PAUSE_S * 2**empty))
            while self._news.qsize() > MOST_WAITING and not self._stopped.wait(PAUSE_S):
                pass
