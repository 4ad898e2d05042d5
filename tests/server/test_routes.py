import base64
import dataclasses
import errno
import hashlib
import json
import logging
import sqlite3
import ssl
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from starlette.testclient import TestClient

from blender_addon.client.client import Client, LinkError
from blender_addon.core import codec
from bridge.clips import registry
from bridge.common.errors import BadInput
from bridge.common.single_instance import published, read_connection, sole_instance
from bridge.common.store import Incoming
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.queue import JobQueue
from bridge.server import logs, serve, service, tls
from bridge.server.request_guard import JSON_LIMIT_BYTES, Guard
from bridge.server.routes import Changes, build
from bridge.server.serve import Listening
from bridge.server.service import Bridge, Options
from tests.jobs.test_batch import FAKE, request
from tests.waiting import wait_until

TOKEN = "the-token"
URL = "http://127.0.0.1:4242"
COVER = b"a cover"
COVER_SHA256 = hashlib.sha256(COVER).hexdigest()


def application(tmp_path):
    changes = Changes()
    bridge = Bridge(Options(tmp_path, tmp_path / "store", make_clip=FAKE, cpu_workers=1), changes.announce)
    bridge.pause(True)
    stopped = threading.Event()
    return Guard(build(bridge, changes, stopped.set), token=TOKEN, hosts={"127.0.0.1:4242"}), bridge, stopped


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return application(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def http(app):
    with TestClient(app[0], base_url=URL, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        assert http.put(f"/files/{COVER_SHA256}", content=COVER).status_code == 200
        yield http


def new_job(**changes):
    job = codec.encode(dataclasses.replace(request(), cover_sha256=COVER_SHA256))
    return {"jobs": [{"id": "j1", "request": job | changes}]}


ROUTES = ["/health", "/jobs", "/queue", "/engines", "/openapi.json", "/docs", f"/files/{COVER_SHA256}", "/nothing"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer \xe9"}, 401),
        ({"Host": "evil.example:4242"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:4242.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": URL}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_strangers_are_refused_everywhere(http, path, headers, status):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert http.get(path, headers=encoded).status_code == status


def test_refused_posts_change_nothing(http):
    answer = http.post("/jobs", json=new_job(), headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert http.get("/jobs/j1").status_code == 404


def test_no_web_page_may_read_answers(http):
    answer = http.options("/jobs", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 403
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/files/../../etc/passwd",
        "/files/..%2f..%2fetc%2fpasswd",
        "/files/%2e%2e/%2e%2e/bridge.json",
        f"/files/{'0' * 63}%00",
        f"/files/{'A' * 64}",
        f"/files/{COVER_SHA256}/../../bridge.json",
        f"/files/{COVER_SHA256}%0a",
        "/files//etc/passwd",
        "/jobs/..%2fqueue",
        "/jobs/%00",
        "/pins/..%2f..",
    ],
)
def test_tricks_with_paths_are_refused(http, path):
    assert http.get(path).status_code in (404, 405, 422)


def test_a_file_and_its_ranges(http):
    assert http.get(f"/files/{COVER_SHA256}").content == COVER
    part = http.get(f"/files/{COVER_SHA256}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, COVER[2:5], "bytes 2-4/7")
    assert http.get(f"/files/{COVER_SHA256}", headers={"Range": "bytes=99-"}).status_code == 416
    head = http.head(f"/files/{COVER_SHA256}")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "7", b"")
    assert http.head(f"/files/{'0' * 64}").status_code == 404


def test_an_upload_that_is_not_what_it_says_is_not_kept(http, app):
    answer = http.put(f"/files/{'0' * 64}", content=b"something else")
    assert answer.status_code == 422
    assert "upload it again" in answer.json()["error"]["message"]
    assert [kept.sha256 for kept in app[1].store.files()] == [COVER_SHA256]


def test_sizes_are_bounded_announced_or_not(http):
    assert http.post("/jobs", headers={"Content-Length": str(JSON_LIMIT_BYTES + 1)}).status_code == 413
    pieces = (b" " * 2**20 for _ in range(JSON_LIMIT_BYTES // 2**20 + 1))
    assert http.post("/jobs", content=pieces).status_code == 413


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"motion": 0}, "jobs[0].request.motion"),
        ({"seed": -1}, "jobs[0].request.seed"),
        ({"frame_count": 0}, "jobs[0].request.frame_count"),
        ({"hold_frames": 25}, "jobs[0].request.hold_frames"),
        ({"width_px": 65}, "jobs[0].request.width_px"),
        ({"height_px": 100_000}, "jobs[0].request.height_px"),
        ({"fps": "0"}, "jobs[0].request.fps"),
        ({"fps": "1e999999999"}, "jobs[0].request.fps"),
        ({"fps": "1/0"}, "jobs[0].request.fps"),
        ({"kind": "explosion"}, "jobs[0].request.kind"),
        ({"colour": "red"}, "jobs[0].request"),
        ({"prompt": "x" * 20_001}, "jobs[0].request.prompt"),
        ({"prompt": "\ud800"}, "jobs[0].request.prompt"),
        ({"energy": [float("nan")]}, "jobs[0].request.energy"),
        ({"accents": [24]}, "jobs[0].request.accents"),
        ({"cover_sha256": "../../etc/passwd"}, "jobs[0].request.cover_sha256"),
        ({"cover_sha256": "0" * 64}, "jobs[0].request.cover_sha256"),
        ({"character_sha256": "0" * 64}, "jobs[0].request.character_sha256"),
    ],
)
def test_a_bad_request_is_refused_naming_its_field(http, changes, field):
    answer = http.post("/jobs", content=codec.json.dumps(new_job(**changes)))
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert http.get("/jobs/j1").status_code == 404


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"painter": "nothing"}, r"jobs\[0\]\.request\.painter: There is no painter 'nothing'"),
        ({"animator": "camra"}, r"jobs\[0\]\.request\.animator: .* Did you mean 'camera'"),
        ({"animator": "lacking"}, r"jobs\[0\]\.request\.animator: cover\+lacking cannot run here: it needs no_such"),
        ({"options": [["dpth", "anything"]]}, r"jobs\[0\]\.request\.options: .* Did you mean 'depth'"),
        ({"options": [["handles", "99"]]}, r"jobs\[0\]\.request\.options: .* a whole number from 0 to 48, not '99'"),
    ],
)
def test_an_engine_or_an_option_that_is_not_here_is_refused(changes, message, tmp_path, monkeypatch):
    lacking = registry.AnimatorEntry("lacking", object, "lacks", packages=("no_such_package",))
    monkeypatch.setitem(registry.ANIMATORS, "lacking", lacking)
    bridge = Bridge(Options(tmp_path, tmp_path / "store"), lambda: None)
    bridge.store.put_bytes(COVER)
    job = codec.decode(server_jobs(), new_job(**{"painter": "cover", "animator": "camera"} | changes))
    with pytest.raises(BadInput, match=message):
        bridge.submit(job.jobs)
    bridge.jobs.close()


