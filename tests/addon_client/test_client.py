import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from blender_addon.client import process
from blender_addon.client.client import Client, LinkError, Refused, Unreachable
from blender_addon.client.feed import Feed, Found, Lost
from blender_addon.client.process import BridgeProcess, Installation
from blender_addon.core import codec
from blender_addon.core.messages import AnalyzeSong, Pause
from blender_addon.core.types import Job, JobState
from bridge.common import paths
from bridge.common.errors import BadInput
from bridge.jobs import client as jobs_client
from tests.jobs.test_batch import FAKE, request, runs
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    bridge = BridgeProcess(Installation(Path(sys.executable), ROOT, home), make_clip=FAKE)
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def client(bridge):
    return bridge.ensure()


@pytest.fixture(scope="module")
def cover(client, tmp_path_factory):
    path = tmp_path_factory.mktemp("cover") / "cover.png"
    path.write_bytes(b"cover" * 1000)
    return client.upload(path)


def new(cover, shot_id="s01", prompt="", **settings):
    return dataclasses.replace(request(shot_id, prompt, **settings), cover_sha256=cover)


def ended(client, job_id):
    wait_until(lambda: client.job(job_id).state not in (JobState.QUEUED, JobState.RUNNING))
    return client.job(job_id)


def test_home_is_the_same_on_both_sides(monkeypatch, tmp_path):
    monkeypatch.delenv("BEATBOARD_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert process.default_home() == paths.data_folder()
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    assert process.default_home() == paths.data_folder()


def test_a_running_bridge_is_found_not_started_twice(bridge, client):
    assert bridge.ensure().health().launch == client.health().launch
    other = BridgeProcess(bridge.installation, make_clip=FAKE)
    assert other.ensure().health().launch == client.health().launch
    other.stop()
    assert client.health().fault == ""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_a_secret_reaches_the_bridge_and_no_file(bridge, tmp_path):
    installation = dataclasses.replace(bridge.installation, home=tmp_path)
    keyed = BridgeProcess(installation, make_clip=FAKE, variables={"RUNWAYML_API_SECRET": "key-of-nobody"})
    client = keyed.ensure()
    client.engines()
    assert keyed._process
    folder = Path("/proc", str(keyed._process.pid))
    assert b"RUNWAYML_API_SECRET=key-of-nobody" in (folder / "environ").read_bytes().split(b"\0")
    assert b"key-of-nobody" not in (folder / "cmdline").read_bytes()
    keyed.stop()
    assert (tmp_path / "logs").is_dir()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"key-of-nobody" in path.read_bytes()]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_only_the_user_can_read_the_token(bridge, client):
    assert (bridge.home / "bridge.json").stat().st_mode & 0o077 == 0


def test_a_clip_from_request_to_file(client, cover, tmp_path):
    (job,) = client.submit([new(cover)])
    done = ended(client, job.id)
    assert done.state is JobState.DONE
    client.download(done.clip.sha256, tmp_path / "take.mp4")
    assert (tmp_path / "take.mp4").stat().st_size == 65
    assert [path.name for path in tmp_path.iterdir()] == ["take.mp4"]
    assert client.estimate([new(cover)]).seconds == pytest.approx(0.5)
    assert client.queue().seconds_left == 0.0


def test_the_same_submission_twice_is_one_job(client, cover):
    jobs = [client.submit([new(cover, "s02")], ["my-id"])[0] for _ in range(2)]
    assert jobs[0].id == jobs[1].id == "my-id"
    with pytest.raises(Refused, match="exists with another request"):
        client.submit([new(cover, "s03")], ["my-id"])
    assert ended(client, "my-id").attempts == 1


def test_a_bad_request_is_refused_at_the_door_and_nothing_of_its_batch_is_queued(client, cover):
    before = {job.id for job in client.jobs().jobs}
    bad = dataclasses.replace(new(cover), motion=300)
    with pytest.raises(Refused, match="must be from 1 to 255") as refused:
        client.submit([new(cover), bad])
    assert refused.value.field == "jobs[1].request.motion"
    assert {job.id for job in client.jobs().jobs} == before


def test_cancelling_a_running_job_ends_its_process_soon(client, cover, tmp_path):
    (job,) = client.submit([new(cover, "s01", f"child {tmp_path / 'pids'}")])
    wait_until((tmp_path / "pids").exists)
    assert client.cancel(job.id).stage == "cancelling"
    assert ended(client, job.id).state is JobState.CANCELLED
    wait_until(lambda: not any(map(runs, (tmp_path / "pids").read_text().split())))


