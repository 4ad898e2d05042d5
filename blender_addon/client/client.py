# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's HTTP, as a program calls it. Every call blocks: none of them belongs on Blender's main thread."""

import hashlib
import http.client
import json
import os
import secrets
import ssl
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from ..core import codec, storyboard_files
from ..core.messages import (
    CALLS,
    AnalyzeSong,
    Call,
    DecodeSong,
    Engines,
    EngineState,
    Estimate,
    Files,
    FitGrade,
    Health,
    JobIds,
    Jobs,
    LookAtCover,
    MakeRequests,
    NewJob,
    NewJobs,
    Pause,
    PlacedTitle,
    PlaceTitle,
    PlanEdit,
    QueueStatus,
    Requests,
)
from ..core.types import ClipRequest, CoverLook, EditPlan, Grade, Job, JobState, SongAnalysis

T = TypeVar("T")
Tell = Callable[[float, str], None]
_CHUNK_BYTES = 1 << 20


class LinkError(Exception):
    """Something between us and the bridge; the text is one sentence for the user."""


class Unreachable(LinkError):
    """No bridge answers there."""


class Refused(LinkError):
    """The bridge said no."""

    def __init__(self, status: int, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        """what of the request it is about, as in "jobs[0].request.fps", if it is about one field"""


class Client:
    """One bridge. May be used from several threads at once.

    Args:
        url: as in "http://127.0.0.1:8123".
        token: of the bridge's present launch.
        fingerprint: of its certificate (SHA-256, hex), for https; no other certificate is then trusted.
        timeout_s: how long an answer may take, waiting for changes apart.
    """

    def __init__(self, url: str, token: str, fingerprint: str = "", *, timeout_s: float = 30.0) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LinkError(f"{url!r} is not a bridge's address; it looks like http://127.0.0.1:8123.")
        self.url = url
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._token = token
        self._fingerprint = fingerprint.replace(":", "").lower()
        self._timeout_s = timeout_s

    # The bridge

    def health(self) -> Health:
        """Its versions, and whether it can work."""
        return self._get(Health, "/health")

    def engines(self) -> tuple[EngineState, ...]:
        """Every engine, and what it lacks there."""
        return self._get(Engines, "/engines").engines

    def shutdown(self) -> None:
        """Ends it cleanly."""
        self._call("POST", "/shutdown")

    # Jobs

    def submit(self, requests: Sequence[ClipRequest], ids: Sequence[str] = ()) -> tuple[Job, ...]:
        """Queues a batch: all of it or, on an error, none.

        Args:
            ids: one per request, if you want to be able to send the same batch again after a lost answer.

        Raises:
            Refused: a request cannot be made; `field` says which and why.
        """
        names = ids or [secrets.token_hex(16) for _ in requests]
        new = NewJobs(tuple(NewJob(request, name) for request, name in zip(requests, names, strict=True)))
        return self._send(Jobs, "POST", "/jobs", new).jobs

    def jobs(self, since: int = 0, *, wait_s: float = 0.0, states: Sequence[JobState] = (), limit: int = 500) -> Jobs:
        """What changed since a revision, oldest change first; waits for a change if there is none yet."""
        query = [("since", since), ("wait_s", wait_s), ("limit", limit), *(("states", state.value) for state in states)]
        return self._get(Jobs, f"/jobs?{urllib.parse.urlencode(query)}", wait_s=wait_s)

    def job(self, job_id: str) -> Job:
        """One job."""
        return self._get(Job, f"/jobs/{_quoted(job_id)}")

    def cancel(self, job_id: str) -> Job:
        """Cancels it: at once if it is queued, within seconds if it runs."""
        return self._send(Job, "POST", f"/jobs/{_quoted(job_id)}/cancel")

    def retry(self, job_id: str) -> Job:
        """Queues a failed or cancelled job again."""
        return self._send(Job, "POST", f"/jobs/{_quoted(job_id)}/retry")

    def delete(self, job_id: str) -> None:
        """Forgets a job that has ended."""
        self._call("DELETE", f"/jobs/{_quoted(job_id)}")

    def preview(self, job_id: str) -> bytes | None:
        """The newest picture of a running job, a small JPEG."""
        return self._call("GET", f"/jobs/{_quoted(job_id)}/preview") or None

    # The queue

    def queue(self) -> QueueStatus:
        """How much is queued and running, and how long it will take."""
        return self._get(QueueStatus, "/queue")

    def pause(self, paused: bool) -> QueueStatus:
        """Lets queued jobs wait, or go on."""
        return self._send(QueueStatus, "PUT", "/queue", Pause(paused))

    def put_first(self, job_ids: Sequence[str]) -> QueueStatus:
        """Moves these queued jobs to the front, in this order."""
        return self._send(QueueStatus, "POST", "/queue/first", JobIds(tuple(job_ids)))

    def estimate(self, requests: Sequence[ClipRequest]) -> Estimate:
        """What these would take there."""
        return self._send(Estimate, "POST", "/estimates", Requests(tuple(requests)))

    # Files

    def upload(self, path: Path) -> str:
        """Makes sure that the bridge has this file, and gives its hash.

        Raises:
            LinkError: it cannot be read.
        """
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                if not self.has_file(sha256):
                    file.seek(0)
                    size = os.fstat(file.fileno()).st_size
                    self._call("PUT", f"/files/{sha256}", file, {"Content-Length": str(size)})
        except OSError as error:
            raise LinkError(f"Cannot read {path}: {error.strerror}.") from None
        return sha256

    def upload_storyboard(self, path: Path) -> str:
        """The same for a storyboard, which names files by their places beside it.

        Raises:
            LinkError: it cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return self.upload(path)  # the bridge says what is wrong with it
        except OSError as error:
            raise LinkError(f"Cannot read {path}: {error.strerror}.") from None
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_text(storyboard_files.written_out(text, path.absolute().parent), encoding="utf-8")
            return self.upload(copy)

    def has_file(self, sha256: str) -> bool:
        """Whether the bridge has it."""
        try:
            self._call("HEAD", f"/files/{sha256}")
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def download(self, sha256: str, path: Path) -> None:
        """Writes a file of the bridge's to this path, whole or not at all.

        Raises:
            LinkError: what came is not what was asked for, or cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}~")
        except OSError as error:
            raise _unwritable(path, error) from None
        try:
            digest = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as file, self._answer("GET", f"/files/{sha256}") as answer:
                while chunk := answer.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    _write(file, chunk, path)
            if digest.hexdigest() != sha256:
                raise LinkError(f"The file {sha256[:12]}… came damaged; try again.")
            try:
                Path(beside).replace(path)
            except OSError as error:
                raise _unwritable(path, error) from None
        finally:
            Path(beside).unlink(missing_ok=True)

    def hold(self, owner: str, sha256s: Sequence[str]) -> None:
        """Keeps exactly these files of the bridge's from eviction for this owner, such as a .blend's takes."""
        self._send(Files, "PUT", f"/pins/{_quoted(owner)}", Files(tuple(sha256s)))

    # The bridge's functions

    def analyze(self, song: Path, tracker: str = "bars", tell: Tell | None = None) -> SongAnalysis:
        """The song's grid. Tells how far it is (0-1) and what is being done."""
        return self.call("analyze", AnalyzeSong(self.upload(song), tracker), tell)

    def write_wav(self, song: Path, wav: Path, tell: Tell | None = None) -> None:
        """Writes the song as a WAV file: the only kind that every Blender plays without a shift."""
        self.download(self.call("wav", DecodeSong(self.upload(song)), tell).sha256, wav)

    def look(self, cover: Path, tell: Tell | None = None) -> CoverLook:
        """The cover's palette and grade."""
        return self.call("look", LookAtCover(self.upload(cover)), tell)

    def fit_grade(self, clips: Sequence[Path], cover: Path, tell: Tell | None = None) -> Grade:
        """The grade that brings these clips to the cover's colours."""
        return self.call("grade", FitGrade(tuple(self.upload(clip) for clip in clips), self.upload(cover)), tell)

    def plan(self, arguments: PlanEdit, tell: Tell | None = None) -> EditPlan:
        """The edit for a song and a cover."""
        return self.call("plan", arguments, tell)

    def clip_requests(self, arguments: MakeRequests, tell: Tell | None = None) -> tuple[ClipRequest, ...]:
        """What to submit for the shots of a plan, in order. Upload the cover first."""
        return self.call("requests", arguments, tell).requests

    def place_title(self, arguments: PlaceTitle, tell: Tell | None = None) -> PlacedTitle:
        """Title and artist over a plan's opening. Upload the files that it names first."""
        return self.call("title", arguments, tell)

    def call(self, name: str, arguments: Any, tell: Tell | None = None) -> Any:
        """Calls one of `messages.CALLS` and waits for its result; if `tell` raises, it is cancelled.

        Raises:
            LinkError: it failed; the text says why.
        """
        call = self._send(Call, "POST", f"/calls/{name}", arguments)
        try:
            while not call.done:
                call = self._get(Call, f"/calls/{call.id}?wait_s=1&after={call.progress!r}", wait_s=1.0)
                if tell:
                    tell(call.progress, call.stage)
        except BaseException:
            with suppress(LinkError):
                self._call("DELETE", f"/calls/{call.id}")
            raise
        if call.error:
            raise LinkError(call.error)
        return codec.decode(CALLS[name][1], call.result)

    # Inside

    def _get(self, kind: type[T], path: str, *, wait_s: float = 0.0) -> T:
        return _read(kind, self._call("GET", path, wait_s=wait_s))

    def _send(self, kind: type[T], method: str, path: str, value: Any = None) -> T:
        body = None if value is None else codec.dumps(value).encode()
        return _read(kind, self._call(method, path, body, {"Content-Type": "application/json"}))

    def _call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, wait_s: float = 0.0
    ) -> bytes:
        with self._answer(method, path, body, headers or {}, wait_s) as answer:
            return answer.read()

    @contextmanager
    def _answer(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, wait_s: float = 0.0
    ) -> Iterator[http.client.HTTPResponse]:
        connection = self._connection(self._timeout_s + wait_s)
        try:
            connection.connect()
            self._check_certificate(connection)
            connection.request(method, path, body, {"Authorization": f"Bearer {self._token}", **(headers or {})})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise _refusal(answer.status, answer.read())
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"The bridge at {self.url} does not answer: {error or type(error).__name__}.") from None
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._scheme == "http":
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        context = ssl.create_default_context()
        if self._fingerprint:  # the certificate is self-made: it is known by its fingerprint, not by who signed it
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=context)

    def _check_certificate(self, connection: http.client.HTTPConnection) -> None:
        """Before anything is sent: the token is only for the bridge."""
        if self._scheme != "https" or not self._fingerprint:
            return
        assert isinstance(connection.sock, ssl.SSLSocket)
        found = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not secrets.compare_digest(found, self._fingerprint):
            raise LinkError(
                f"The bridge at {self.url} shows another certificate ({found[:16]}…) than the one that you trusted;"
                " if it was set up anew, enter its new fingerprint."
            )


def _write(file: IO[bytes], chunk: bytes, path: Path) -> None:
    """Writes and flushes, so that a full disk is told here and not when the file is closed."""
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> LinkError:
    return LinkError(f"Cannot write {path}: {error.strerror}. Make room there, or choose another place.")


def _read(kind: type[T], body: bytes) -> T:
    try:
        return codec.loads(kind, body.decode())
    except (codec.DecodeError, UnicodeDecodeError) as error:
        raise LinkError(f"The bridge speaks another language than this add-on: update both. ({error})") from None


def _refusal(status: int, body: bytes) -> Refused:
    try:
        error = json.loads(body)["error"]
        return Refused(status, str(error["message"]), str(error["field"]))
    except (ValueError, KeyError, TypeError):
        return Refused(status, f"The bridge answered with HTTP status {status}.")


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
