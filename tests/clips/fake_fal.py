"""A server that speaks as much of fal's queue and prices as the engine needs, and misbehaves on demand."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.clips.fake_service import Answering, Service

QUEUED = {"status": "IN_QUEUE", "queue_position": 2}
RUNNING = {"status": "IN_PROGRESS", "logs": None}
COMPLETED = {"status": "COMPLETED", "logs": None, "metrics": {}}


class FakeFal(Service):
    """`script` holds the answers to polls, one after the other; the last one stays."""

    def __init__(self, video: Path) -> None:
        self.video = video
        self.script: list[dict] = [QUEUED, RUNNING, COMPLETED]
        self.price: dict = {"unit_price": 0.07, "unit": "seconds", "currency": "USD"}
        self.submit_status = self.result_status = 200
        self.result: dict | None = None
        self.asked: list[tuple[str, dict]] = []
        """endpoint and arguments"""
        self.headers: list[dict] = []
        self.cancelled: list[str] = []
        self.priced: list[str] = []
        super().__init__(self._handler())

    def _handler(fake) -> type[Answering]:  # noqa: N805 - the handler has a self of its own
        class Handler(Answering, BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if fake.submit_status != 200:
                    self.answer(fake.submit_status, {"detail": [{"msg": "prompt is too rude"}]})
                    return
                fake.asked.append((self.path.strip("/"), json.loads(body)))
                fake.headers.append(dict(self.headers))
                name = f"request-{len(fake.asked)}"
                base = f"{fake.url}/some/app/requests/{name}"
                urls = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
                self.answer(200, {"request_id": name, **urls})

            def do_PUT(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fake.cancelled.append(self.path.split("/")[-2])
                self.answer(202, {"status": "CANCELLATION_REQUESTED"})

            def do_GET(self):
                path, _, query = self.path.partition("?")
                if path == "/prices":
                    from urllib.parse import parse_qs

                    (endpoint,) = parse_qs(query)["endpoint_id"]
                    fake.priced.append(endpoint)
                    self.answer(200, {"prices": [{"endpoint_id": endpoint, **fake.price}], "has_more": False})
                elif path == "/clip.mp4":
                    self.answer(200, fake.video.read_bytes())
                elif path.endswith("/status"):
                    self.answer(200, fake.script.pop(0) if len(fake.script) > 1 else fake.script[0])
                elif fake.result_status != 200:
                    self.answer(fake.result_status, {"detail": "the picture is not allowed"})
                else:
                    self.answer(200, {"video": {"url": f"{fake.url}/clip.mp4"}} if fake.result is None else fake.result)

        return Handler
