# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard serve`: the bridge on a socket, from the lock on its home folder to the clean end."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import re
import secrets
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from bridge.common import paths
from bridge.common.errors import BadInput
from bridge.common.single_instance import Connection, published, sole_instance
from bridge.server.connections import Door, Protocol, strangers_by_descriptors
from bridge.server.logs import to_file
from bridge.server.request_guard import Guard, Guesses
from bridge.server.routes import Changes, build
from bridge.server.service import Bridge, Options
from bridge.server.tls import Certificate, own_certificate

SHORTEST_TOKEN = 24
"""beyond this machine, where anyone may guess"""
SHUTDOWN_LIMIT_S = 20.0
_SENDABLE = re.compile(r"[!-~]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how the bridge listens."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any that is free"""
    certificate: Certificate | None = None
    """for TLS; without one, TLS is used only beyond this machine, with a certificate made for it"""
    token: str | None = None
    """None: a new random one"""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_everywhere(self) -> bool:
        """Whether it is on all of this machine's addresses."""
        return self.host in ("0.0.0.0", "::", "")

    @property
    def local_host(self) -> str:
        """Where this machine's own programs reach it."""
        return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)

    @property
    def outer_host(self) -> str:
        """Where other machines reach it."""
        return outer_address() or self.host if self.is_everywhere else self.host


class Server(uvicorn.Server):
    """Uvicorn's, behind a door of our own; it first lets those go who wait for changes, and ends by a deadline."""

    def __init__(self, config: uvicorn.Config, changes: Changes) -> None:
        super().__init__(config)
        self._changes = changes
        self._doors: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the bridge, then takes connections in."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the bridge could not be started; its log says why")
        self.servers = []
        for listener in sockets or []:
            door = Door(listener, self._protocol, self.config.ssl, strangers_by_descriptors())
            self._doors.append(asyncio.create_task(door.run()))
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends cleanly; if that takes too long, at once."""
        deadline = threading.Timer(SHUTDOWN_LIMIT_S, _end_at_once)
        deadline.daemon = True
        deadline.start()
        try:
            for door in self._doors:
                door.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await door
            self._changes.close()
            await super().shutdown(sockets)
        finally:
            deadline.cancel()

    def _protocol(self) -> Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)


def _end_at_once() -> None:
    log.error("the bridge did not end within %.0f s: it ends now, and goes on at its next start", SHUTDOWN_LIMIT_S)
    os._exit(1)


def serve(
    listening: Listening = Listening(),
    *,
    home: Path | None = None,
    store_limit_bytes: int = paths.DEFAULT_STORE_LIMIT_BYTES,
    cpu_workers: int | None = None,
    cluster: str | None = None,
    make_clip: str | None = None,
    until_stdin_ends: bool = False,
    niceness: int = 0,
    allowed_folders: tuple[Path, ...] = (),
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> None:
    """Runs the bridge until a signal, `POST /shutdown`, or, if asked, the end of standard input.

    Args:
        home: where the queue, the store and the logs are; the user's own folder if not given.
        cluster: a Ray address, to make the clips there.
        make_clip: module:function in place of `bridge.clips.make_clip.make_clip`.
        allowed_folders: what requests from other machines may name files in.
        until_stdin_ends: end with the process that started this one and holds the other end.
        niceness: by how much whoever else computes on this machine goes first, from the moment that it listens on: on
            a busy machine it would else take minutes to start.
        say: told where it listens.

    Raises:
        BadInput: another bridge uses the folder, the folder can't be used, the address can't be listened on, or the
            token can't be sent or is too short for it.
    """
    if listening.token and not _SENDABLE.fullmatch(listening.token):
        raise BadInput("BEATBOARD_TOKEN may have letters, digits and signs of ASCII only, and no spaces.")
    if listening.token and not listening.is_local and len(listening.token) < SHORTEST_TOKEN:
        raise BadInput(
            f"BEATBOARD_TOKEN is too short for a bridge that other machines can reach: at least {SHORTEST_TOKEN}"
            " characters, or unset it to have one made."
        )
    home = home or paths.data_folder()
    home.mkdir(parents=True, exist_ok=True)
    options = Options(
        *(home, home / "store", store_limit_bytes, cpu_workers, cluster, make_clip),
        allowed_folders=None if listening.is_local else allowed_folders,
    )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn ends, then raises it again: tidy up after it
    with contextlib.ExitStack() as held:
        with _usable(home):
            held.enter_context(sole_instance(home))
            handler = to_file(home / "logs" / "bridge.log")
        try:
            _serve(options, listening, until_stdin_ends, niceness, say)
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()


def _serve(
    options: Options, listening: Listening, until_stdin_ends: bool, niceness: int, say: Callable[[str], None]
) -> None:
    certificate = listening.certificate
    if certificate is None and not listening.is_local:
        certificate = own_certificate(options.home / "tls", listening.outer_host)
    with _socket(listening) as listener:
        port = listener.getsockname()[1]
        scheme = "https" if certificate else "http"
        connection = Connection(
            f"{scheme}://{_url_host(listening.local_host)}:{port}",
            listening.token or secrets.token_urlsafe(32),
            os.getpid(),
            certificate.fingerprint if certificate else "",
            secrets.token_hex(16),
        )
        with _usable(options.home):
            server, bridge = _server(options, listening, port, certificate, connection)
        if bridge.notice:
            say(bridge.notice)
            log.warning(bridge.notice)
        if until_stdin_ends:
            threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
        with contextlib.ExitStack() as held:
            with _usable(options.home):
                held.enter_context(published(options.home, connection))
            say(f"The bridge listens on {scheme}://{_url_host(listening.outer_host)}:{port}")
            if certificate:
                say(f"Its certificate's SHA-256 fingerprint: {connection.fingerprint}")
            if not listening.token and not listening.is_local:
                say(f"Its token is in {options.home / 'bridge.json'}; set BEATBOARD_TOKEN to have one of your own.")
            log.info("listening on %s", connection.url)
            if hasattr(os, "nice"):
                os.nice(niceness)
            try:
                server.run([listener])
            finally:
                log.info("ended")


@contextlib.contextmanager
def _usable(home: Path) -> Iterator[None]:
    """Whatever is in the way in the bridge's own folder, at its start, is said in one sentence.

    Raises:
        BadInput: something is.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BadInput(f"{home} can't be used: {error}. Put it in order, or set BEATBOARD_HOME.") from None


