import dataclasses
import json
import sqlite3
import threading
from fractions import Fraction

import pytest

from blender_addon.core import codec
from blender_addon.core.types import Clip, Job, JobState
from bridge.common.errors import BadInput
from bridge.jobs import migrations
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import Device, DeviceKind, Event, EventKind
from bridge.jobs.queue import JobQueue, Submission
from bridge.jobs.speeds import Load, Speeds
from tests.jobs.test_batch import request

CPU = DeviceKind.CPU


def clip(one, seconds=0.5):
    return Clip("a" * 64, one, one.frame_count, Fraction(24), one.width_px, one.height_px, seconds, 10.0)


def submissions(*ids):
    return [Submission(request(name), CPU, name) for name in ids]


def taken(jobs, kind=CPU):
    task = jobs.take(kind)
    assert task is not None
    return task.job_id


def states(jobs):
    return {job["id"]: job["state"] for job in map(json.loads, jobs.since(0).jobs)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def test_accepted_jobs_survive_and_running_ones_start_again_in_their_place(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a", "b", "c", "d"))
    assert [taken(jobs) for _ in range(3)] == ["a", "b", "c"]
    jobs.done("a", clip(request("a")))
    jobs.cancel("c")
    again = JobQueue(path)  # the first one was never closed: as after a crash
    assert again.recovered == 2
    assert states(again) == {"a": "done", "b": "queued", "c": "cancelled", "d": "queued"}
    assert again.get("a").clip == clip(request("a"))
    assert again.get("b").notes == ("the bridge stopped: started again",)
    assert taken(again) == "b"
    assert again.get("b").attempts == 2


def test_json_lists_and_objects_are_the_same_jobs(path):
    jobs = JobQueue(path)
    jobs.submit([Submission(request("ä", 'say "hi"\n\u2028'), CPU, "a"), *submissions("b")])
    jobs.take(CPU)
    jobs.progress("a", 0.25, "painting")
    listed = [codec.loads(Job, text) for text in jobs.since(0).jobs]
    assert sorted(listed, key=lambda job: job.id) == [jobs.get("a"), jobs.get("b")]
    assert jobs.get("a").progress == 0.25


@pytest.mark.parametrize("end", ["done", "fail", "cancelled"])
def test_what_has_ended_never_changes(path, end):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    jobs.take(CPU)
    ends = {"done": clip(request("a")), "fail": "it broke", "cancelled": None}
    getattr(jobs, end)(*[part for part in ("a", ends[end]) if part])
    before = jobs.get("a")
    jobs.done("a", clip(request("a"), 9.0))
    jobs.fail("a", "no")
    jobs.cancelled("a")
    jobs.progress("a", 0.5, "late")
    jobs.again("a", "no")
    jobs.cancel("a")
    assert jobs.get("a") == before
    assert jobs.take(CPU) is None


def test_a_queued_job_cannot_end_without_running(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    jobs.done("a", clip(request("a")))
    assert jobs.get("a").state is JobState.QUEUED


def test_only_failed_and_cancelled_jobs_are_retried(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a", "b"))
    with pytest.raises(BadInput, match="Job a is queued"):
        jobs.retry("a")
    jobs.take(CPU)
    jobs.fail("a", "it broke")
    assert jobs.retry("a").error == ""
    assert [taken(jobs) for _ in range(2)] == ["b", "a"], "a retried job goes to the end"
    with pytest.raises(BadInput, match="no job 'zz'"):
        jobs.retry("zz")


def test_order_pause_and_kinds(path):
    jobs = JobQueue(path)
    jobs.submit([*submissions("a", "b", "c"), Submission(request("g"), DeviceKind.GPU, "g")])
    jobs.put_first(["c", "nothing", "b"])
    jobs.paused = True
    assert jobs.take(CPU) is None
    jobs = JobQueue(path)
    assert jobs.paused, "the pause survives a restart"
    jobs.paused = False
    assert [job.id for job in jobs.active()] == ["c", "b", "a", "g"]
    assert taken(jobs, DeviceKind.GPU) == "g"
    assert [taken(jobs) for _ in range(3)] == ["c", "b", "a"]
    assert jobs.take(CPU) is None


def test_a_job_that_is_queued_again_keeps_its_place(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a", "b"))
    jobs.take(CPU)
    jobs.again("a", "crashed", crashes=1)
    assert taken(jobs) == "a"
    jobs.cancel("a")
    jobs.again("a", "crashed", crashes=2)
    assert jobs.get("a").state is JobState.CANCELLED, "it was cancelled before it crashed"


def test_a_batch_is_accepted_whole_or_not_at_all(path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    clash = [*submissions("b"), Submission(request("other"), CPU, "a")]
    with pytest.raises(BadInput, match="Job a exists with another request"):
        jobs.submit(clash)
    assert states(jobs) == {"a": "queued"}
    assert jobs.submit(submissions("a", "b"))[0].id == "a"


def test_pages_hold_every_change_once(path):
    jobs = JobQueue(path)
    jobs.submit(submissions(*"abcdefg"))
    seen, since, more = [], 0, True
    while more:
        page = jobs.since(since, limit=3)
        seen += [json.loads(text)["id"] for text in page.jobs]
        since, more = page.revision, page.more
    assert seen == list("abcdefg")
    assert jobs.since(since).jobs == ()
    jobs.cancel("c")
    page = jobs.since(since, states=[JobState.CANCELLED])
    assert [json.loads(text)["id"] for text in page.jobs] == ["c"]
    assert jobs.since(page.revision).jobs == ()
    assert jobs.since(2**53).revision == jobs.revision


def test_no_revision_is_given_twice_even_if_the_last_changes_are_lost(path, tmp_path):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    lost = jobs.since(0).revision
    jobs = JobQueue(path)
    jobs.cancel("a")
    assert jobs.revision > lost
    assert [json.loads(text)["state"] for text in jobs.since(lost).jobs] == ["cancelled"]


@pytest.mark.slow
def test_eight_clients_lose_no_update(path):
    """Each thread submits, follows and cancels; a follower's picture equals the queue's in the end."""
    jobs = JobQueue(path)
    picture: dict[str, str] = {}
    finished = threading.Event()

    def follow():
        since = 0
        while True:
            last = finished.is_set()
            page = jobs.since(since, limit=50)
            since = page.revision
            picture.update((job["id"], job["state"]) for job in map(json.loads, page.jobs))
            if last and not page.more:
                return

    def client(name):
        for i in range(25):
            jobs.submit(submissions(f"{name}-{i}"))
            if i % 2:
                jobs.cancel(f"{name}-{i}")
            elif task := jobs.take(CPU):
                jobs.done(task.job_id, clip(task.request))

    follower = threading.Thread(target=follow)
    clients = [threading.Thread(target=client, args=(name,)) for name in "abcdefgh"]
    for thread in [follower, *clients]:
        thread.start()
    for thread in clients:
        thread.join()
    finished.set()
    follower.join()
    assert len(picture) == 200
    assert picture == states(jobs)


def test_a_task_is_taken_once(path):
    jobs = JobQueue(path)
    jobs.submit(submissions(*(f"j{i}" for i in range(60))))
    all_taken: list[str] = []

    def take():
        while task := jobs.take(CPU):
            all_taken.append(task.job_id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(all_taken) == sorted(f"j{i}" for i in range(60))


def test_a_newer_database_is_refused_and_an_older_one_is_brought_up(path, monkeypatch):
    JobQueue(path).close()
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, "ALTER TABLE jobs ADD COLUMN colour TEXT;"))
    JobQueue(path).close()
    assert "colour" in [row[1] for row in sqlite3.connect(path).execute("PRAGMA table_info(jobs)")]
    monkeypatch.undo()
    with pytest.raises(BadInput, match="has version 2, this Beatboard knows up to 1: update"):
        JobQueue(path)


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    JobQueue(path).close()
    broken = "ALTER TABLE jobs ADD COLUMN colour TEXT; INSERT INTO nowhere VALUES (1);"
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, broken))
    with pytest.raises(BadInput, match="is damaged"):
        JobQueue(path)
    monkeypatch.undo()
    JobQueue(path).submit(submissions("a"))


class ScriptedExecutor:
    """Answers each task with the next of the events it was given."""

    def __init__(self, *kinds):
        self.kinds = list(kinds)
        self.levels = []
        self.siblings = []
        self.tell = lambda event: None
        self.free = True

    def free_kinds(self):
        return (CPU,) if self.free else ()

    def start(self, task, kind):
        self.free = False
        self.levels.append(task.memory_level)
        self.siblings.append(task.siblings)
        done = clip(task.request)
        self.free = True
        self.tell(Event(task.job_id, self.kinds.pop(0), message="why", clip=done, device="test"))

    def cancel(self, job_id):
        self.tell(Event(job_id, EventKind.CANCELLED))

    def tend(self):
        pass

    def close(self):
        pass


@pytest.mark.parametrize(
    ("events", "state", "levels"),
    [
        (["done"], "done", [0]),
        (["refused"], "failed", [0]),
        (["crashed", "crashed", "done"], "done", [0, 0, 0]),
        (["crashed", "crashed", "crashed"], "failed", [0, 0, 0]),
        (["out-of-memory", "crashed", "done"], "done", [0, 1, 1]),
        (["out-of-memory", "crashed", "out-of-memory", "crashed", "done"], "done", [0, 1, 1, 2, 2]),
        (["out-of-memory"] * 5, "failed", [0, 1, 2, 3, 4]),
    ],
)
def test_the_failure_policy(path, tmp_path, events, state, levels):
    jobs = JobQueue(path)
    jobs.submit(submissions("a"))
    dispatcher = Dispatcher(jobs, Speeds(tmp_path / "speeds.db"))
    executor = ScriptedExecutor(*map(EventKind, events))
    executor.tell = dispatcher.on_event
    dispatcher.run(executor, until_idle=True)
    assert jobs.get("a").state == state
    assert executor.levels == levels
    assert len(jobs.get("a").notes) == len(levels) - 1
    assert ("why" in jobs.get("a").error) == (state == "failed")


def estimate(speeds, *arguments):
    found = speeds.estimate(*arguments)
    assert found is not None
    return found


def test_estimates_come_from_what_was_measured(tmp_path):
    speeds = Speeds(tmp_path / "speeds.db")
    two = [Device(CPU, 0, "test"), Device(CPU, 1, "test")]
    assert speeds.estimate([request()], two) is None
    speeds.record(clip(request(), seconds=2.4), "test", 100)
    assert estimate(speeds, [request()] * 3, two).seconds == pytest.approx(4.8)
    assert estimate(speeds, [request()] * 3, two, [0.5, 1.0, 1.0]).seconds == pytest.approx(3.6)
    assert estimate(speeds, [request()], two).peak_memory_bytes == 100
    larger = dataclasses.replace(request(), width_px=128, frame_count=12)
    assert estimate(speeds, [larger], two).seconds == pytest.approx(2.4)
    assert Speeds(tmp_path / "speeds.db").estimate([request()], [Device(CPU, 0, "other")]) is None
    for _ in range(30):
        speeds.record(clip(request(), seconds=24.0), "test", 50)
    assert estimate(speeds, [request()], two).seconds == pytest.approx(24.0, rel=0.01)
    assert estimate(speeds, [request()], two).peak_memory_bytes == 100


def test_a_keyframe_engine_is_told_the_other_shots_of_its_video(path, tmp_path):
    def shot(name, **changes):
        return dataclasses.replace(request(name), painter="sdxl", animator="svd", **({"shot_id": name} | changes))

    jobs = JobQueue(path)
    asked = {
        "a": shot("s1"),
        "b": shot("s2"),
        "b2": shot("s2", seed=5),
        "c": shot("s3"),
        "other cover": shot("s4", cover_sha256="b" * 64),
        "gone": shot("s5"),
    }
    jobs.submit([Submission(one, CPU, name) for name, one in asked.items()])
    jobs.cancel("gone")
    executor = ScriptedExecutor(*[EventKind.DONE] * 5)
    dispatcher = Dispatcher(jobs, Speeds(tmp_path / "speeds.db"))
    executor.tell = dispatcher.on_event
    dispatcher.run(executor, until_idle=True)
    assert [[sibling.shot_id for sibling in siblings] for siblings in executor.siblings] == [
        ["s2", "s3"],
        ["s1", "s3"],
        ["s1", "s3"],
        ["s1", "s2"],
        [],
    ]
    assert executor.siblings[0] == (asked["b2"], asked["c"]), "as they were last asked for"


def test_damaged_measures_are_made_anew(tmp_path):
    (tmp_path / "speeds.db").write_bytes(b"nonsense" * 1000)
    speeds = Speeds(tmp_path / "speeds.db")
    speeds.record(clip(request(), seconds=2.4), "test", 100)
    assert estimate(speeds, [request()], [Device(CPU, 0, "test")]).seconds == pytest.approx(2.4)


def test_many_shots_are_estimated_as_one_by_one(tmp_path):
    speeds = Speeds(tmp_path / "speeds.db")
    three = [Device(CPU, i, "test") for i in range(3)]
    speeds.record(clip(request(), seconds=2.4), "test", 100)
    load = Load(CPU, "fake+fake", 64, 36, 24, 10_000)
    found = speeds.estimate_loads([load], three)
    assert found is not None
    assert found.seconds == pytest.approx(estimate(speeds, [request()] * 10_000, three).seconds)
