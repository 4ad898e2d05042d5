"""What the queue does when its rows, its file or what it was told are damaged."""

import contextlib
import dataclasses
import json
import os
import sqlite3

import av
import numpy as np
import pytest

from blender_addon.core import codec
from blender_addon.core.types import Job, JobState
from bridge.common import clock
from bridge.common.errors import BadInput
from bridge.common.store import Store
from bridge.jobs import clip_check, dispatcher, queue, queue_file
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import Event, EventKind
from bridge.jobs.queue import JobQueue
from bridge.jobs.speeds import Speeds
from tests.jobs.test_batch import request
from tests.jobs.test_queue import CPU, ScriptedExecutor, clip, states, submissions, taken

NAMES = [f"j{i:03}" for i in range(300)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def change(path, assignment, values=()):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"UPDATE jobs SET {assignment} WHERE id = 'b'", values)


def listed(jobs):
    return {job.id: job for job in (codec.loads(Job, text) for text in jobs.since(0).jobs)}


DAMAGE = [
    ("request = replace(request, '\"motion\"', '\"verve\"')", ()),
    ("request = 'nonsense'", ()),
    ("request = ?", (b"\x00\xff\xfe",)),
    ("request = ?", ("[" * 100_000,)),
    ("clip = '{}'", ()),
    ("notes = 'nonsense'", ()),
    ("notes = '[1, NaN]'", ()),
    ("progress = 'half'", ()),
    ("attempts = 'many'", ()),
    ("error = ?", (b"\xff",)),
    ("state = 'exploded'", ()),
]


@pytest.mark.parametrize(("assignment", "values"), DAMAGE)
@pytest.mark.parametrize("find", ["listing", "taking", "asking"])
def test_a_job_that_cannot_be_read_fails_and_says_so(path, assignment, values, find):
    jobs = JobQueue(path)
    jobs.submit(submissions("a", "b", "c"))
    change(path, assignment, values)
    if find == "listing":
        listed(jobs)
    elif find == "taking":
        assert [taken(jobs) for _ in range(2)] == ["a", "c"]
    else:
        jobs.get("b")
    job = listed(jobs)["b"]
    assert job.state is JobState.FAILED
    assert "can't be read" in job.error
    assert jobs.get("b") == job
    assert listed(jobs)["c"].error == ""
    jobs.delete("b")
    assert "b" not in listed(jobs)


def test_what_is_running_with_damaged_notes_is_recovered(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("b"))
    jobs.take(CPU)
    change(path, "notes = 'nonsense', crashes = 'many'")
    assert JobQueue(path).recovered == 1
    assert states(JobQueue(path)) == {"b": "queued"}


def test_a_row_that_is_damaged_while_it_is_taken_is_given_to_no_worker(path):
    def damages(job_id, state):
        if (job_id, state) == ("b", JobState.RUNNING):
            change(path, *DAMAGE[0])

    jobs = JobQueue(path, damages)
    jobs.submit(submissions("b", "c"))
    assert taken(jobs) == "c"
    assert "can't be read" in jobs.get("b").error


class Slow(ScriptedExecutor):
    """Whose tasks end when the test says so."""

    def __init__(self):
        super().__init__()
        self.started = []
        self.cancelled = []

    def start(self, task, kind):
        self.started.append(task.job_id)

    def cancel(self, job_id):
        self.cancelled.append(job_id)

    def free_kinds(self):
        return (CPU,) if len(self.started) < 3 else ()


def test_one_job_is_never_in_two_workers(path, tmp_path):
    """Its row is damaged while it runs; its client deletes it and sends it anew; its worker still works."""
    jobs, executor = JobQueue(path), Slow()
    one = Dispatcher(jobs, Speeds(tmp_path / "speeds.db"))
    jobs.submit(submissions("b"))
    one._start_what_fits(executor)
    change(path, *DAMAGE[0])
    assert jobs.get("b").state is JobState.FAILED
    one._stop_what_nobody_waits_for(executor)
    assert executor.cancelled == ["b"]
    jobs.delete("b")
    jobs.submit(submissions("b", "c"))
    one._start_what_fits(executor)
    assert executor.started == ["b", "c"]
    one._stop_what_nobody_waits_for(executor)
    assert executor.cancelled == ["b"], "somebody waits again"
    one._handle(Event("b", EventKind.DONE, clip=clip(request("b"))))
    assert jobs.get("b").state is JobState.QUEUED
    one._start_what_fits(executor)
    assert executor.started == ["b", "c", "b"]


