"""What answers in a bridge's place may do its worst: Blender's memory, time and token are kept from it."""

import contextlib
import json
import os
import socket
import threading
import time

import pytest

from blender_addon.client import client as client_module
from blender_addon.client import feed as feed_module
from blender_addon.client import process
from blender_addon.client.client import Client, LinkError
from blender_addon.client.feed import Feed, Found
from blender_addon.core import codec
from blender_addon.core.messages import LookAtCover
from blender_addon.core.types import Job, JobState
from bridge.common.errors import BadInput
from bridge.jobs import client as jobs_client
from tests.jobs.test_batch import request
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

HEALTH = json.dumps(
    {"version": "0", "protocol_version": 1, "python": "3", "launch": "l", "uptime_s": 1.0, "fault": "", "notice": ""}
).encode()
SECRET = "the-token-of-the-bridge-that-was-here"


class Impostor:
    """Answers every connection by a function of the request's head that yields what to send; keeps what it heard."""

    def __init__(self, answer):
        self.heard: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError), connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536) or b"\r\n\r\n"
            self.heard.append(head)
            for piece in self._answer(head):
                connection.sendall(piece)


def ok(body):
    return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body]


def endless_body(head):
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield b" " * 65536


def dripping_head(head):
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X"
        time.sleep(0.05)


def dripping_body(head):
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    while True:
        yield b" "
        time.sleep(0.05)


def endless_continue(head):
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 100


def endless_error(head):
    yield b"HTTP/1.1 500 No\r\n\r\n"
    while True:
        yield b"[" * 65536


