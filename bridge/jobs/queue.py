# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: every job, on disk (SQLite), from the moment it is accepted.

A job's state changes only here, each change in one transaction with a new revision number, so that a reader who
asks for what changed since a revision misses nothing. One process owns a queue; any thread of it may call.
"""

import contextlib
import functools
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.types import Clip, ClipRequest, Job, JobState
from bridge.common.errors import BadInput
from bridge.jobs.executor import DeviceKind, Task
from bridge.jobs.migrations import migrate

ACTIVE = (JobState.QUEUED, JobState.RUNNING)
_REVISIONS_RESERVED = 10_000


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be: with an id made by whoever submits, so that submitting again after a lost answer is harmless."""

    request: ClipRequest
    kind: DeviceKind = DeviceKind.CPU
    id: str = ""

    @classmethod
    def new(cls, request: ClipRequest, kind: DeviceKind) -> "Submission":
        """With an id of its own."""
        return cls(request, kind, uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs in order of their last change, each as JSON text."""

    revision: int
    """ask for what changed since this one next time"""
    jobs: tuple[str, ...]
    more: bool
    """ask again at once"""


class JobQueue:
    """The jobs in one database.

    Args:
        path: the database's file; None keeps it in memory.
        on_change: called with a job's id and state after each change, from the thread that made it.

    Raises:
        BadInput: the database is damaged, or a newer Beatboard's.
    """

    def __init__(self, path: Path | None, on_change: Callable[[str, JobState], None] | None = None) -> None:
        self._on_change = on_change
        self._lock = threading.RLock()
        self._db = _open(path or ":memory:")
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            migrate(self._db)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise BadInput(
                f"The queue's database {path} is damaged ({error}). Move it away and start again: finished clips are"
                " in the store, only the queue is lost."
            ) from None
        self._ceiling = self._setting("revision_ceiling")
        self._revision = self._committed = self._ceiling
        self._read_lock, self._reader = self._lock, self._db
        if path:  # so that lists need not wait for the disk to take what is written
            self._read_lock, self._reader = threading.RLock(), _open(path)
            self._reader.execute("PRAGMA query_only = 1")
        self.recovered = self.recover()

    def close(self) -> None:
        """Closes the database."""
        with self._read_lock, self._lock:
            self._reader.close()
            self._db.close()

    # For clients

    def submit(self, submissions: Sequence[Submission]) -> list[Job]:
        """Accepts all of these jobs or, on an error, none. An id that is known already gives its job as it is.

        Raises:
            BadInput: an id is known with another request.
        """
        with self._writing() as db:
            (position,) = db.execute("SELECT coalesce(max(position), 0) FROM jobs WHERE state = 'queued'").fetchone()
            for submission in submissions:
                request = codec.dumps(submission.request)
                known = db.execute("SELECT request FROM jobs WHERE id = ?", (submission.id,)).fetchone()
                if known and known["request"] != request:
                    raise BadInput(f"Job {submission.id} exists with another request; use a new id.")
                if not known:
                    position += 1
                    db.execute(
                        "INSERT INTO jobs (id, revision, position, kind, state, request)"
                        " VALUES (?, ?, ?, ?, 'queued', ?)",
                        (submission.id, self._next_revision(), position, submission.kind, request),
                    )
        for submission in submissions:
            self._tell(submission.id)
        return [self.get(submission.id) for submission in submissions]

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            BadInput: there is none with this id.
        """
        return _job(self._row(job_id))

    def since(self, revision: int, limit: int = 500, states: Sequence[JobState] = ()) -> Page:
        """What changed since a revision (0: everything), oldest change first."""
        by_state = (
            f"INDEXED BY jobs_by_state WHERE state IN ({', '.join('?' * len(states))}) AND" if states else "WHERE"
        )
        latest = self._committed  # before the rows: what is committed in between comes again next time
        with self._read_lock:
            rows = self._reader.execute(
                f"SELECT * FROM jobs {by_state} revision > ? ORDER BY revision LIMIT ?",
                (*states, revision, limit + 1),
            ).fetchall()
        more = len(rows) > limit
        rows = rows[:limit]
        seen = rows[-1]["revision"] if rows else 0
        return Page(seen if more else max(latest, seen), tuple(map(_json, rows)), more)

    def active(self) -> list[Job]:
        """What is queued or running: running first, then in the queue's order."""
        with self._read_lock:
            rows = self._reader.execute(
                "SELECT * FROM jobs WHERE state IN ('queued', 'running') ORDER BY state = 'queued', position"
            ).fetchall()
        return [_job(row) for row in rows]

    def active_ids(self) -> set[str]:
        """The ids of what is queued or running."""
        with self._read_lock:
            rows = self._reader.execute("SELECT id FROM jobs WHERE state IN ('queued', 'running')").fetchall()
        return {row["id"] for row in rows}

    def cancel(self, job_id: str) -> Job:
        """Cancels a queued job at once; marks a running one, which ends soon. One that has ended stays as it is.

        Raises:
            BadInput: there is none with this id.
        """
        self._row(job_id)
        self._change(job_id, "state = 'cancelled', stage = ''", where="state = 'queued'")
        self._change(job_id, "cancelling = 1, stage = 'cancelling'", where="state = 'running' AND NOT cancelling")
        return self.get(job_id)

    def retry(self, job_id: str) -> Job:
        """Queues a failed or cancelled job again, at the end.

        Raises:
            BadInput: there is none with this id, or it is neither.
        """
        changed = self._change(
            job_id,
            "state = 'queued', progress = 0, stage = '', error = '', notes = '[]', crashes = 0, memory_level = 0,"
            " cancelling = 0, position = (SELECT coalesce(max(position), 0) + 1 FROM jobs WHERE state = 'queued')",
            where="state IN ('failed', 'cancelled')",
        )
        if not changed:
            raise BadInput(f"Job {job_id} is {self.get(job_id).state}; only failed or cancelled jobs can be retried.")
        return self.get(job_id)

    def put_first(self, job_ids: Sequence[str]) -> None:
        """Moves these queued jobs to the front, in this order. Ids of jobs that aren't queued are passed over."""
        with self._writing() as db:
            (first,) = db.execute("SELECT coalesce(min(position), 0) FROM jobs WHERE state = 'queued'").fetchone()
            for offset, job_id in enumerate(job_ids):
                db.execute(
                    "UPDATE jobs SET position = ?, revision = ? WHERE id = ? AND state = 'queued'",
                    (first - len(job_ids) + offset, self._next_revision(), job_id),
                )
        for job_id in job_ids:
            with contextlib.suppress(BadInput):
                self._tell(job_id)

    @property
    def revision(self) -> int:
        """The number of the last change that anyone can see."""
        return self._committed

    @property
    def paused(self) -> bool:
        """Whether queued jobs wait."""
        return bool(self._setting("paused"))

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self._writing():
            self._set("paused", int(paused))

    # For the dispatcher

    def take(self, kind: DeviceKind) -> Task | None:
        """The next queued job of this kind, now running; None if there is none or the queue is paused."""
        if self.paused:
            return None
        with self._lock:
            row = self._db.execute(
                "SELECT * FROM jobs WHERE state = 'queued' AND kind = ? ORDER BY position LIMIT 1", (kind,)
            ).fetchone()
            if row is None:
                return None
            self._change(row["id"], "state = 'running', stage = 'starting', attempts = attempts + 1")
        return Task(row["id"], _request(row["request"]), row["memory_level"])

    def siblings(self, task: Task, kind: DeviceKind) -> tuple[ClipRequest, ...]:
        """The other shots of the task's video, each as it was last asked for, in the queue's order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT request FROM (SELECT request, position FROM jobs WHERE kind = ?"
                " AND state IN ('queued', 'running', 'done') ORDER BY position DESC LIMIT ?) ORDER BY position",
                (kind, _MOST_SIBLINGS),
            ).fetchall()
        shots = {request.shot_id: request for row in rows if _same_video(request := _request(row[0]), task.request)}
        shots.pop(task.request.shot_id, None)
        return tuple(shots.values())

    def progress(self, job_id: str, progress: float, stage: str) -> None:
        """Notes how far a running job is. May be lost in a power failure."""
        self._change(
            job_id,
            "progress = ?, stage = ?",
            (progress, stage),
            where="state = 'running' AND NOT cancelling",
            durable=False,
        )

    def done(self, job_id: str, clip: Clip) -> None:
        """Ends a running job well."""
        self._change(job_id, "state = 'done', progress = 1, stage = '', clip = ?", (codec.dumps(clip),), where=_RUNNING)

    def fail(self, job_id: str, error: str) -> None:
        """Ends a running job with an error."""
        self._change(job_id, "state = 'failed', stage = '', error = ?", (error,), where=_RUNNING)

    def cancelled(self, job_id: str) -> None:
        """Ends a running job that was cancelled."""
        self._change(job_id, "state = 'cancelled', stage = ''", where=_RUNNING)

    def again(self, job_id: str, note: str, *, memory_level: int = 0, crashes: int = 0) -> None:
        """Queues a running job again, at its old place; or cancels it, if that was asked for meanwhile."""
        self._change(
            job_id,
            "state = iif(cancelling, 'cancelled', 'queued'), progress = 0, stage = '',"
            " notes = json_insert(notes, '$[#]', ?), memory_level = ?, crashes = ?",
            (note, memory_level, crashes),
            where=_RUNNING,
        )

    def crashes(self, job_id: str) -> int:
        """How often its worker died over it."""
        return self._row(job_id)["crashes"]

    def memory_level(self, job_id: str) -> int:
        """How often it ran out of memory."""
        return self._row(job_id)["memory_level"]

    # Inside

    def recover(self) -> int:
        """What is marked as running, but nobody runs any more, is queued again, at its old place."""
        with self._lock:
            rows = self._db.execute("SELECT id, memory_level, crashes FROM jobs WHERE state = 'running'").fetchall()
            for row in rows:
                note = "the bridge stopped: started again"
                self.again(row["id"], note, memory_level=row["memory_level"], crashes=row["crashes"])
        return len(rows)

    def _change(
        self, job_id: str, assignments: str, values: tuple = (), *, where: str = "1", durable: bool = True
    ) -> bool:
        """Changes a job, if the condition holds; then tells. False if it didn't."""
        with self._writing(durable=durable) as db:
            changed = db.execute(
                f"UPDATE jobs SET {assignments}, revision = ? WHERE id = ? AND {where}",
                (*values, self._next_revision(), job_id),
            ).rowcount
        if changed:
            self._tell(job_id)
        return bool(changed)

    def _tell(self, job_id: str) -> None:
        if self._on_change:
            self._on_change(job_id, JobState(self._row(job_id)["state"]))

    def _row(self, job_id: str) -> sqlite3.Row:
        with self._read_lock:
            row = self._reader.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise BadInput(f"There is no job {job_id[:64]!r}; list the jobs to see their ids.")
        return row

    def _next_revision(self) -> int:
        """A number never given before, not even by an owner whose last changes a power failure took."""
        if self._revision >= self._ceiling:
            self._reserve_revisions()
        self._revision += 1
        return self._revision

    def _reserve_revisions(self) -> None:
        self._ceiling = max(self._ceiling, self._revision) + _REVISIONS_RESERVED
        self._set("revision_ceiling", self._ceiling)

    def _setting(self, name: str) -> int:
        with self._lock:
            return self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()[0]

    def _set(self, name: str, value: int) -> None:
        self._db.execute("UPDATE settings SET value = ? WHERE name = ?", (value, name))

    @contextlib.contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            scarce = self._ceiling - self._revision < 100
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable or scarce else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if scarce:
                    self._reserve_revisions()
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                self._ceiling = self._setting("revision_ceiling")
                raise
            self._db.execute("COMMIT")
            self._committed = self._revision


_RUNNING = "state = 'running'"
_MOST_SIBLINGS = 200
"""of the newest jobs are looked at"""


def _same_video(one: ClipRequest, other: ClipRequest) -> bool:
    fields = ("engine", "cover_sha256", "character_sha256", "width_px", "height_px", "fps", "settings")
    return all(getattr(one, field) == getattr(other, field) for field in fields)


def _open(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def _json(row: sqlite3.Row) -> str:
    """The row as the JSON of a `Job`, without reading the parts that are JSON already."""
    plain = {name: row[name] for name in ("id", "state", "progress", "stage", "error", "attempts")}
    head = json.dumps(plain, ensure_ascii=False)[:-1]
    return f'{head}, "request": {row["request"]}, "clip": {row["clip"] or "null"}, "notes": {row["notes"]}}}'


def _job(row: sqlite3.Row) -> Job:
    return Job(
        *(row["id"], JobState(row["state"]), _request(row["request"]), row["progress"], row["stage"], row["error"]),
        clip=codec.loads(Clip, row["clip"]) if row["clip"] else None,
        attempts=row["attempts"],
        notes=tuple(json.loads(row["notes"])),
    )


@functools.lru_cache(maxsize=4096)
def _request(text: str) -> ClipRequest:
    return codec.loads(ClipRequest, text)