def test_only_what_has_ended_is_deleted(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    with pytest.raises(BadInput, match="cancel it first"):
        jobs.delete("a")
    with pytest.raises(BadInput, match="no job"):
        jobs.delete("b")
    jobs.cancel("a")
    jobs.delete("a")
    assert states(jobs) == {}


def scribbled(path, pages):
    """Noise over these pages of a closed database."""
    noise = np.random.default_rng(1)
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * 4096)
            file.write(noise.bytes(4096))


def filled(path):
    jobs = JobQueue(path)
    jobs.submit(submissions(*NAMES))
    for _ in NAMES[:100]:
        jobs.done(taken(jobs), clip(request("x")))
    return jobs


def test_scribbled_pages_are_found_at_the_start_and_what_can_be_read_is_saved(path):
    jobs = filled(path)
    jobs.close()
    page_count = path.stat().st_size // 4096
    scribbled(path, range(page_count // 4, 3 * page_count // 4, 3))
    saved = JobQueue(path)
    found = states(saved)
    assert 100 < len(found) < 300
    assert f"{len(found)} jobs were read from it and 0 from its backup" in saved.notice
    assert saved.notice.count(". ") == 0, "one sentence"
    assert [each.name for each in path.parent.glob("jobs.db.damaged-*")]
    assert saved.revision > jobs.revision
    saved.close()
    assert JobQueue(path).notice == ""


def test_what_is_scribbled_over_comes_back_from_the_backup(path):
    jobs = filled(path)
    jobs.back_up()
    jobs.submit(submissions("later"))
    jobs.close()
    page_count = path.stat().st_size // 4096
    scribbled(path, range(2, page_count - 3, 3))
    saved = JobQueue(path)
    assert set(NAMES) <= states(saved).keys()
    assert sum(state == "queued" for state in states(saved).values()) >= 200


def test_a_backup_is_not_replaced_by_a_copy_of_what_was_damaged_since(path):
    jobs = filled(path)
    jobs.back_up()
    whole = queue_file.backup_of(path).read_bytes()
    jobs.submit(submissions("new"))
    jobs.close()
    scribbled(path, range(4, path.stat().st_size // 4096, 3))
    with pytest.raises(BadInput, match="end the bridge and start it again"):
        queue_file.back_up(path)
    assert queue_file.backup_of(path).read_bytes() == whole


def test_a_state_that_is_named_twice_is_listed_once(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    assert len(jobs.since(0, states=[JobState.QUEUED] * 2).jobs) == 1


def test_a_file_that_is_no_database_is_replaced_by_its_backup(path):
    jobs = filled(path)
    jobs.back_up()
    jobs.close()
    path.write_bytes(b"nonsense" * 1000)
    assert len(states(JobQueue(path))) == 300


def test_without_a_backup_it_is_left_to_its_owner(path):
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(BadInput, match="Move it away"):
        JobQueue(path)
    assert path.read_bytes().startswith(b"nonsense")


def test_a_newer_database_is_refused_and_left_alone(path):
    JobQueue(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(BadInput, match="has version 99"):
        JobQueue(path)
    assert not list(path.parent.glob("*damaged*"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_database_and_backup_are_private(path):
    path.touch(mode=0o644)
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    jobs.back_up()
    modes = {each.name: each.stat().st_mode & 0o077 for each in path.parent.iterdir()}
    assert modes.keys() >= {"jobs.db", "jobs.db-wal", "jobs-backup.db"}
    assert not any(modes.values())


def test_pages_are_bounded_by_bytes(path, monkeypatch):
    monkeypatch.setattr(queue, "PAGE_LIMIT_BYTES", 10_000)
    jobs = JobQueue(path)
    jobs.submit(submissions("a", "b"))
    large = dataclasses.replace(request(), prompt="x" * 9_000)
    jobs.submit([dataclasses.replace(each, request=large) for each in submissions("c", "d", "e")])
    sizes, names, since, more = [], [], 0, True
    while more:
        page = jobs.since(since)
        sizes.append(sum(map(len, page.jobs)))
        names += [json.loads(text)["id"] for text in page.jobs]
        since, more = page.revision, page.more
    assert names == list("abcde")
    assert max(sizes) < 13_000


def test_several_states_are_merged_in_order(path):
    jobs = JobQueue(path)
    jobs.submit(submissions(*"abcdef"))
    jobs.cancel("b")
    jobs.take(CPU)
    jobs.cancel("e")
    page = jobs.since(0, states=[JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED], limit=4)
    assert [json.loads(text)["id"] for text in page.jobs] == ["c", "d", "f", "b"]
    assert page.more
    rest = jobs.since(page.revision, states=[JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED])
    assert [json.loads(text)["id"] for text in rest.jobs] == ["a", "e"]


class Chatty(ScriptedExecutor):
    """Tells something whenever it is asked, so that there is always something to hear; stops after a while."""

    def __init__(self, stop):
        super().__init__()
        self.tended = self.asked = 0
        self.stop = stop

    def free_kinds(self):
        self.asked += 1
        self.tell(Event("j", EventKind.PROGRESS, 0.5, "painting"))
        if self.asked == 100:
            self.stop()
        return ()

    def tend(self):
        self.tended += 1


def test_workers_are_tended_by_the_clock_however_much_one_tells(path, tmp_path, monkeypatch):
    now_s = 0.0

    def now():
        nonlocal now_s
        now_s += 0.1
        return now_s

    monkeypatch.setattr(clock, "now_s", now)
    one = Dispatcher(JobQueue(path), Speeds(tmp_path / "speeds.db"))
    executor = Chatty(one.stop)
    executor.tell = one.on_event
    one.run(executor)
    assert now_s / dispatcher.TEND_EVERY_S / 2 < executor.tended < now_s / dispatcher.TEND_EVERY_S


def film(path, frame_count):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for _ in range(frame_count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((36, 64, 3), np.uint8))))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("frame_count", "claimed", "fault"),
    [
        (24, {}, ""),
        (3, {}, "its file has 3 of 24 frames"),
        (24, {"frame_count": 3}, "it has 3 of 24 frames"),
        (24, {"handle_frames": 2}, "its file has 24 of 28 frames"),
        (28, {"handle_frames": 2}, ""),
        (24, {"sha256": "0" * 64}, "The store has no file"),
    ],
)
def test_a_clip_that_is_not_what_was_asked_for_fails_its_job(path, tmp_path, frame_count, claimed, fault):
    store = Store(tmp_path / "store")
    film(tmp_path / "clip.mp4", frame_count)
    made = dataclasses.replace(clip(request()), **({"sha256": store.put(tmp_path / "clip.mp4")} | claimed))
    if made.sha256 in store:
        store.remember("key", made)
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    one = Dispatcher(
        jobs, Speeds(tmp_path / "speeds.db"), fault_of=lambda clip, asked: clip_check.fault_of(clip, asked, store)
    )
    executor = ScriptedExecutor(EventKind.DONE)
    executor.tell = lambda event: one.on_event(dataclasses.replace(event, clip=made))
    one.run(executor, until_idle=True)
    assert jobs.get("a").state == ("failed" if fault else "done")
    assert fault in jobs.get("a").error
    assert (store.clip_for("key") is None) == bool(fault), "what is wrong is not given to the next who asks"


def test_a_torn_film_is_found(tmp_path):
    store = Store(tmp_path / "store")
    film(tmp_path / "clip.mp4", 24)
    data = (tmp_path / "clip.mp4").read_bytes()
    torn = dataclasses.replace(clip(request()), sha256=store.put_bytes(data[: len(data) // 2]))
    assert "damaged" in clip_check.fault_of(torn, request(), store)


def test_no_number_that_is_none_becomes_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.dumps(dataclasses.replace(clip(request()), flow_px=float("nan")))
    text = codec.dumps(clip(request())).replace('"flow_px":10.0', '"flow_px":NaN')
    with pytest.raises(codec.DecodeError, match="flow_px: nan is no finite number"):
        codec.loads(type(clip(request())), text)


def test_the_backup_of_a_queue_in_use_is_whole(path):
    jobs = filled(path)
    jobs.back_up()
    jobs.submit(submissions("later"))
    db, told = queue_file.opened(queue_file.backup_of(path))
    assert told == ""
    assert db.execute("SELECT count(*) FROM jobs").fetchone()[0] == 300
    db.close()