def server_jobs():
    from blender_addon.core.messages import NewJobs

    return NewJobs


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"jobs": []}', b"null", b'"jobs"'])
def test_what_is_not_a_batch_is_refused(http, body):
    assert http.post("/jobs", content=body).status_code == 422


def test_what_queued_jobs_need_stays_and_is_let_go_in_the_end(http, app):
    bridge = app[1]
    assert http.post("/jobs", json=new_job()).status_code == 200
    assert bridge.store.owners() == {"job:j1"}
    http.post("/jobs/j1/cancel")
    assert bridge.store.owners() == set()
    assert http.post("/jobs/j1/retry").json()["state"] == "queued"
    assert bridge.store.owners() == {"job:j1"}
    http.post("/jobs/j1/cancel")


def test_waiting_for_a_change_ends_with_the_change(http, app):
    since = http.get("/jobs", params={"since": 2**53}).json()["revision"]
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(http.get("/jobs", params={"since": since, "wait_s": 50}).json())
    )
    waiting.start()
    body = new_job()
    body["jobs"][0]["id"] = "j2"
    http.post("/jobs", json=body)
    waiting.join(20)
    assert [job["id"] for job in answers[0]["jobs"]] == ["j2"]
    http.post("/jobs/j2/cancel")


def test_the_api_page_loads_nothing_and_a_browser_can_ask_for_it(http):
    basic = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    page = http.get("/docs", headers={"Authorization": f"Basic {basic}"})
    assert page.status_code == 200
    assert "/jobs/{job_id}/cancel" in page.text
    assert "src=" not in page.text
    assert http.get("/jobs", headers={"Authorization": f"Basic {basic}"}).status_code == 401
    unknown = http.get("/docs", headers={"Authorization": ""})
    assert unknown.headers["www-authenticate"].startswith("Basic")


def test_a_full_disk_is_said(http, monkeypatch):
    def full(incoming, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Incoming, "write", full)
    answer = http.put(f"/files/{COVER_SHA256}", content=COVER)
    assert answer.status_code == 507
    assert "free some space" in answer.json()["error"]["message"]


def test_a_queue_that_was_damaged_meanwhile_is_said(http, monkeypatch):
    monkeypatch.setattr(JobQueue, "since", MagicMock(side_effect=sqlite3.DatabaseError("malformed")))
    answer = http.get("/jobs")
    assert answer.status_code == 500
    assert "end the bridge and start it again" in answer.json()["error"]["message"]