def test_pause_reorder_cancel_and_retry(client, cover):
    client.pause(True)
    first, second, third = client.submit([new(cover, f"p{i}") for i in range(3)])
    client.put_first([third.id, second.id])
    assert client.queue().queued == 3
    assert client.cancel(first.id).state is JobState.CANCELLED
    assert client.retry(first.id).state is JobState.QUEUED
    since = client.jobs(2**53).revision
    client.pause(False)
    wait_until(lambda: client.queue().queued + client.queue().running == 0)
    starts = [job.id for job in client.jobs(since).jobs if job.state is JobState.DONE]
    assert set(starts) == {first.id, second.id, third.id}
    assert client.cancel(first.id).state is JobState.DONE, "what has ended stays as it is"
    with pytest.raises(Refused, match="only failed or cancelled"):
        client.retry(first.id)


def test_a_preview_while_it_is_made(client, cover):
    (job,) = client.submit([new(cover, "s05", steps="100", step_s="0.05")])
    wait_until(lambda: client.preview(job.id) is not None)
    picture = client.preview(job.id)
    assert picture is not None
    assert picture.startswith(b"\xff\xd8")
    client.cancel(job.id)
    ended(client, job.id)
    assert client.preview(job.id) is None


def test_the_feed_tells_every_job_to_its_end(client, cover):
    feed = Feed(client, client.jobs(2**53).revision)
    feed.start()
    submitted = client.submit([new(cover, f"f{i}") for i in range(3)])
    news: list = []
    wait_until(lambda: news.extend(feed.take()) or sum(_is_done(item) for item in news) == 3)
    assert isinstance(news[0], Found)
    assert {item.id for item in news if isinstance(item, Job)} == {job.id for job in submitted}
    feed.stop()


def _is_done(item):
    return isinstance(item, Job) and item.state is JobState.DONE


def test_a_call_gives_its_result_with_progress(client, tmp_path):
    Image.effect_noise((64, 64), 80).convert("RGB").save(tmp_path / "cover.png")
    told = []
    look = client.look(tmp_path / "cover.png", lambda progress, stage: told.append((progress, stage)))
    assert look.cover_sha256 == hashlib.sha256((tmp_path / "cover.png").read_bytes()).hexdigest()
    assert look.palette
    assert told[-1][0] == 1.0


def test_a_call_that_fails_says_why(client, tmp_path):
    (tmp_path / "cover.png").write_text("no picture")
    with pytest.raises(LinkError, match=r"cover|picture|image"):
        client.look(tmp_path / "cover.png")
    with pytest.raises(Refused, match="LookAtCover"):
        client.call("look", Pause(True))


def test_a_call_is_cancelled_by_an_error_of_who_waits(client, tmp_path):
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    path = client.upload(tmp_path / "song.wav")

    def stop(progress, stage):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.call("analyze", AnalyzeSong(path), stop)
    assert client.health().fault == ""


def test_this_machines_bridge_is_listed_and_watched(bridge, client, cover, monkeypatch, tmp_path):
    monkeypatch.setenv("BEATBOARD_HOME", str(bridge.home))
    mine = jobs_client.connect()
    client.pause(True)  # so that it can't be over before anyone watches
    (job,) = client.submit([new(cover, "w1")])
    seen = []
    for one in jobs_client.watch(mine):
        client.pause(False)
        seen += [one.state] if one.id == job.id else []
    assert (seen[0], seen[-1]) == (JobState.QUEUED, JobState.DONE)
    assert job.id in {one.id for one in jobs_client.all_jobs(mine)}
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path))
    (tmp_path / "bridge.json").write_text('{"url": "http://127.0.0.1:1", "token": "t", "pid": 1, "fingerprint": ""}')
    with pytest.raises(BadInput, match="No bridge is running"):
        jobs_client.connect()


def test_files_that_a_client_holds_must_be_there(client, cover):
    client.hold("blend-1", [cover])
    with pytest.raises(Refused, match="is not in the store"):
        client.hold("blend-1", ["0" * 64])


def test_a_wrong_token_and_a_dead_bridge_are_told_apart(client):
    with pytest.raises(Refused, match="Send the bridge's token"):
        Client(client.url, "wrong").health()
    with pytest.raises(Unreachable, match="does not answer"):
        Client("http://127.0.0.1:1", "token").health()
    with pytest.raises(LinkError, match="not a bridge's address"):
        Client("bridge", "token")


