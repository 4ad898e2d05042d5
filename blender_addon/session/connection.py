# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge that the session talks to: found, started, restarted, followed."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..client import process
from ..client.client import Client, LinkError
from ..client.feed import Feed, Found, Lost
from ..client.process import BridgeProcess, Installation
from ..core.messages import EngineState, Estimate
from ..core.types import Job
from . import preferences, tasks
from .tasks import Problem, Task


class Connection:
    """What is known about the bridge. On the main thread, apart from what says otherwise."""

    def __init__(self) -> None:
        self.installation: Installation | None = None
        """in place of the preferences': for tests and scripts"""
        self.make_clip: str | None = None
        """see `bridge.server.serve.serve`: for tests"""
        self.client: Client | None = None
        self.engines: tuple[EngineState, ...] = ()
        self.estimate: Estimate | None = None
        """what the shots that need a clip will take, as last asked"""
        self.paused = False
        self.is_lost = False
        self._process: BridgeProcess | None = None
        self._feed: Feed | None = None
        self._revision = 0

    def opener(self) -> Callable[[Task], Client]:
        """What a task calls in its thread for a client: finds the bridge, or starts it.

        Raises:
            Problem: no bridge is set up.
        """
        stored = preferences.stored()
        if self.installation is None and stored is not None and stored.mode == "REMOTE":
            return _remote(stored.address.strip(), stored.token.strip(), stored.fingerprint.strip())
        installation, secrets = self.installation or preferences.installation(), preferences.secrets
        before = self._process
        if before is None or (before.installation, before.secrets) != (installation, secrets):
            keep = bool(stored and stored.keep_running)
            self._process = BridgeProcess(installation, keep_running=keep, make_clip=self.make_clip, secrets=secrets)
        bridge = self._process
        assert bridge

        def connect(task: Task) -> Client:
            if before is not None and before is not bridge:
                before.stop()  # its queue goes on in the new one
            return bridge.ensure(lambda line: task.tell(task.progress, line))

        return connect

    def local_installation(self) -> Installation:
        """The bridge's environment on this machine.

        Raises:
            Problem: there is none.
        """
        return self.installation or preferences.installation()

    @property
    def lacking(self) -> str:
        """Why there is no bridge to talk to, as far as the settings say; empty if there is."""
        try:
            self.opener()
        except Problem as problem:
            return str(problem)
        return ""

    @property
    def is_set_up(self) -> bool:
        """Whether there is a bridge to talk to, as far as the settings say."""
        return not self.lacking

    @property
    def log(self) -> Path:
        """The bridge's log."""
        home = self.installation.home if self.installation else None
        return (home or process.default_home()) / "logs" / "bridge.log"

    def follow(self, client: Client) -> None:
        """Follows this bridge's jobs from now on."""
        if self._feed and self.client is client and not self.is_lost:
            return
        if self._feed:
            self._feed.stop()
        self.client, self.is_lost = client, False
        self._feed = Feed(client, self._revision)
        if not tasks.synchronous:
            self._feed.start()

    def news(self) -> list[Job]:
        """What changed since last asked; never blocks."""
        if self._feed is None:
            return []
        taken = self._feed.take()
        self._revision = self._feed.revision
        for each in taken:
            if isinstance(each, Lost):
                self.is_lost = True
                tasks.note("connect", each.message)
            elif isinstance(each, Found):
                self.is_lost = False
                tasks.troubles.pop("connect", None)
        return [each for each in taken if isinstance(each, Job)]

    def close(self) -> None:
        """Lets go of the bridge; one that we started ends, unless it is to go on."""
        if self._feed:
            self._feed.stop()
        if self._process:
            threading.Thread(target=self._process.stop).start()  # not a daemon: Blender may be closing
        self.__init__()


def _remote(address: str, token: str, fingerprint: str) -> Callable[[Task], Client]:
    if not address or not token:
        raise Problem("Enter the bridge's address and token in the add-on's preferences.")

    def connect(task: Task) -> Client:
        client = Client(address, token, fingerprint)
        process.check_version(client)
        return client

    return connect


bridge = Connection()


def connect(then: Callable[[Client], None] = lambda client: None) -> None:
    """Finds or starts the bridge, and learns its engines.

    Raises:
        Problem: none is set up; without a window, whatever went wrong.
    """
    opened = bridge.opener()

    def work(task: Task) -> Any:
        client = opened(task)
        return client, client.engines(), client.queue().paused

    def done(result: Any) -> None:
        client, bridge.engines, bridge.paused = result
        bridge.follow(client)
        then(client)

    tasks.start("connect", "Starting the bridge", work, done)


def again() -> None:
    """After the bridge was lost: starts it again. Called by the pump, not too often."""
    if "connect" in tasks.running or not bridge.is_set_up:
        return
    try:
        connect()
    except (Problem, LinkError) as error:
        tasks.note("connect", str(error))