BEHAVIOURS = {
    "an endless body": endless_body,
    "a dripping head": dripping_head,
    "a dripping body": dripping_body,
    "endless continues": endless_continue,
    "an endless error": endless_error,
    "deep JSON": lambda head: ok(b"[" * 1_000_000),
    "a number too long": lambda head: ok(b"1" * 1_000_000),
    "not a number": lambda head: ok(HEALTH.replace(b"1.0", b"NaN")),
    "a list": lambda head: ok(b"[]"),
    "noise": lambda head: [b"\xff\xfe\x00" * 1000],
    "a bad length": lambda head: [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"],
    "a bad chunk": lambda head: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    "deep JSON in an error": lambda head: [b"HTTP/1.1 422 No\r\nContent-Length: 100000\r\n\r\n", b"[" * 100_000],
    "nothing": lambda head: [],
}


@pytest.fixture
def impostor():
    opened = []

    def make(answer):
        opened.append(Impostor(answer))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.mark.parametrize("answer", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_whatever_answers_gives_one_kind_of_error_in_time_and_memory(impostor, monkeypatch, answer):
    monkeypatch.setattr(client_module, "LONGEST_ANSWER_BYTES", 1_000_000)
    client = Client(impostor(answer).url, "token", timeout_s=0.5)
    for call in (client.health, client.jobs, lambda: client.call("look", LookAtCover("0" * 64))):
        with pytest.raises(LinkError):
            call()


@pytest.mark.parametrize("answer", [endless_body, dripping_body, dripping_head])
def test_a_download_is_bounded_too(impostor, monkeypatch, tmp_path, answer):
    monkeypatch.setattr(client_module, "LARGEST_FILE_BYTES", 1_000_000)
    with pytest.raises(LinkError):
        Client(impostor(answer).url, "token", timeout_s=0.5).download("0" * 64, tmp_path / "take.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_nobody_takes_is_given_up(impostor, tmp_path):
    def deaf(head):
        if head.startswith(b"HEAD"):
            yield b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
        else:
            time.sleep(5)

    (tmp_path / "song.wav").write_bytes(b"x" * 30_000_000)
    with pytest.raises(LinkError):
        Client(impostor(deaf).url, "token", timeout_s=0.5).upload(tmp_path / "song.wav")


@pytest.mark.parametrize("url", ["http://h:99999", "http://[::1", "http://" + "a" * 70 + ".b:1", "http://\udcff:1"])
def test_an_address_that_is_none_is_said(url):
    with pytest.raises(LinkError):
        Client(url, "token", timeout_s=0.5).health()


@pytest.mark.parametrize("token", ["line\nbreak", "sn\N{SNOWMAN}wman"])
def test_a_token_that_cannot_be_sent_is_said(impostor, token):
    with pytest.raises(LinkError):
        Client(impostor(lambda head: ok(HEALTH)).url, token).health()


@pytest.mark.parametrize(
    "jobs",
    [
        b'{"revision": 1, "more": false, "jobs": []}',
        b'{"revision": 1, "more": true, "jobs": []}',
        b"[" * 100_000,
        b"{}",
    ],
)
def test_a_feed_lives_on_and_backs_off(impostor, jobs):
    server = impostor(lambda head: ok(HEALTH if b"/health" in head else jobs))
    feed = Feed(Client(server.url, "token", timeout_s=2))
    feed.start()
    wait_until(lambda: len(server.heard) >= 4)
    time.sleep(1)
    asked = len(server.heard)
    assert asked < 40
    assert feed._thread.is_alive()
    feed.stop()
    feed._thread.join(10)


def test_a_feed_outlives_what_nobody_foresaw(monkeypatch):
    class Odd:
        def health(self):
            raise ZeroDivisionError("odd")

    monkeypatch.setattr(feed_module, "RETRY_S", 0.01)
    feed = Feed(Odd())  # type: ignore[arg-type]
    feed.start()
    time.sleep(0.2)
    assert feed._thread.is_alive()
    feed.stop()


def test_a_feed_that_is_not_read_waits(impostor, monkeypatch):
    monkeypatch.setattr(feed_module, "MOST_WAITING", 10)
    one = codec.dumps(Job("j", JobState.QUEUED, request())).encode()
    page = b'{"revision": 1, "more": true, "jobs": [' + b",".join([one] * 5) + b"]}"
    server = impostor(lambda head: ok(HEALTH if b"/health" in head else page))
    feed = Feed(Client(server.url, "token"))
    feed.start()
    wait_until(lambda: feed._news.qsize() > 10)
    time.sleep(0.5)
    assert feed._news.qsize() < 20
    assert isinstance(feed.take()[0], Found)
    feed.stop()


def stale(home, impostor, **changes):
    connection = {"url": impostor.url, "token": SECRET, "pid": os.getpid(), "fingerprint": "", "nonce": "n" * 32}
    (home / "bridge.json").write_text(json.dumps(connection | changes))


@pytest.mark.parametrize(
    "changes", [{}, {"pid": 2**22 + 1}, {"pid": -1}, {"nonce": ""}, {"url": 5}, {"fingerprint": None}]
)
@pytest.mark.parametrize("answer", [lambda head: ok(HEALTH), lambda head: ok(b'{"proof": "' + b"0" * 64 + b'"}')])
def test_who_has_the_port_of_a_dead_bridge_is_not_told_the_token(impostor, tmp_path, monkeypatch, changes, answer):
    server = impostor(answer)
    stale(tmp_path, server, **changes)
    assert process.find(tmp_path) is None
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="No bridge is running"):
        jobs_client.connect()
    assert not any(SECRET.encode() in head for head in server.heard)


@pytest.mark.parametrize("text", ["", "[]", "5", "[" * 100_000, '{"url": "http://127.0.0.1:1"}'])
def test_a_damaged_connection_file_is_none(tmp_path, text):
    (tmp_path / "bridge.json").write_text(text)
    assert process.find(tmp_path) is None


@pytest.mark.parametrize("prompt", ["half of a pair: \udcff", "a whole one: \U0001f600"])
def test_what_cannot_be_sent_is_said(impostor, prompt):
    client = Client(impostor(dripping_head).url, "token", timeout_s=0.5)
    with pytest.raises(LinkError) as refused:
        client.submit([request("a", prompt)], ["a"])
    assert ("can't be sent" in str(refused.value)) == ("\udcff" in prompt)
    with pytest.raises(LinkError):
        client.job("\udcff")