def test_killed_and_started_again_nothing_is_lost(tmp_path, cover):
    """Also: no worker outlives the bridge, and the feed tells of its loss and its return."""
    bridge = BridgeProcess(Installation(Path(sys.executable), ROOT, tmp_path / "home"), make_clip=FAKE)
    client = bridge.ensure()
    (tmp_path / "cover.png").write_bytes(b"c")
    cover = client.upload(tmp_path / "cover.png")
    client.submit([new(cover, "a", f"child {tmp_path / 'pids'}"), new(cover, "b"), new(cover, "c")], list("abc"))
    wait_until(lambda: (tmp_path / "pids").exists() and client.job("c").state is JobState.DONE)
    feed = Feed(client)
    feed.start()
    wait_until(lambda: any(isinstance(item, Found) for item in feed.take()))
    pid = json.loads((bridge.home / "bridge.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: any(isinstance(item, Lost) for item in feed.take()))
    wait_until(lambda: not any(map(runs, (tmp_path / "pids").read_text().split())))
    feed.stop()
    (tmp_path / "pids").unlink()

    again = bridge.ensure()
    assert {job.id: job.state for job in again.jobs().jobs if job.id != "a"} == {"b": "done", "c": "done"}
    wait_until((tmp_path / "pids").exists)
    assert "the bridge stopped: started again" in again.job("a").notes
    again.cancel("a")
    assert ended(again, "a").state is JobState.CANCELLED
    again.submit([new(cover, "d", steps="1000", step_s="0.1")], ["d"])
    wait_until(lambda: again.job("d").progress > 0)
    workers = psutil.Process(json.loads((bridge.home / "bridge.json").read_text())["pid"]).children()
    assert workers
    bridge.stop()
    assert not any(runs(worker.pid) for worker in workers)


def test_a_bridge_that_cannot_start_says_why(tmp_path):
    bridge = BridgeProcess(Installation(Path(sys.executable), ROOT, tmp_path), make_clip=FAKE)
    (tmp_path / "jobs.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(LinkError, match=r"did not start: .*jobs\.db is damaged"):
        bridge.ensure()
    nowhere = BridgeProcess(Installation(tmp_path / "no-python", ROOT, tmp_path))
    with pytest.raises(LinkError, match="Set the bridge up again"):
        nowhere.ensure()


@pytest.mark.skipif(os.name == "nt", reason="a shell's script")
def test_an_interpreter_without_the_packages_is_named_with_what_to_do(tmp_path):
    bare = tmp_path / "bare python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(LinkError, match=r"bare python has no module \w+, so it is not .* Set Up Here"):
        BridgeProcess(Installation(bare, ROOT, tmp_path)).ensure()
    assert process.plainly("disk full", bare) == "disk full"


def test_another_protocol_version_is_said(bridge, client, monkeypatch):
    spoken = process.PROTOCOL_VERSION
    monkeypatch.setattr(process, "PROTOCOL_VERSION", 99)
    with pytest.raises(LinkError, match=f"speaks protocol {spoken}, this add-on 99"):
        process.find(bridge.home)


def test_a_second_bridge_on_the_same_store_is_refused(bridge, client):
    program = (
        "from bridge.server.serve import serve\nfrom bridge.common.errors import BadInput\n"
        "try: serve()\nexcept BadInput as error: print(error)"
    )
    environment = os.environ | {"BEATBOARD_HOME": str(bridge.home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("Another bridge (process ")
    assert client.url in done.stdout
    assert client.health().fault == ""


def test_a_bridge_ends_with_the_program_that_started_it(tmp_path):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from blender_addon.client.process import BridgeProcess, Installation\n"
        f"BridgeProcess(Installation(Path(sys.executable), Path({str(ROOT)!r}), Path({str(tmp_path)!r}))).ensure()\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout
    assert parent.stdout.readline() == b"ready\n"
    pid = json.loads((tmp_path / "bridge.json").read_text())["pid"]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not runs(pid))
    assert not (tmp_path / "bridge.json").exists(), "it ended cleanly"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_signal_ends_the_bridge_cleanly(tmp_path):
    bridge = BridgeProcess(Installation(Path(sys.executable), ROOT, tmp_path), make_clip=FAKE)
    bridge.ensure()
    os.kill(json.loads((tmp_path / "bridge.json").read_text())["pid"], signal.SIGTERM)
    wait_until(lambda: not (tmp_path / "bridge.json").exists())
    wait_until(lambda: '"ended"' in bridge.log.read_text())
    bridge.stop()


def test_answers_in_another_language_are_said(client, monkeypatch):
    monkeypatch.setattr(codec, "loads", lambda kind, text: (_ for _ in ()).throw(codec.DecodeError("field missing")))
    with pytest.raises(LinkError, match="update both"):
        client.health()


def test_what_is_wrong_with_a_file_names_it_as_we_do(client, tmp_path):
    cover = tmp_path / "not a picture.png"
    cover.write_text("hello")
    with pytest.raises(LinkError) as caught:
        client.look(cover)
    assert str(cover) in str(caught.value)
    assert hashlib.sha256(b"hello").hexdigest() not in str(caught.value)
