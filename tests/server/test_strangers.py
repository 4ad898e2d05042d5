"""Who has no token, or is slow on purpose: what they can keep others from. All on loopback, and bounded."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from blender_addon.client import process
from blender_addon.client.client import Client, LinkError
from bridge.common.errors import BadInput
from bridge.server import connections, request_guard, serve
from bridge.server.request_guard import Guesses
from bridge.server.serve import Listening, Server
from tests.jobs.test_batch import FAKE
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LONG_TOKEN = "t" * 32
HERE = Listening()


class Running:
    """A bridge in a thread of this process."""

    def __init__(self, home, listening, **more):
        self.home, self.said = home, []
        self.server: Server | None = None
        arguments = {"home": home, "make_clip": FAKE, "say": self.said.append, "cpu_workers": 1} | more
        self.thread = threading.Thread(target=serve.serve, args=(listening,), kwargs=arguments)

    @property
    def published(self):
        return json.loads((self.home / "bridge.json").read_text())

    @property
    def port(self):
        return int(self.published["url"].rpartition(":")[2])

    @property
    def client(self):
        return Client(self.published["url"], self.published["token"], self.published["fingerprint"])

    def socket(self, host="127.0.0.1"):
        return socket.create_connection((host, self.port), timeout=20)


@pytest.fixture
def start(tmp_path, monkeypatch):
    running = []

    def make(listening=HERE, **more):
        one = Running(tmp_path, listening, **more)

        def server(*arguments):
            one.server = Server(*arguments)
            return one.server

        monkeypatch.setattr(serve, "Server", server)
        running.append(one)
        one.thread.start()
        wait_until(lambda: process.find(tmp_path) is not None or not one.thread.is_alive())
        return one

    yield make
    for one in running:
        one.server.should_exit = True
        one.thread.join(30)
        assert not one.thread.is_alive()


def test_strangers_with_all_the_descriptors_do_not_shut_the_owner_out(tmp_path):
    program = (
        "import resource; from pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "from bridge.server.serve import serve\n"
        f"serve(home=Path({str(tmp_path)!r}), make_clip={FAKE!r}, cpu_workers=1, until_stdin_ends=True)"
    )
    bridge = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE)
    with contextlib.ExitStack() as strangers:
        wait_until(lambda: process.find(tmp_path) is not None)
        client = process.find(tmp_path)
        assert client
        for _ in range(300):
            strangers.enter_context(socket.create_connection(("127.0.0.1", client._port), timeout=20))
        for _ in range(10):
            assert client.health().fault == ""
        (tmp_path / "cover").write_bytes(b"cover")
        client.upload(tmp_path / "cover")
        assert bridge.stdin
        bridge.stdin.close()
        bridge.wait(30)


def is_closed(connection):
    """Whether the other end let go; waits for it."""
    connection.settimeout(20)
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


def dripped(connection, data):
    """Sends a byte at a time until the other end lets go."""
    with contextlib.suppress(OSError):
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
        pytest.fail("it was listened to for ever")


def test_what_is_sent_too_slowly_is_let_go(start, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_LIMIT_S", 0.3)
    monkeypatch.setattr(connections, "BODY_LIMIT_S", 0.3)
    bridge = start()
    with bridge.socket() as silent:
        assert is_closed(silent)
    with bridge.socket() as slow:
        dripped(slow, b"GET /health HTTP/1.1\r\n" + b"X-A: 1\r\n" * 100)
    head = f"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1:{bridge.port}\r\nAuthorization: Bearer {bridge.published['token']}"
    with bridge.socket() as slow:
        slow.sendall(f"{head}\r\nContent-Length: 1000\r\n\r\n".encode())
        dripped(slow, b" " * 999)
    assert bridge.client.health().fault == ""


def test_a_connection_that_is_in_use_has_no_deadline_for_thinking(start, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_LIMIT_S", 0.3)
    monkeypatch.setattr(connections, "BODY_LIMIT_S", 0.3)
    bridge = start()
    since = bridge.client.jobs(2**53).revision
    assert bridge.client.jobs(since, wait_s=3).jobs == ()


def test_an_answer_that_nobody_reads_is_given_up(start, monkeypatch):
    monkeypatch.setattr(connections, "ANSWER_LIMIT_S", 0.3)
    bridge = start()
    (bridge.home / "large").write_bytes(b"x" * 30_000_000)
    sha256 = bridge.client.upload(bridge.home / "large")
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect(("127.0.0.1", bridge.port))
        head = f"GET /files/{sha256} HTTP/1.1\r\nHost: 127.0.0.1:{bridge.port}\r\nAuthorization: Bearer "
        idle.sendall(f"{head}{bridge.published['token']}\r\n\r\n".encode())
        state = bridge.server.server_state
        wait_until(lambda: any(one._paused_since_s is not None for one in list(state.connections)))
        wait_until(lambda: not state.connections)


def test_it_steps_back_once_it_listens_and_not_before(start, tmp_path, monkeypatch):
    """At the lowest priority, a start of a second takes minutes where others compute."""
    found = []
    monkeypatch.setattr(serve.os, "nice", lambda by: found.append((by, (tmp_path / "bridge.json").exists())))
    start(niceness=19)
    assert found == [(19, True)]


def test_known_connections_may_idle_as_a_proxys_do(start):
    bridge = start()
    request = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{bridge.port}\r\n"
    with bridge.socket() as known, bridge.socket() as stranger:
        known.sendall(f"{request}Authorization: Bearer {bridge.published['token']}\r\n\r\n".encode())
        stranger.sendall(request.encode() + b"\r\n")
        assert known.recv(65536).startswith(b"HTTP/1.1 200")
        assert stranger.recv(65536).startswith(b"HTTP/1.1 401")
        assert is_closed(stranger)
        (one,) = [each for each in bridge.server.server_state.connections if each.is_known]
        wait_until(lambda: one.timeout_keep_alive == connections.KNOWN_IDLE_S)  # once its answer is out


def test_a_stalled_handshake_is_let_go(start, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_LIMIT_S", 0.5)
    bridge = start(Listening("0.0.0.0", token=LONG_TOKEN))
    with bridge.socket() as stranger:
        assert is_closed(stranger)
    assert bridge.client.health().fault == ""


def test_beyond_this_machine_the_address_that_is_told_is_answered(start):
    bridge = start(Listening("0.0.0.0", token=LONG_TOKEN))
    address = bridge.said[0].removeprefix("The bridge listens on ")
    assert "0.0.0.0" not in address
    assert Client(address, LONG_TOKEN, bridge.published["fingerprint"]).health().fault == ""


def test_any_address_that_a_request_came_to_is_answered_and_no_foreign_name(start):
    bridge = start(Listening("0.0.0.0", token=LONG_TOKEN))
    context = ssl._create_unverified_context()
    for host, status in (("127.0.0.2", b"200"), ("evil.example", b"403")):
        with context.wrap_socket(bridge.socket("127.0.0.2")) as connection:
            head = f"GET /health HTTP/1.1\r\nHost: {host}:{bridge.port}\r\nAuthorization: Bearer {LONG_TOKEN}\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(100).split()[1] == status


def test_a_machine_whose_own_name_does_not_resolve_can_be_listened_on(monkeypatch):
    def fails(*_):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert "127.0.0.1:1" in serve._host_headers(Listening("0.0.0.0"), 1)


@pytest.mark.parametrize("token", ["tok\udcffen", "tok\nen", "t\u00f6ken", "to ken"])
def test_a_token_that_no_client_could_send_is_refused(tmp_path, token):
    with pytest.raises(BadInput, match="ASCII only"):
        serve.serve(Listening(token=token), home=tmp_path)


@pytest.mark.parametrize("listening", [Listening("\udcff"), Listening("a" * 70), Listening(port=70_000)])
def test_an_address_that_is_none_is_refused(tmp_path, listening):
    with pytest.raises(BadInput, match="Cannot listen on"):
        serve._socket(listening)


@pytest.mark.parametrize("in_the_way", ["store", "logs", "bridge.json/x", "bridge.lock/x", "store/index.db/x"])
def test_what_is_in_the_way_of_a_start_is_said(tmp_path, in_the_way):
    place = tmp_path / in_the_way
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    with pytest.raises(BadInput, match="can't be used"):
        serve.serve(home=tmp_path, make_clip=FAKE)


def test_a_flood_of_connections_lets_the_loop_breathe():
    """Those that are let go close in the loop: without a breath, they would hold all descriptors."""
    count = 50

    async def breaths():
        with contextlib.ExitStack() as sockets:
            listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=count))
            for _ in range(count):
                sockets.enter_context(socket.create_connection(listener.getsockname()))
            made: Any = None
            door: Any = connections.Door(listener, made, None, count)
            taken, breath = [], 0
            door._make_room = lambda _: None
            door._take_in = taken.append
            running = asyncio.create_task(door.run())
            while len(taken) < count:
                await asyncio.sleep(0)
                breath += 1
            running.cancel()
            for connection in taken:
                connection.close()
        return breath

    assert asyncio.run(breaths()) >= count


def test_beyond_this_machine_a_short_token_is_refused(tmp_path):
    with pytest.raises(BadInput, match="at least 24 characters"):
        serve.serve(Listening("0.0.0.0", token="x"), home=tmp_path)


def test_guesses_take_longer_and_longer_and_leave_one_line(monkeypatch, caplog):
    paused = []

    async def sleep(seconds):
        paused.append(seconds)

    monkeypatch.setattr(request_guard.asyncio, "sleep", sleep)
    guesses = Guesses()

    async def guess():
        for _ in range(150):
            await guesses.pause(Headers({"authorization": "Bearer guess"}), ("192.0.2.7", 1))

    with caplog.at_level(logging.WARNING):
        asyncio.run(guess())
    assert len(paused) == 150 - request_guard.FREE_GUESSES
    assert paused == sorted(paused)
    assert sum(paused) > 1000
    assert [record.getMessage() for record in caplog.records] == ["1 wrong tokens, the last from 192.0.2.7"]


def test_the_owner_is_not_kept_waiting_by_guesses(start, monkeypatch):
    bridge = start(Listening("0.0.0.0", token=LONG_TOKEN))
    monkeypatch.setattr(request_guard, "FREE_GUESSES", -100)  # the first one waits for the longest pause
    wrong = Client(bridge.published["url"], "wrong", bridge.published["fingerprint"], timeout_s=3)
    refused = []

    def guess():
        with contextlib.suppress(LinkError):
            wrong.health()
        refused.append(True)

    guessing = threading.Thread(target=guess)
    guessing.start()
    assert bridge.client.health().fault == ""
    assert not refused
    guessing.join()


def test_an_authorization_of_noise_is_refused(start):
    bridge = start()
    for value in (b"Basic \xff", b"Basic =", b"Bearer \xff", b"\xff"):
        with bridge.socket() as connection:
            connection.sendall(
                b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: %s\r\n\r\n" % (bridge.port, value)
            )
            assert connection.recv(100).split()[1] == b"401"
