# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge that the session talks to: found, started, restarted, followed."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..client import process
from ..client.client import Client, LinkError
from ..client.feed import Feed, Found, Lost
from ..client.process import BridgeProcess, Installation
from ..core import network
from ..core.types import Job
from . import engine_options, preferences, tasks
from .state import Connection, Task, session
from .tasks import Problem


def opener() -> Callable[[Task], Client]:
    """What a task calls in its thread for a client: finds the bridge, or starts it.

    Raises:
        Problem: no bridge is set up.
    """
    known, stored = session().connection, preferences.stored()
    if known.installation is None and stored is not None and stored.mode == "REMOTE":
        return _remote(stored.address.strip(), stored.token.strip(), stored.fingerprint.strip())
    installation, variables = local_installation(), session().secrets | _leave()
    before = known.process
    if before is None or (before.installation, before.variables) != (installation, variables):
        keep = bool(stored and stored.keep_running)
        known.process = BridgeProcess(installation, keep_running=keep, make_clip=known.make_clip, variables=variables)
    bridge = known.process
    assert bridge

    def connect(task: Task) -> Client:
        if before is not None and before is not bridge:
            before.stop()  # its queue goes on in the new one
        return bridge.ensure(lambda line: task.tell(task.progress, line))

    return connect


def _leave() -> dict[str, str]:
    """What a bridge that we start is told about going online."""
    return {} if bpy.app.online_access else {network.OFFLINE: "1"}


def local_installation() -> Installation:
    """The bridge's environment on this machine.

    Raises:
        Problem: there is none.
    """
    return session().connection.installation or preferences.installation()


def lacking() -> str:
    """Why there is no bridge to talk to, as far as the settings say; empty if there is."""
    try:
        opener()
    except Problem as problem:
        return str(problem)
    return ""


def is_set_up() -> bool:
    """Whether there is a bridge to talk to, as far as the settings say."""
    return not lacking()


def log() -> Path:
    """The bridge's log."""
    installation = session().connection.installation
    home = installation.home if installation else None
    return (home or process.default_home()) / "logs" / "bridge.log"


def follow(client: Client) -> None:
    """Follows this bridge's jobs from now on."""
    known = session().connection
    if known.feed and known.client is client and not known.is_lost:
        return
    if known.feed:
        known.feed.stop()
    known.client, known.is_lost = client, False
    known.feed = Feed(client, known.revision)
    if not session().synchronous:
        known.feed.start()


def news() -> list[Job]:
    """What changed since last asked; never blocks."""
    known = session().connection
    if known.feed is None:
        return []
    taken = known.feed.take()
    known.revision = known.feed.revision
    for each in taken:
        if isinstance(each, Lost):
            known.is_lost = True
            tasks.note("connect", each.message)
        elif isinstance(each, Found):
            known.is_lost = False
            session().tasks.troubles.pop("connect", None)
    return [each for each in taken if isinstance(each, Job)]


def close() -> None:
    """Lets go of the bridge; one that we started ends, unless it is to go on."""
    known = session().connection
    if known.feed:
        known.feed.stop()
    if known.process:
        threading.Thread(target=known.process.stop).start()  # not a daemon: Blender may be closing
    session().connection = Connection()


def _remote(address: str, token: str, fingerprint: str) -> Callable[[Task], Client]:
    if not address or not token:
        raise Problem("Enter the bridge's address and token in the add-on's preferences.")
    try:
        client = Client(address, token, fingerprint)
    except LinkError as error:
        raise Problem(str(error)) from None
    if not bpy.app.online_access and not network.is_loopback(address):
        raise Problem(f"Blender is offline, and the bridge is on another machine: switch on {network.SWITCH}.")

    def connect(task: Task) -> Client:
        process.check_version(client)
        return client

    return connect


def connect(then: Callable[[Client], None] = lambda client: None) -> None:
    """Finds or starts the bridge, and learns its engines.

    Raises:
        Problem: none is set up; without a window, whatever went wrong.
    """
    opened, known = opener(), session().connection

    def work(task: Task) -> Any:
        client = opened(task)
        return client, client.engines(), client.queue().paused

    def done(result: Any) -> None:
        client, engines, known.paused = result
        engine_options.learn(engines)
        follow(client)
        then(client)

    tasks.start("connect", "Looking for the bridge …", work, done)


def again() -> None:
    """After the bridge was lost: starts it again. Called by the timer, not too often."""
    if tasks.running("connect") or not is_set_up():
        return
    try:
        connect()
    except (Problem, LinkError) as error:
        tasks.note("connect", str(error))