def _server(
    options: Options, listening: Listening, port: int, certificate: Certificate | None, connection: Connection
) -> tuple[Server, Bridge]:
    changes = Changes()
    bridge = Bridge(options, changes.announce)

    def stop() -> None:
        server.should_exit = True

    app = Guard(
        build(bridge, changes, stop),
        token=connection.token,
        hosts=_host_headers(listening, port),
        nonce=connection.nonce,
        guesses=None if listening.is_local else Guesses(),
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    server = Server(config, changes)
    return server, bridge


def _socket(listening: Listening) -> socket.socket:
    """A socket bound to the address.

    Raises:
        BadInput: it is in use, not ours, or no address.
    """
    try:
        if not 0 <= listening.port < 2**16:
            raise OverflowError("port must be 0-65535")
        family, kind, protocol, _, address = socket.getaddrinfo(
            listening.host, listening.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        where = f"{listening.host}:{listening.port}"
        raise BadInput(f"Cannot listen on {where}: {error}. Choose another --port or --host.") from None
    return bound


def _host_headers(listening: Listening, port: int) -> set[str]:
    """What the Host header may say. Beyond this machine also the machine's own names and addresses."""
    names = {"127.0.0.1", "localhost", "[::1]", _url_host(listening.host)}
    if not listening.is_local:
        names |= {socket.gethostname(), socket.getfqdn(), f"{socket.gethostname()}.local"}
        names.add(_url_host(listening.outer_host))
        with contextlib.suppress(OSError):  # the machine's own name need not resolve
            names |= {_url_host(str(info[4][0])) for info in socket.getaddrinfo(socket.gethostname(), None)}
    return {f"{name}:{port}" for name in names}


def outer_address() -> str:
    """The address that this machine has for others; empty without a network. Nothing is sent for it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address that is nobody's (RFC 5737)
        return str(probe.getsockname()[0])
    import psutil

    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family is socket.AF_INET and not ipaddress.ip_address(one.address).is_loopback:
                return one.address
    return ""


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _end_with_stdin(server: Server) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    log.info("the program that started this bridge has ended")
    server.should_exit = True