def test_after_a_fault_the_queue_goes_on_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "START_AGAIN_S", 0.05)
    monkeypatch.setattr(Dispatcher, "run", MagicMock(side_effect=[OSError(errno.ENOSPC, "No space left"), None]))
    faults = []
    recorded = property(lambda self: faults[-1], lambda self, fault: faults.append(fault))
    monkeypatch.setattr(Bridge, "fault", recorded, raising=False)
    bridge = Bridge(Options(tmp_path, tmp_path / "store", make_clip=FAKE), lambda: None)
    monkeypatch.setattr(Dispatcher, "stopped", property(lambda self: len(faults) >= 4))
    bridge.start()
    bridge._thread.join(20)
    assert [fault[:22] for fault in faults] == ["", "", "The queue stands still", ""]
    bridge.close()


def test_shutdown_is_asked_for(http, app):
    assert http.post("/shutdown").status_code == 202
    assert app[2].is_set()


@pytest.mark.slow
def test_nothing_that_fits_or_misses_the_api_page_breaks_the_server():
    script = Path(__file__).parents[2] / "scripts" / "stress" / "fuzz_api.py"
    done = subprocess.run([sys.executable, script, "--cases", "200"], capture_output=True, text=True, check=True)
    assert "figure api_fuzz_5xx 0 cases" in done.stdout
    assert all(f"x {status}" in done.stdout for status in (200, 404, 422))


def test_the_lock_is_freed_with_its_holder(tmp_path):
    with sole_instance(tmp_path), pytest.raises(BadInput, match="Another bridge"), sole_instance(tmp_path):
        pass
    with sole_instance(tmp_path):
        pass


def test_tls_with_a_pinned_certificate(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(Listening, "is_local", False)
    running = threading.Thread(
        target=lambda: serve.serve(Listening("127.0.0.1"), home=tmp_path, make_clip=FAKE, say=said.append)
    )
    running.start()
    wait_until(lambda: read_connection(tmp_path) is not None or not running.is_alive())
    connection = read_connection(tmp_path)
    assert connection is not None
    assert connection.url.startswith("https://127.0.0.1:")
    assert connection.fingerprint in said[1]
    client = Client(connection.url, connection.token, connection.fingerprint)
    wait_until(lambda: _answers(client))
    with pytest.raises(LinkError, match="another certificate"):
        Client(connection.url, connection.token, "0" * 64).health()
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(connection.url + "/health", context=ssl.create_default_context())
    client.shutdown()
    running.join(30)
    assert not running.is_alive()
    assert read_connection(tmp_path) is None


def _answers(client):
    try:
        return client.health().fault == ""
    except LinkError:
        return False


def test_the_own_certificate_stays_the_same(tmp_path):
    first = tls.own_certificate(tmp_path, "192.0.2.1").fingerprint
    assert tls.own_certificate(tmp_path, "192.0.2.1").fingerprint == first
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    (tmp_path / "certificate.pem").write_text("nonsense")
    with pytest.raises(BadInput, match="not a certificate"):
        _ = tls.own_certificate(tmp_path, "192.0.2.1").fingerprint


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("studio.example", False),
    ],
)
def test_only_loopback_goes_without_tls(host, local):
    assert Listening(host).is_local is local


def test_the_log_is_json_lines_in_files_that_rotate(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LIMIT_BYTES", 2000)
    handler = logs.to_file(tmp_path / "bridge.log")
    try:
        for i in range(100):
            logging.getLogger("test").warning("message %d\nin two lines", i)
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 1 + logs.KEPT_FILES
    assert all(path.stat().st_size <= 2000 for path in kept)
    last = json.loads((tmp_path / "bridge.log").read_text().splitlines()[-1])
    assert last["message"] == "message 99\nin two lines"
    assert last["level"] == "WARNING"


def test_an_address_in_use_is_said(tmp_path):
    with serve._socket(Listening()) as taken:
        taken.listen()
        with pytest.raises(BadInput, match="Choose another --port"):
            serve.serve(Listening(port=taken.getsockname()[1]), home=tmp_path)


def test_a_crashed_writers_connection_file_is_replaced(tmp_path):
    from bridge.common.single_instance import Connection

    (tmp_path / "bridge.json~").write_text("half")
    (tmp_path / "bridge.json").write_text("ha")
    assert read_connection(tmp_path) is None
    with published(tmp_path, Connection("http://127.0.0.1:1", "t", 1)):
        assert read_connection(tmp_path) == Connection("http://127.0.0.1:1", "t", 1)
