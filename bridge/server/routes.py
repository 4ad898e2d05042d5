# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's HTTP: each route reads, calls `service.Bridge`, answers. No logic of its own."""

import asyncio
import contextlib
import errno
import logging
import platform
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from blender_addon.core import codec
from blender_addon.core.messages import (
    CALLS,
    Call,
    Engines,
    Estimate,
    Files,
    Health,
    JobIds,
    Jobs,
    NewJobs,
    Pause,
    QueueStatus,
    Requests,
    StoredFile,
)
from blender_addon.core.types import PROTOCOL_VERSION, Job, JobState
from bridge.common.errors import BadInput
from bridge.common.store import StoreFull
from bridge.jobs.checks import LIMITS, BadField
from bridge.jobs.queue_file import DAMAGED
from bridge.server.request_guard import TooLarge, error_json
from bridge.server.service import Bridge

T = TypeVar("T")
MOST_JOBS_AT_ONCE = 1000
LONGEST_WAIT_S = 60.0

log = logging.getLogger(__name__)

Sha256 = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="hex digits of the file's hash")]
JobId = Annotated[str, InPath(pattern="^[A-Za-z0-9_-]{1,64}$")]
Owner = Annotated[str, InPath(pattern="^[A-Za-z0-9_-]{1,64}$", description="who holds the files: a .blend's id")]


