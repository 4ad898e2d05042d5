# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: every job, on disk (SQLite), from the moment it is accepted.

A job's state changes only here, each change in one transaction with a new revision number, so that a reader who
asks for what changed since a revision misses nothing. One process owns a queue; any thread of it may call.
"""

import contextlib
import heapq
import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.types import Clip, ClipRequest, Framing, Job, JobState, ShotKind
from bridge.common.errors import BadInput
from bridge.jobs import queue_file
from bridge.jobs.executor import DeviceKind, Task
from bridge.jobs.migrations import migrate
from bridge.jobs.speeds import Load

log = logging.getLogger(__name__)
ACTIVE = (JobState.QUEUED, JobState.RUNNING)
PAGE_LIMIT_BYTES = 1 << 21
"""a page of jobs ends when it is so large: a client that doesn't read holds no more than that of our memory"""
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
        self.notice = ""
        """one sentence, if the database was damaged and had to be saved"""
        if path:
            self._db, self.notice = queue_file.opened(path)
        else:
            self._db = queue_file.connect(":memory:")
            migrate(self._db)
        self._path = path
        self._backed_up = -1
        self._ceiling = max(self._setting("revision_ceiling"), self._newest_revision())
        self._revision = self._committed = self._ceiling
        self._read_lock, self._reader = self._lock, self._db
        if path:  # so that lists need not wait for the disk to take what is written
            self._read_lock, self._reader = threading.RLock(), queue_file.connect(path)
            self._reader.execute("PRAGMA query_only = 1")
        self._sound: set[int] = set()
        self.recovered = self.recover()

    def back_up(self) -> None:
        """Copies the database beside itself, if it changed since the last copy. Jobs come and go meanwhile."""
        if self._path and self._backed_up != self._committed:
            self._backed_up = self._committed
            queue_file.back_up(self._path)

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
            (position,) = db.execute(f"SELECT {_LAST}").fetchone()
            for submission in submissions:
                request = codec.dumps(submission.request)
                known = db.execute("SELECT request FROM jobs WHERE id = ?", (submission.id,)).fetchone()
                if known and known["request"] != request:
                    raise BadInput(f"Job {submission.id} exists with another request; use a new id.")
                if not known:
                    position += 1
                    one = submission.request
                    db.execute(
                        "INSERT INTO jobs (id, revision, position, kind, state, request, engine, width_px, height_px,"
                        " frame_count) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?)",
                        (
                            *(submission.id, self._next_revision(), position, submission.kind, request),
                            *(one.engine, one.width_px, one.height_px, one.frame_count),
                        ),
                    )
        jobs = [self.get(submission.id) for submission in submissions]
        for job in jobs:
            self._tell(job.id, job.state)
        return jobs

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            BadInput: there is none with this id.
        """
        return _job(self._sound_row(job_id))

    def since(self, revision: int, limit: int = 500, states: Sequence[JobState] = ()) -> Page:
        """What changed since a revision (0: everything), oldest change first. Large jobs make shorter pages."""
        while True:
            latest = self._committed  # before the rows: what is committed in between comes again next time
            rows, more = self._changed_since(revision, limit, states)
            damaged = [row for row in rows if not self._is_sound(row)]
            if not damaged:
                seen = rows[-1]["revision"] if rows else 0
                return Page(seen if more else max(latest, seen), tuple(map(_json, rows)), more)
            for row in damaged:
                self._set_aside(row)

    def _changed_since(self, revision: int, limit: int, states: Sequence[JobState]) -> tuple[list[sqlite3.Row], bool]:
        """The rows of a page, and whether there are more: each state's come in order, and are merged."""
        asked = dict.fromkeys(states)  # each once, however often it is named
        where = [("INDEXED BY jobs_by_state WHERE state = ? AND", (state,)) for state in asked] or [("WHERE", ())]
        rows: list[sqlite3.Row] = []
        size_bytes = 0
        with self._read_lock:
            cursors = [
                self._reader.execute(
                    f"SELECT * FROM jobs {condition} revision > ? ORDER BY revision LIMIT ?",
                    (*values, revision, limit + 1),
                )
                for condition, values in where
            ]
            for row in heapq.merge(*cursors, key=lambda row: row["revision"]):
                size_bytes += len(row["request"]) + len(row["clip"] or "")
                if len(rows) == limit or (rows and size_bytes > PAGE_LIMIT_BYTES):
                    return rows, True
                rows.append(row)
        return rows, False

    def loads(self) -> list[Load]:
        """What is queued and running, as an estimate needs it: running first."""
        with self._read_lock:
            running = self._reader.execute(
                "SELECT kind, engine, width_px, height_px, frame_count, 1, 1.0 - progress FROM jobs"
                " WHERE state = 'running'"
            ).fetchall()
            queued = self._reader.execute("SELECT *, 1.0 FROM waiting WHERE count > 0").fetchall()
        return [Load(*row) for row in (*running, *queued) if row["kind"] in _KINDS]

    def counts(self) -> tuple[int, int]:
        """How many are queued, and how many are running."""
        with self._read_lock:
            counts = self._reader.execute(
                "SELECT (SELECT coalesce(sum(count), 0) FROM waiting),"
                " (SELECT count(*) FROM jobs INDEXED BY jobs_by_state WHERE state = 'running')"
            ).fetchone()
        return counts[0], counts[1]

    def active(self) -> list[Job]:
        """What is queued or running: running first, then in the queue's order."""
        with self._read_lock:
            rows = self._reader.execute(
                "SELECT * FROM jobs WHERE state IN ('queued', 'running') ORDER BY state = 'queued', position"
            ).fetchall()
        return [_job(row) for row in rows if self._is_sound(row)]

    def active_ids(self) -> set[str]:
        """The ids of what is queued or running."""
        with self._read_lock:
            rows = self._reader.execute("SELECT id FROM jobs WHERE state IN ('queued', 'running')").fetchall()
        return {row["id"] for row in rows}

    def is_active(self, job_id: str) -> bool:
        """Whether it is queued or running."""
        with self._read_lock:
            row = self._reader.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return row is not None and row["state"] in ACTIVE

    def needed_files(self, job_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Pairs of a file's hash and the job that needs it, of those that can be read."""
        pairs = []
        for job_id in job_ids:
            with contextlib.suppress(BadInput):
                request = self.get(job_id).request
                pairs += [(sha256, job_id) for sha256 in (request.cover_sha256, request.character_sha256) if sha256]
        return pairs

    def delete(self, job_id: str) -> None:
        """Forgets a job that has ended. Followers of the changes get no message.

        Raises:
            BadInput: there is none with this id, or it has not ended.
        """
        state = self._row(job_id)["state"]
        if state in ACTIVE:
            raise BadInput(f"Job {job_id} is {state}; cancel it first.")
        with self._writing() as db:
            db.execute("DELETE FROM jobs WHERE id = ? AND state NOT IN ('queued', 'running')", (job_id,))
            db.execute("DELETE FROM unreadable WHERE id = ?", (job_id,))

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
            f" cancelling = 0, position = {_LAST} + 1",
            where="state IN ('failed', 'cancelled')",
        )
        if not changed:
            raise BadInput(f"Job {job_id} is {self.get(job_id).state}; only failed or cancelled jobs can be retried.")
        return self.get(job_id)

    def put_first(self, job_ids: Sequence[str]) -> None:
        """Moves these queued jobs to the front, in this order. Ids of jobs that aren't queued are passed over."""
        with self._writing() as db:
            (first,) = db.execute(f"SELECT {_FIRST}").fetchone()
            for offset, job_id in enumerate(job_ids):
                db.execute(
                    "UPDATE jobs SET position = ?, revision = ? WHERE id = ? AND state = 'queued'",
                    (first - len(job_ids) + offset, self._next_revision(), job_id),
                )
        for job_id in job_ids:
            if self.is_active(job_id):
                self._tell(job_id, JobState.QUEUED)

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

    def take(self, kind: DeviceKind, busy_with: Set[str] = frozenset()) -> Task | None:
        """The next queued job of this kind, now running; None if there is none or the queue is paused.

        Args:
            busy_with: jobs that a worker still works at, for they were deleted and sent anew, say: they wait.
        """
        if self.paused:
            return None
        with self._lock:
            while row := self._next_in_line(kind, busy_with):
                if self._is_sound(row):
                    self._change(row["id"], "state = 'running', stage = 'starting', attempts = attempts + 1")
                    row = self._row(row["id"])  # others write here too: only what is there from now on counts
                    if self._is_sound(row):
                        return Task(row["id"], _request(row["request"]), row["memory_level"])
                self._set_aside(row)
        return None

    def siblings(self, task: Task, kind: DeviceKind) -> tuple[ClipRequest, ...]:
        """The other shots of the task's video, each as it was last asked for, in the queue's order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT request FROM (SELECT request, position FROM jobs WHERE kind = ?"
                " AND state IN ('queued', 'running', 'done') ORDER BY position DESC LIMIT ?) ORDER BY position",
                (kind, _MOST_SIBLINGS),
            ).fetchall()
        requests = filter(None, (_request_or_none(row["request"]) for row in rows))
        shots = {request.shot_id: request for request in requests if _same_video(request, task.request)}
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
            " notes = json_insert(iif(json_valid(notes), notes, '[]'), '$[#]', ?), memory_level = ?, crashes = ?",
            (note, memory_level, crashes),
            where=_RUNNING,
        )

    def crashes(self, job_id: str) -> int:
        """How often its worker died over it."""
        return _number(self._row(job_id)["crashes"])

    def memory_level(self, job_id: str) -> int:
        """How often it ran out of memory."""
        return _number(self._row(job_id)["memory_level"])

    # Inside

    def _next_in_line(self, kind: DeviceKind, but: Set[str]) -> sqlite3.Row | None:
        rows = self._db.execute("SELECT * FROM jobs WHERE state = 'queued' AND kind = ? ORDER BY position", (kind,))
        with contextlib.closing(rows):
            return next((row for row in rows if row["id"] not in but), None)

    def recover(self, *, most_crashes: int | None = None) -> int:
        """What is marked as running, but nobody runs any more, is queued again, at its old place.

        Args:
            most_crashes: count this as a crash of each of them, and fail those that have had more: one of them may be
                what the queue fell over.
        """
        with self._lock:
            rows = self._db.execute("SELECT id, memory_level, crashes FROM jobs WHERE state = 'running'").fetchall()
            for row in rows:
                crashes = _number(row["crashes"]) + (most_crashes is not None)
                if most_crashes is not None and crashes > most_crashes:
                    self.fail(row["id"], f"The queue stopped {crashes} times while this ran; the log says more.")
                    continue
                note = "the bridge stopped: started again" if most_crashes is None else "the queue stopped: once more"
                self.again(row["id"], note, memory_level=_number(row["memory_level"]), crashes=crashes)
        return len(rows)

    def _change(
        self, job_id: str, assignments: str, values: tuple = (), *, where: str = "1", durable: bool = True
    ) -> bool:
        """Changes a job, if the condition holds; then tells. False if it didn't."""
        with self._writing(durable=durable) as db:
            changed = db.execute(
                f"UPDATE jobs SET {assignments}, revision = ? WHERE id = ? AND {where} RETURNING state",
                (*values, self._next_revision(), job_id),
            ).fetchall()
        if changed:
            self._tell(job_id, JobState(changed[0]["state"]))
        return bool(changed)

    def _tell(self, job_id: str, state: JobState) -> None:
        if self._on_change:
            self._on_change(job_id, state)

    def _sound_row(self, job_id: str) -> sqlite3.Row:
        """The job's row; one that can't be read fails first, and can then."""
        row = self._row(job_id)
        if self._is_sound(row):
            return row
        self._set_aside(row)
        return self._row(job_id)

    def _is_sound(self, row: sqlite3.Row) -> bool:
        """Whether a row makes a job. Its long parts are read once, and then known by their hashes."""
        parts = hash((row["request"], row["clip"], row["notes"]))
        plain = (row["state"], row["progress"], row["stage"], row["error"], row["attempts"])
        if parts in self._sound and plain[0] in _STATES and tuple(map(type, plain)) == (str, float, str, str, int):
            return True
        try:
            _job(row)
        except (ValueError, TypeError):
            return False
        if len(self._sound) >= _MOST_REMEMBERED:
            self._sound.clear()
        self._sound.add(parts)
        return True

    def _set_aside(self, row: sqlite3.Row) -> None:
        """Fails a job that can't be read, with a stand-in for its request; what was there is kept beside it."""
        why = ""
        try:
            _job(row)
        except (ValueError, TypeError) as error:
            why = str(error)[:200]
        log.error("job %s can't be read: %s", row["id"], why)
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?, ?)",
                (row["id"], row["request"], row["clip"], row["notes"]),
            )
        self._change(
            row["id"],
            "state = 'failed', request = ?, clip = NULL, notes = '[]', stage = '', progress = 0.0, attempts = 0,"
            " crashes = 0, memory_level = 0, cancelling = 0, error = ?",
            (
                codec.dumps(_STAND_IN),
                f"This job can't be read any more ({why}): delete it, and generate the shot again.",
            ),
        )

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

    def _newest_revision(self) -> int:
        return _number(self._db.execute("SELECT coalesce(max(revision), 0) FROM jobs").fetchone()[0])

    def _setting(self, name: str) -> int:
        with self._lock:
            row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return _number(row["value"]) if row else 0

    def _set(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

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
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._ceiling = self._setting("revision_ceiling")
                raise
            self._committed = self._revision


_RUNNING = "state = 'running'"
_KINDS = frozenset(DeviceKind)
_ENDS = " UNION ALL ".join(
    f"SELECT {{end}}(position) AS position FROM jobs INDEXED BY jobs_in_line WHERE state = 'queued' AND kind = '{kind}'"
    for kind in DeviceKind
)
_FIRST = f"(SELECT coalesce(min(position), 0) FROM ({_ENDS.format(end='min')}))"
_LAST = f"(SELECT coalesce(max(position), 0) FROM ({_ENDS.format(end='max')}))"
"""the positions of the first and the last queued job, each from the ends of an index"""
_MOST_SIBLINGS = 200
"""of the newest jobs are looked at"""
_STATES = frozenset(JobState)
_MOST_REMEMBERED = 50_000
_STAND_IN = ClipRequest(
    *("", "", "unreadable", ShotKind.MOTION, Framing.WIDE, "", "", 0, 1, 1, 0, Fraction(24), 16, 16, "0" * 64)
)
"""in place of a request that can't be read"""


def _same_video(one: ClipRequest, other: ClipRequest) -> bool:
    fields = ("painter", "animator", "cover_sha256", "character_sha256", "width_px", "height_px", "fps", "options")
    return all(getattr(one, field) == getattr(other, field) for field in fields)


def _json(row: sqlite3.Row) -> str:
    """The row as the JSON of a `Job`, without reading the parts that are JSON already."""
    plain = {name: row[name] for name in ("id", "state", "progress", "stage", "error", "attempts")}
    head = json.dumps(plain, ensure_ascii=False)[:-1]
    return f'{head}, "request": {row["request"]}, "clip": {row["clip"] or "null"}, "notes": {row["notes"]}}}'


def _job(row: sqlite3.Row) -> Job:
    """The row's job, as every client reads it.

    Raises:
        ValueError, TypeError: the row is damaged, or of a layout that is no more.
    """
    return codec.loads(Job, _json(row))


def _request(text: str) -> ClipRequest:
    return codec.loads(ClipRequest, text)


def _request_or_none(text: str) -> ClipRequest | None:
    try:
        return _request(text)
    except (ValueError, TypeError):
        return None


def _number(value: object) -> int:
    """What a damaged row holds instead counts as none."""
    return value if isinstance(value, int) else 0
