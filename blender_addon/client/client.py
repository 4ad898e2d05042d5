# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's HTTP, as a program calls it. Every call blocks: none of them belongs on Blender's main thread."""

import hashlib
import http.client
import io
import json
import os
import re
import secrets
import socket
import ssl
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from ..core import codec, proof, storyboard_files
from ..core.messages import (
    CALLS,
    AnalyzeSong,
    Call,
    DecodeSong,
    Engines,
    Estimate,
    Files,
    FitGrade,
    FollowSong,
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
LONGEST_ANSWER_BYTES = 1 << 26
LARGEST_FILE_BYTES = 1 << 32
SLOWEST_BYTES_PER_S = 16384
"""what comes or goes more slowly than this, on top of the time that any answer may take, is given up"""
POLL_PAUSE_S = 0.1
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
        self.url = url
        self._scheme, self._host, self._port = _address(url)
        self._token = token
        self._fingerprint = fingerprint.replace(":", "").lower()
        self._timeout_s = timeout_s
        self._names: dict[str, str] = {}
        """of files that were uploaded, by their hashes"""

    # The bridge

    def health(self) -> Health:
        """Its versions, and whether it can work."""
        return self._get(Health, "/health")

    def knows(self, nonce: str) -> bool:
        """Whether who answers there has this secret of the bridge's launch. The token is not sent.

        Raises:
            LinkError: nobody answers, or nobody who speaks our language.
        """
        challenge = secrets.token_hex(16)
        with self._answer("GET", f"{proof.PATH}?challenge={challenge}", with_token=False) as answer:
            found = _read(proof.Proof, _all_of(answer))
        return secrets.compare_digest(found.proof, proof.proof_of(nonce, challenge))

    def engines(self) -> Engines:
        """Every painter and animator, its options, and what it lacks there."""
        return self._get(Engines, "/engines")

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
                    self._call("PUT", f"/files/{sha256}", file, {"Content-Length": str(size)})  # paced by `_answer`
        except OSError as error:
            raise LinkError(f"Cannot read {path}: {error.strerror}.") from None
        self._names[sha256] = str(path)
        return sha256

    def upload_storyboard(self, path: Path) -> str:
        """The same for a storyboard and the files beside it that it names.

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
            sent = storyboard_files.written_out(text, path.absolute().parent, self._upload_name)
            copy.write_text(sent, encoding="utf-8")
            return self.upload(copy)

    def _upload_name(self, path: Path) -> str:
        return self.upload(path) + path.suffix

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
            digest, left_bytes = hashlib.sha256(), LARGEST_FILE_BYTES
            with os.fdopen(descriptor, "wb") as file, self._answer("GET", f"/files/{sha256}") as answer:
                while chunk := answer.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    left_bytes -= len(chunk)
                    if left_bytes < 0:
                        raise LinkError(
                            f"The file {sha256[:12]}… is larger than the bridge's store; ask its owner to allow more."
                        )
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

    def write_channels(self, song: Path, analysis: SongAnalysis, npz: Path, tell: Tell | None = None) -> None:
        """Writes the song's channels as an .npz of arrays and their `rate_hz`, by the names in `core.song_channels`."""
        self.download(self.call("channels", FollowSong(self.upload(song), analysis), tell).sha256, npz)

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
                asked_s = time.monotonic()
                call = self._get(Call, f"/calls/{_quoted(call.id)}?wait_s=1&after={call.progress!r}", wait_s=1.0)
                if tell:
                    tell(call.progress, call.stage)
                if not call.done:
                    time.sleep(max(0.0, POLL_PAUSE_S - (time.monotonic() - asked_s)))
        except BaseException:
            with suppress(LinkError):
                self._call("DELETE", f"/calls/{_quoted(call.id)}")
            raise
        if call.error:
            raise LinkError(self._with_our_names(call.error))
        try:
            return codec.decode(CALLS[name][1], call.result)
        except codec.DecodeError as error:
            raise _foreign(error) from None

    # Inside

    def _with_our_names(self, sentence: str) -> str:
        """A sentence of the bridge's with our files' own paths in place of theirs in its store."""
        for sha256, name in self._names.copy().items():
            sentence = re.sub(rf"\S*{sha256}", lambda _, name=name: name, sentence)
        return sentence

    def _get(self, kind: type[T], path: str, *, wait_s: float = 0.0) -> T:
        return _read(kind, self._call("GET", path, wait_s=wait_s))

    def _send(self, kind: type[T], method: str, path: str, value: Any = None) -> T:
        body = None if value is None else _written(value)
        return _read(kind, self._call(method, path, body, {"Content-Type": "application/json"}))

    def _call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, wait_s: float = 0.0
    ) -> bytes:
        with self._answer(method, path, body, headers or {}, wait_s) as answer:
            return _all_of(answer)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        wait_s: float = 0.0,
        *,
        with_token: bool = True,
    ) -> Iterator[http.client.HTTPResponse]:
        """One answer, as it comes. Whatever goes wrong on the way to it is a `LinkError`."""
        deadline = _Deadline(self._timeout_s + wait_s)
        connection = self._connection(self._timeout_s + wait_s)
        connection.response_class = deadline.response  # type: ignore[assignment]
        sent = {"Authorization": f"Bearer {self._token}"} if with_token else {}
        try:
            connection.connect()
            self._check_certificate(connection)
            paced = deadline.paced(body) if isinstance(body, io.BufferedReader) else body
            connection.request(method, path, paced, sent | dict(headers or {}))
            deadline.is_fixed = True
            answer = connection.getresponse()
            deadline.is_fixed = False
            if answer.status >= 400:
                raise _refusal(answer.status, answer.read(_CHUNK_BYTES))
            yield answer
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
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


