# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected, and for how long: what uvicorn leaves open, and any stranger could use to shut the owner out.

Until a request on it has shown the token, a connection is a stranger's. There is room for so many of them; when another
comes, the one that came first goes. Everything that a client can be slow at has a deadline: the TLS handshake, the
head of a request, its body, and reading the answer. No limit goes by address, since behind a reverse proxy all have
the same.
"""

import asyncio
import contextlib
import logging
import math
import socket
import ssl
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.common import clock

HEAD_LIMIT_S = 10.0
"""for the TLS handshake, and for the head of a request from its first byte on"""
BODY_LIMIT_S = 30.0
"""for a request's body, and what the slowest speed below adds to that"""
ANSWER_LIMIT_S = 30.0
"""so long an answer may stand still that the client doesn't read"""
SLOWEST_BYTES_PER_S = 4096
KNOWN_IDLE_S = 75.0
"""proxies keep idle connections for a minute"""
STRANGER_IDLE_S = 5.0
MOST_STRANGERS = 64
MOST_KNOWN = 100
SPARED_DESCRIPTORS = 128
"""for the databases, the workers' pipes and the files that are sent"""
BACKLOG = 128
KNOWN = "beatboard.known"
"""in the scope's extensions once the request has shown the token"""

log = logging.getLogger(__name__)


class Protocol(H11Protocol):
    """uvicorn's HTTP on one connection, and the moment by which it has to get on."""

    _got_bytes = 0
    _phase_since_s = 0.0
    _is_body = False
    _paused_since_s: float | None = None
    _was_known = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._phase_since_s = clock.now_s()
        super().connection_made(transport)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Some of a request has come."""
        if self.is_idle and self.timeout_keep_alive_task is not None:  # the next request begins
            self._phase_since_s, self._got_bytes = clock.now_s(), 0
        self._got_bytes += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        """A request has its answer."""
        self._was_known = self.is_known
        self.timeout_keep_alive = KNOWN_IDLE_S if self._was_known else STRANGER_IDLE_S  # type: ignore[assignment]
        self._phase_since_s, self._got_bytes = clock.now_s(), 0  # of what is here already of the next
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client doesn't read its answer as fast as it comes."""
        self._paused_since_s = clock.now_s()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._paused_since_s = None
        super().resume_writing()

    @property
    def is_known(self) -> bool:
        """Whether a request on it has shown the token."""
        return self._was_known or (self.scope is not None and KNOWN in self.scope.get("extensions", {}))

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def deadline_s(self) -> float:
        """When it has to have got on."""
        if self._paused_since_s is not None:
            return self._paused_since_s + ANSWER_LIMIT_S
        if self.is_idle:
            return math.inf if self.timeout_keep_alive_task is not None else self._phase_since_s + HEAD_LIMIT_S
        if self.cycle.more_body and not self.flow.read_paused:
            return self._phase_since_s + BODY_LIMIT_S + self._got_bytes / SLOWEST_BYTES_PER_S
        return math.inf

    def drop(self) -> None:
        """Ends the connection at once."""
        self.transport.abort()


class Door:
    """Takes connections in.

    Args:
        listener: a bound socket.
        make_protocol: makes the protocol of a connection.
        context: for TLS.
        most_strangers: how many there is room for.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], Protocol],
        context: ssl.SSLContext | None,
        most_strangers: int,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._context = context
        self._most_strangers = most_strangers
        self._inside: dict[Protocol, asyncio.Task[None]] = {}
        """in the order in which they came, those that still shake hands included"""

    async def run(self) -> None:
        """Takes in whoever comes, until it is cancelled."""
        loop = asyncio.get_running_loop()
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        sweeping = loop.create_task(self._sweep())
        try:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self._listener)
                except OSError as error:  # no descriptor is left: others' connections must make room
                    log.warning("a connection could not be taken in: %s", error)
                    self._make_room(0)
                    await asyncio.sleep(0.05)
                    continue
                self._make_room(self._most_strangers - 1)
                self._take_in(connection)
                # a waiting connection is had without a pause: those that were let go must close meanwhile
                await asyncio.sleep(0)
        finally:
            sweeping.cancel()

    def _take_in(self, connection: socket.socket) -> None:
        protocol = self._make_protocol()
        task = asyncio.create_task(self._open(connection, protocol))
        self._inside[protocol] = task

    async def _open(self, connection: socket.socket, protocol: Protocol) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HEAD_LIMIT_S if self._context else None,
            )
        except (OSError, asyncio.CancelledError):  # what isn't TLS, takes too long or had to make room
            connection.close()
            self._inside.pop(protocol, None)

    def _make_room(self, most: int) -> None:
        """Lets the strangers go that came first, until at most so many are left; and of those we know, idle ones."""
        self._forget_closed()
        strangers = [protocol for protocol in self._inside if not protocol.is_known]
        for protocol in strangers[: max(0, len(strangers) - most)]:
            self._drop(protocol)
        idle = [protocol for protocol in self._inside if protocol.is_known and protocol.is_idle]
        for protocol in idle[: max(0, len(self._inside) - len(strangers) - MOST_KNOWN)]:
            self._drop(protocol)

    def _drop(self, protocol: Protocol) -> None:
        task = self._inside.pop(protocol)
        if protocol.transport is None:
            task.cancel()
        else:
            protocol.drop()

    def _forget_closed(self) -> None:
        for protocol, task in list(self._inside.items()):
            if task.done() and (protocol.transport is None or protocol not in protocol.connections):
                del self._inside[protocol]

    async def _sweep(self) -> None:
        """Ends what has missed its deadline, by the clock."""
        while True:
            await asyncio.sleep(1.0)
            self._forget_closed()
            now_s = clock.now_s()
            for protocol in [one for one in self._inside if one.transport is not None and one.deadline_s < now_s]:
                self._drop(protocol)


def strangers_by_descriptors() -> int:
    """How many strangers there is room for: the system lets a process have so many files and connections at once."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST_STRANGERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1024 if hard == resource.RLIM_INFINITY else min(1024, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    free = MOST_STRANGERS if soft == resource.RLIM_INFINITY else (soft - SPARED_DESCRIPTORS) // 2
    return max(8, min(MOST_STRANGERS, free))