class Changes:
    """Lets HTTP requests wait for the next change, which any thread may announce."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self.closed = False

    def open(self) -> None:
        """Called on the server's event loop, before the first request."""
        self._loop = asyncio.get_running_loop()

    def announce(self) -> None:
        """Something changed. From any thread."""
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Lets everyone who waits go. On the event loop."""
        self.closed = True
        self._wake()

    async def wait_until(self, condition: Callable[[], bool], limit_s: float) -> None:
        """Returns when the condition holds, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not condition() and not self.closed:
                    await self._event.wait()

    def _wake(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


class Schemas:
    """The parts of the OpenAPI page that come from the protocol's own types; worked out when somebody asks for it."""

    def __init__(self) -> None:
        self._kinds: set[type] = set()

    def body(self, kind: type) -> dict[str, Any]:
        """For a route's `openapi_extra`: its body, which `parsed` reads."""
        return {"requestBody": {"required": True, "content": {"application/json": {"schema": self._ref(kind)}}}}

    def answer(self, kind: type, description: str = "Done") -> dict[int | str, dict[str, Any]]:
        """For a route's `responses`."""
        return {200: {"description": description, "content": {"application/json": {"schema": self._ref(kind)}}}}

    def describe(self, app: FastAPI) -> dict[str, Any]:
        """The whole page."""
        page = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        page.setdefault("components", {}).setdefault("schemas", {}).update(self._parts())
        page["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        page["security"] = [{"token": []}]
        return page

    def _ref(self, kind: type) -> dict[str, str]:
        self._kinds.add(kind)
        return {"$ref": f"#/components/schemas/{kind.__name__}"}

    def _parts(self) -> dict[str, Any]:
        from pydantic import TypeAdapter

        parts: dict[str, Any] = {}
        for kind in sorted(self._kinds, key=lambda kind: kind.__name__):
            parts[kind.__name__] = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
            parts.update(parts[kind.__name__].pop("$defs", {}))
        for part in parts.values():
            if part.get("type") == "object":
                part["additionalProperties"] = False
        for field, (low, high) in LIMITS.items():
            limited = parts["ClipRequest"]["properties"][field]
            limited |= {"minimum": low, "maximum": high} | ({"multipleOf": 2} if field.endswith("_px") else {})
        return parts


def parsed(kind: type[T]) -> Callable[[Request], Any]:
    """A dependency that reads the body with the protocol's own codec, so that an error names its field."""

    async def read(request: Request) -> T:
        body = await request.body()
        try:
            return await run_in_threadpool(codec.loads, kind, body.decode())  # a large one takes its time
        except UnicodeDecodeError:
            raise BadField("body", "is not JSON that can be read") from None

    return read


def build(bridge: Bridge, changes: Changes, stop: Callable[[], None]) -> FastAPI:
    """The application. Wrap it in `guard.Guard`.

    Args:
        stop: ends the server.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        changes.open()
        bridge.start()
        yield
        await run_in_threadpool(bridge.close)

    app = FastAPI(
        title="Beatboard's bridge",
        version=version("beatboard"),
        description="Makes clips for the shots of a music video. Every request needs the token of this launch.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    schemas = Schemas()
    _add_health(app, bridge, stop, schemas)
    _add_jobs(app, bridge, changes, schemas)
    _add_queue(app, bridge, schemas)
    _add_calls(app, bridge, changes, schemas)
    _add_files(app, bridge, schemas)
    _add_pages(app, schemas)
    _add_errors(app)
    return app


def _add_health(app: FastAPI, bridge: Bridge, stop: Callable[[], None], schemas: Schemas) -> None:
    launch, started_s = secrets.token_hex(8), time.monotonic()

    @app.get("/health", responses=schemas.answer(Health))
    async def health() -> Response:
        """That the bridge lives, and its versions."""
        uptime_s = time.monotonic() - started_s
        answer = Health(
            app.version, PROTOCOL_VERSION, platform.python_version(), launch, uptime_s, bridge.fault, bridge.notice
        )
        return as_json(answer)

    @app.get("/engines", responses=schemas.answer(Engines))
    def engines() -> Response:
        """Every painter and animator, its options, and what it lacks here."""
        from bridge.clips import registry

        return as_json(registry.state())

    @app.post("/shutdown", status_code=202)
    def shutdown() -> dict[str, str]:
        """Ends the bridge cleanly. What is running is queued again for the next start."""
        stop()
        return {"status": "stopping"}


def _add_jobs(app: FastAPI, bridge: Bridge, changes: Changes, schemas: Schemas) -> None:
    @app.get("/jobs", responses=schemas.answer(Jobs))
    async def list_jobs(
        since: Annotated[int, Query(ge=0, le=2**53, description="a revision; 0 for all")] = 0,
        wait_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="wait so long for a change")] = 0.0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 500,
        states: Annotated[list[JobState], Query()] = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        """What changed since a revision, oldest change first."""
        if wait_s:
            await changes.wait_until(lambda: bridge.jobs.revision > since, wait_s)
        page = await run_in_threadpool(bridge.jobs.since, since, limit, states)
        more = "true" if page.more else "false"
        text = f'{{"revision": {page.revision}, "more": {more}, "jobs": [{", ".join(page.jobs)}]}}'
        return Response(text, media_type="application/json")

    @app.post("/jobs", openapi_extra=schemas.body(NewJobs), responses=schemas.answer(Jobs))
    def submit(new: Annotated[NewJobs, Depends(parsed(NewJobs))]) -> Response:
        """Queues a batch. Sending it again is harmless: a known id gives its job as it is."""
        if not 1 <= len(new.jobs) <= MOST_JOBS_AT_ONCE:
            raise BadField("jobs", f"must be 1 to {MOST_JOBS_AT_ONCE}")
        jobs = bridge.submit(new.jobs)
        return as_json(Jobs(bridge.jobs.revision, False, tuple(jobs)))

    @app.get("/jobs/{job_id}", responses=schemas.answer(Job))
    def one(job_id: JobId) -> Response:
        """One job."""
        return as_json(known(bridge, job_id))

    @app.delete("/jobs/{job_id}", status_code=204)
    def delete(job_id: JobId) -> None:
        """Forgets a job that has ended. Its clip stays in the store as long as someone uses it."""
        known(bridge, job_id)
        bridge.delete(job_id)

    @app.get("/jobs/{job_id}/preview")
    def preview(job_id: JobId) -> Response:
        """The newest picture of a running job, a small JPEG; 204 if there is none."""
        known(bridge, job_id)
        jpeg = bridge.preview(job_id)
        return Response(jpeg, media_type="image/jpeg") if jpeg else Response(status_code=204)

    @app.post("/jobs/{job_id}/cancel", responses=schemas.answer(Job))
    def cancel(job_id: JobId) -> Response:
        """Cancels a job: at once if it is queued, within seconds if it runs. One that has ended stays as it is."""
        known(bridge, job_id)
        return as_json(bridge.cancel(job_id))

    @app.post("/jobs/{job_id}/retry", responses=schemas.answer(Job))
    def retry(job_id: JobId) -> Response:
        """Queues a failed or cancelled job again."""
        known(bridge, job_id)
        return as_json(bridge.retry(job_id))


def _add_queue(app: FastAPI, bridge: Bridge, schemas: Schemas) -> None:
    @app.get("/queue", responses=schemas.answer(QueueStatus))
    def status() -> Response:
        """The queue as a whole, and how long it will take."""
        return as_json(bridge.status())

    @app.put("/queue", openapi_extra=schemas.body(Pause), responses=schemas.answer(QueueStatus))
    def pause(pause: Annotated[Pause, Depends(parsed(Pause))]) -> Response:
        """Pauses the queue, or lets it go on. What runs goes on in any case."""
        bridge.pause(pause.paused)
        return as_json(bridge.status())

    @app.post("/queue/first", openapi_extra=schemas.body(JobIds), responses=schemas.answer(QueueStatus))
    def put_first(order: Annotated[JobIds, Depends(parsed(JobIds))]) -> Response:
        """Moves these jobs to the front, in this order."""
        if len(order.ids) > MOST_JOBS_AT_ONCE:
            raise BadField("ids", f"must be at most {MOST_JOBS_AT_ONCE}")
        bridge.put_first(order.ids)
        return as_json(bridge.status())

    @app.post("/estimates", openapi_extra=schemas.body(Requests), responses=schemas.answer(Estimate))
    def estimate(batch: Annotated[Requests, Depends(parsed(Requests))]) -> Response:
        """What these would take on this machine, from what was measured on it."""
        if len(batch.requests) > MOST_JOBS_AT_ONCE:
            raise BadField("requests", f"must be at most {MOST_JOBS_AT_ONCE}")
        found = bridge.estimate(batch.requests)
        return as_json(Estimate(found.seconds, found.peak_memory_bytes) if found else Estimate(None, None))


def _add_calls(app: FastAPI, bridge: Bridge, changes: Changes, schemas: Schemas) -> None:
    def add(name: str, arguments: type) -> None:
        @app.post(f"/calls/{name}", name=name, openapi_extra=schemas.body(arguments), responses=schemas.answer(Call))
        def start(given: Annotated[Any, Depends(parsed(arguments))]) -> Response:
            """Starts this function, in a process of its own; ask for its result with GET /calls/{id}."""
            return as_json(bridge.calls.start(name, given))

    for name, (arguments, _) in CALLS.items():
        add(name, arguments)

    @app.get("/calls/{call_id}", responses=schemas.answer(Call))
    async def follow(
        call_id: JobId,
        wait_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="wait so long for progress")] = 0.0,
        after: Annotated[float, Query(ge=0, le=1, description="the progress that is known")] = 0.0,
    ) -> Response:
        """How far a call is, and its result. A result is kept for a while after its end."""

        def moved() -> bool:
            call = bridge.calls.get(call_id)
            return call.done or call.progress > after

        try:
            if wait_s:
                await changes.wait_until(moved, wait_s)
            return as_json(bridge.calls.get(call_id))
        except BadInput as error:
            raise HTTPException(404, str(error)) from None

    @app.delete("/calls/{call_id}", status_code=204)
    def cancel(call_id: JobId) -> None:
        """Stops a call and forgets it."""
        bridge.calls.cancel(call_id)


def _add_files(app: FastAPI, bridge: Bridge, schemas: Schemas) -> None:
    upload = {
        "requestBody": {"content": {"application/octet-stream": {"schema": {"format": "binary", "type": "string"}}}}
    }

    @app.put("/files/{sha256}", openapi_extra=upload, responses=schemas.answer(StoredFile))
    async def put(sha256: Sha256, request: Request) -> Response:
        """Uploads a file. It is kept if it has this hash; sending it again is harmless."""
        with bridge.store.incoming() as incoming:
            async for chunk in request.stream():
                await run_in_threadpool(incoming.write, chunk)
            if incoming.sha256 != sha256:
                raise BadField("sha256", f"what came has the hash {incoming.sha256}: upload it again")
            await run_in_threadpool(incoming.keep)
        await run_in_threadpool(bridge.store.make_room_for, sha256, incoming.size_bytes)
        return as_json(StoredFile(sha256, incoming.size_bytes))

    @app.get("/files/{sha256}", response_class=FileResponse)
    def get(sha256: Sha256) -> FileResponse:
        """Downloads a file, or a range of it."""
        return stored(bridge.store.path, sha256)

    @app.head("/files/{sha256}", response_class=FileResponse)
    def head(sha256: Sha256) -> FileResponse:
        """Whether a file is there, and its size."""
        return stored(bridge.store.place, sha256)

    @app.put("/pins/{owner}", openapi_extra=schemas.body(Files), responses=schemas.answer(Files))
    def pin(owner: Owner, files: Annotated[Files, Depends(parsed(Files))]) -> Response:
        """Keeps exactly these files from eviction for this owner, such as the takes of a .blend."""
        bridge.hold(owner, files.sha256s)
        return as_json(files)


def _add_pages(app: FastAPI, schemas: Schemas) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        """The API's description for programs."""
        return JSONResponse(schemas.describe(app))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        """The API's description for people. It loads nothing from elsewhere."""
        from jinja2 import Environment

        template = Path(__file__).with_name("api_page.html").read_text(encoding="utf-8")
        page = Environment(autoescape=True).from_string(template).render(page=schemas.describe(app))
        return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(StoreFull)
    def store_full(_: Request, error: StoreFull) -> JSONResponse:
        return JSONResponse(error_json(str(error)), 507)

    @app.exception_handler(BadInput)
    def bad_input(_: Request, error: BadInput) -> JSONResponse:
        return JSONResponse(error_json(str(error), getattr(error, "field", "")), 422)

    @app.exception_handler(codec.DecodeError)
    def bad_json(_: Request, error: codec.DecodeError) -> JSONResponse:
        where = printable(error).partition(":")[0]  # as in "NewJobs.jobs[0].request.fps"
        return JSONResponse(error_json(printable(error), where.partition(".")[2]), 422)

    @app.exception_handler(RequestValidationError)
    def bad_parameter(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = str(first["loc"][-1])
        return JSONResponse(error_json(f"{field}: {first['msg']}", field), 422)

    @app.exception_handler(TooLarge)
    def too_large(_: Request, error: TooLarge) -> JSONResponse:
        return JSONResponse(error_json(str(error)), 413, {"connection": "close"})

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(error_json(str(error.detail)), error.status_code, error.headers)

    @app.exception_handler(sqlite3.DatabaseError)
    def damaged(_: Request, error: sqlite3.DatabaseError) -> JSONResponse:
        log.error("the queue can't be read: %s", error)
        return JSONResponse(error_json(f"The queue's database is damaged ({error}): {DAMAGED}"), 500)

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    def no_room(_: Request, error: Exception) -> JSONResponse:
        full = (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "disk is full" in str(error)
        if not full:
            raise error
        log.error("disk full: %s", error)
        return JSONResponse(error_json("The bridge's disk is full: free some space, then try again."), 507)


def known(bridge: Bridge, job_id: str) -> Job:
    """A job, or 404."""
    try:
        return bridge.jobs.get(job_id)
    except BadInput as error:
        raise HTTPException(404, str(error)) from None


def stored(find: Callable[[str], Path], sha256: str) -> FileResponse:
    """A file, or 404."""
    try:
        path = find(sha256)
        found = path.stat()
    except BadInput as error:
        raise HTTPException(404, str(error)) from None
    except FileNotFoundError:
        raise HTTPException(404, f"The file {sha256[:12]}… was evicted in this moment.") from None
    headers = {"ETag": f'"{sha256}"', "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="application/octet-stream", headers=headers, stat_result=found)


def as_json(value: Any) -> Response:
    """The protocol's own JSON."""
    return Response(codec.dumps(value), media_type="application/json")


def printable(error: Exception) -> str:
    """The message, in text that can be sent: what came may hold halves of surrogate pairs."""
    return str(error).encode("utf-8", "replace").decode()