class _Deadline:
    """By when a call must have got on. Every byte of a file moves it, so that it may take its time."""

    def __init__(self, limit_s: float) -> None:
        self._end_s = time.monotonic() + limit_s
        self.is_fixed = False
        """as long as an answer's head is read, which is never large"""

    def left_s(self) -> float:
        """How long it may still take.

        Raises:
            TimeoutError: no longer.
        """
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("it took too long")
        return left_s

    def moved(self, size_bytes: int) -> None:
        """So much came or went."""
        if not self.is_fixed:
            self._end_s += size_bytes / SLOWEST_BYTES_PER_S

    def paced(self, file: io.BufferedReader) -> Iterator[bytes]:
        """A file's content, to be sent."""
        while chunk := file.read(_CHUNK_BYTES // 16):
            self.left_s()
            yield chunk
            self.moved(len(chunk))

    def response(self, sock: socket.socket, *arguments: Any, **options: Any) -> http.client.HTTPResponse:
        """What `http.client` makes of a socket, read within the deadline."""
        return http.client.HTTPResponse(_Reader(sock, self), *arguments, **options)  # type: ignore[arg-type]


class _Reader(io.RawIOBase):
    """A socket's bytes; each wait for some ends with the deadline."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._socket, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """For `http.client`, which takes it for a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Waits for some bytes."""
        self._socket.settimeout(self._deadline.left_s())
        count = self._raw.readinto(buffer) or 0
        self._deadline.moved(count)
        return count

    def close(self) -> None:
        """Lets go of the socket."""
        self._raw.close()
        super().close()


def _address(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urllib.parse.urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LinkError(f"{url!r} is not a bridge's address; it looks like http://127.0.0.1:8123.")
    return parts.scheme, parts.hostname, port


def _all_of(answer: http.client.HTTPResponse) -> bytes:
    """The whole answer, if it is one that a bridge gives."""
    body = answer.read(LONGEST_ANSWER_BYTES + 1)
    if len(body) > LONGEST_ANSWER_BYTES:
        raise LinkError("What answers at this address sends more than a bridge would; check the address.")
    return body


def _write(file: IO[bytes], chunk: bytes, path: Path) -> None:
    """Writes and flushes, so that a full disk is told here and not when the file is closed."""
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> LinkError:
    return LinkError(f"Cannot write {path}: {error.strerror}. Make room there, or choose another place.")


def _written(value: Any) -> bytes:
    """The protocol's JSON of it."""
    try:
        return codec.dumps(value).encode()
    except ValueError as error:  # half of a surrogate pair, a number that is none
        raise LinkError(f"This can't be sent to the bridge: {error}. Change what has it, a name or a prompt.") from None


def _read(kind: type[T], body: bytes) -> T:
    try:
        return codec.loads(kind, body.decode())
    except (codec.DecodeError, UnicodeDecodeError) as error:
        raise _foreign(error) from None


def _foreign(error: ValueError) -> LinkError:
    return LinkError(f"The bridge and this add-on don't understand each other: update both. ({error})")


def _refusal(status: int, body: bytes) -> Refused:
    try:
        error = json.loads(body)["error"]
        return Refused(status, str(error["message"])[:1000], str(error["field"])[:200])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Refused(status, f"The bridge answered with HTTP status {status}.")


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="", errors="replace")
