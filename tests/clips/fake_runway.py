"""A server that speaks as much of Runway's protocol as the engine needs, and misbehaves on demand."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.clips.fake_service import Answering, Service

COMMON = {"createdAt": "2026-01-01T00:00:00Z"}
ESTIMATED = {"estimatedCost": {"credits": 10}}
BILLED = {"cost": {"credits": 10}}


class FakeRunway(Service):
    """`script` holds the answers to polls, one after the other; the last one stays."""

    def __init__(self, video: Path) -> None:
        self.video = video
        self.script: list[dict] = [{"status": "RUNNING", "progress": 0.5}, {"status": "SUCCEEDED"}]
        self.create_status = 200
        self.video_status = 200
        self.created: list[dict] = []
        self.headers: list[dict] = []
        self.deleted: list[str] = []
        self.uploads = 0
        self.polled: list[str] = []
        super().__init__(self._handler())

    def task(self, task_id: str) -> tuple[int, dict]:
        self.polled.append(task_id)
        answer = dict(self.script.pop(0) if len(self.script) > 1 else self.script[0])
        if answer["status"] == "GONE":
            return 404, {"error": "not found"}
        answer |= {"id": task_id} | COMMON
        answer |= ESTIMATED if answer["status"] in ("PENDING", "THROTTLED", "RUNNING") else BILLED
        if answer["status"] == "SUCCEEDED":
            answer["output"] = [f"{self.url}/clip.mp4"]
        return 200, answer

    def _handler(fake) -> type[Answering]:  # noqa: N805 - the handler has a self of its own
        class Handler(Answering, BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.endswith("/uploads"):
                    fake.uploads += 1
                    self.answer(200, {"runwayUri": "runway://picture", "uploadUrl": f"{fake.url}/put", "fields": {}})
                elif self.path == "/put":
                    self.answer(204)
                elif fake.create_status != 200:
                    self.answer(fake.create_status, {"error": "no"})
                else:
                    fake.created.append(json.loads(body))
                    fake.headers.append(dict(self.headers))
                    self.answer(200, {"id": f"task-{len(fake.created)}", "estimatedCost": {"credits": 10}})

            def do_GET(self):
                if self.path == "/clip.mp4":
                    self.send_response(fake.video_status)
                    content = fake.video.read_bytes()
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                else:
                    self.answer(*fake.task(self.path.rsplit("/", 1)[1]))

            def do_DELETE(self):
                fake.deleted.append(self.path.rsplit("/", 1)[1])
                self.answer(204)

        return Handler
