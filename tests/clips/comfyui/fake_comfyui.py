"""A server that speaks as much of ComfyUI's protocol as the engine needs, and misbehaves on demand.

Its routes, its answers and its checks of a workflow are those of ComfyUI's `server.py` and `execution.py`.
"""

import base64
import email
import email.policy
import hashlib
import io
import json
import struct
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import cast

import av
import numpy as np
from PIL import Image

from tests.clips.fake_service import Answering, Service

WHOLE = {"default": 0, "min": 0, "max": 2**63}
SIDE = {"default": 512, "min": 16, "max": 16384, "step": 8}
MODEL_SIDE = {"default": 832, "min": 16, "max": 16384, "step": 16}
CLASSES = {
    "CheckpointLoaderSimple": {"ckpt_name": ["STRING"]},
    "CLIPTextEncode": {"text": ["STRING"], "clip": ["CLIP"]},
    "ConditioningZeroOut": {"conditioning": ["CONDITIONING"]},
    "PrimitiveStringMultiline": {"value": ["STRING"]},
    "EmptyLatentImage": {"width": ["INT", SIDE], "height": ["INT", SIDE], "batch_size": ["INT", WHOLE]},
    "KSampler": {"seed": ["INT", WHOLE], "positive": ["CONDITIONING"], "negative": ["CONDITIONING"]},
    "VAEDecode": {"samples": ["LATENT"]},
    "LoadImage": {"image": [["example.png"], {"image_upload": True}]},
    "ImageScale": {"image": ["IMAGE"], "width": ["INT", SIDE], "height": ["INT", SIDE]},
    "WanFirstLastFrameToVideo": {
        "width": ["INT", MODEL_SIDE], "height": ["INT", MODEL_SIDE],
        "length": ["INT", {"default": 81, "min": 1, "max": 16384, "step": 4}],
    },
    "CreateVideo": {"images": ["IMAGE"], "fps": ["FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0}]},
    "SaveImage": {"images": ["IMAGE"]},
    "PreviewImage": {"images": ["IMAGE"]},
    "SaveVideo": {"video": ["VIDEO"]},
}  # fmt: skip
SAVING = {"SaveImage": ".png", "PreviewImage": ".png", "SaveVideo": ".mp4"}


def video(count: int, fps: int = 16) -> bytes:
    """A video that gets lighter from frame to frame."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv420p"
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((72, 128, 3), 40 + 3 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def picture(grey: int, width_px: int = 128, height_px: int = 72) -> bytes:
    """A grey picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (width_px, height_px), (grey, grey, grey)).save(buffer, "PNG")
    return buffer.getvalue()


class FakeComfyUI(Service):
    """Whatever is in the queue moves on by one stage with so many looks at the queue."""

    def __init__(self) -> None:
        self.looks_until_it_runs = 1
        self.looks_until_it_is_done = 2
        self.pictures_saved = 1
        self.made = {".png": picture(90), ".mp4": video(40)}
        self.failure: tuple[str, dict] | None = None
        """the last message of a history, in place of success"""
        self.messages: list[dict | bytes] = []
        """what its websocket tells as soon as a prompt is queued"""
        self.has_socket = True
        self.listeners: dict[str, Callable[[bytes], None]] = {}
        """by client's id"""
        self.status = 200
        self.forgets = False
        self.view_status = 200
        self.prompts: dict[str, dict] = {}
        self.waiting: list[str] = []
        self.running: list[str] = []
        self.others: list[str] = []
        """other people's, which run for ever"""
        self.history: dict[str, dict] = {}
        self.uploads: dict[str, bytes] = {}
        self.interrupted: list[str | None] = []
        self.deleted: list[str] = []
        self.freed: list[dict] = []
        self._looks = 0
        super().__init__(self._handler())

    @property
    def sent(self) -> dict:
        """The nodes of the last prompt."""
        return list(self.prompts.values())[-1]

    def inputs(self, node: str) -> dict:
        return self.sent[node]["inputs"]

    def enqueue(self, nodes: dict, client_id: str) -> tuple[int, dict]:
        error, node_errors = self.faults(nodes)
        if error:
            return 400, {"error": error, "node_errors": node_errors}
        prompt_id = f"prompt-{len(self.prompts)}"
        self.prompts[prompt_id] = nodes
        self.waiting.append(prompt_id)
        self._looks = 0
        for message in self.messages if client_id in self.listeners else ():
            self.listeners[client_id](message_frame(message))
        return 200, {"prompt_id": prompt_id, "number": len(self.prompts), "node_errors": {}}

    def faults(self, nodes: dict) -> tuple[dict | None, dict]:
        for node, content in nodes.items():
            if content["class_type"] not in CLASSES:
                title = content.get("_meta", {}).get("title", content["class_type"])
                about = {"node_id": node, "class_type": content["class_type"], "node_title": title}
                message = f"Node '{title}' not found. The custom node may not be installed."
                return fault("missing_node_type", message, f"Node ID '#{node}'", about), {}
        if not any(content["class_type"] in SAVING for content in nodes.values()):
            return fault("prompt_no_outputs", "Prompt has no outputs"), {}
        errors = {}
        for node, content in nodes.items():
            if found := list(self._faults_of(content)):
                errors[node] = {"errors": found, "dependent_outputs": ["9"], "class_type": content["class_type"]}
        return (fault("prompt_outputs_failed_validation", "Prompt outputs failed validation"), errors) if errors else (
            None, {})  # fmt: skip

    def _faults_of(self, content: dict):
        inputs = content["inputs"]
        for name, declared in CLASSES[content["class_type"]].items():
            limits = declared[1] if len(declared) > 1 else {}
            if name not in inputs:
                yield fault("required_input_missing", "Required input is missing", name)
            elif "max" in limits and not isinstance(inputs[name], list) and inputs[name] > limits["max"]:
                yield fault("value_bigger_than_max", f"Value {inputs[name]} bigger than max of {limits['max']}", name)
        if content["class_type"] == "LoadImage" and inputs["image"] not in {"example.png", *self.uploads}:
            reason = f"image - Invalid image file: {inputs['image']}"
            yield fault("custom_validation_failed", "Custom validation failed for node", reason)

    def look(self) -> dict:
        """The queue; time passes by being asked for it."""
        self._looks += 1
        if self.running and self._looks >= self.looks_until_it_runs + self.looks_until_it_is_done:
            self.finish(self.running.pop())
        elif self.waiting and not self.others and self._looks >= self.looks_until_it_runs:
            self.running.append(self.waiting.pop(0))
        if self.forgets:
            self.waiting, self.running = [], []
        entry = lambda number, name: [number, name, self.prompts.get(name, {}), {}, ["9"]]  # noqa: E731
        return {
            "queue_running": [entry(0, name) for name in (*self.others, *self.running)],
            "queue_pending": [entry(i, name) for i, name in reversed(list(enumerate(self.waiting, 1)))],
        }

    def finish(self, prompt_id: str, message: tuple[str, dict] | None = None) -> None:
        nodes, message = self.prompts[prompt_id], message or self.failure
        outputs = {} if message else {
            node: {"images": [
                {"filename": f"{prompt_id}_{node}_{i:05d}_{SAVING[content['class_type']]}", "subfolder": "video",
                 "type": "temp" if content["class_type"] == "PreviewImage" else "output"}
                for i in range(self.pictures_saved)
            ]}
            for node, content in nodes.items() if content["class_type"] in SAVING
        }  # fmt: skip
        start = ["execution_start", {"prompt_id": prompt_id}]
        end = list(message) if message else ["execution_success", {"prompt_id": prompt_id}]
        self.history[prompt_id] = {
            "prompt": [0, prompt_id, nodes, {}, list(outputs)],
            "outputs": outputs,
            "status": {
                "status_str": "error" if message else "success", "completed": not message, "messages": [start, end],
            },
            "meta": {},
        }  # fmt: skip

    def interrupt(self, prompt_id: str | None) -> None:
        self.interrupted.append(prompt_id)
        for name in [name for name in self.running if prompt_id in (None, name)]:
            self.running.remove(name)
            self.finish(name, ("execution_interrupted", {"prompt_id": name, "node_id": "3", "node_type": "KSampler"}))

    def _handler(fake) -> type[Answering]:  # noqa: N805 - the handler has a self of its own
        class Handler(Answering, BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                asked = dict(urllib.parse.parse_qsl(query))
                if fake.status != 200:
                    self.answer(fake.status)
                elif path == "/ws" and fake.has_socket:
                    self.speak(asked["clientId"])
                elif path == "/queue":
                    self.answer(200, fake.look())
                elif path.startswith("/history/"):
                    name = path.rsplit("/", 1)[1]
                    self.answer(200, {name: fake.history[name]} if name in fake.history else {})
                elif path.startswith("/object_info/"):
                    name = path.rsplit("/", 1)[1]
                    known = {name: {"input": {"required": CLASSES[name]}, "name": name}} if name in CLASSES else {}
                    self.answer(200, known)
                elif path == "/view" and fake.view_status == 200 and asked["subfolder"] == "video":
                    self.answer(200, fake.made["." + asked["filename"].rsplit(".", 1)[1]])
                else:
                    self.answer(404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/upload/image":
                    kind = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
                    part = next(email.message_from_bytes(kind + body, policy=email.policy.default).iter_parts())
                    name = str(part.get_filename())
                    fake.uploads[name] = cast(bytes, part.get_payload(decode=True))
                    self.answer(200, {"name": name, "subfolder": "", "type": "input"})
                    return
                content = json.loads(body)
                if self.path == "/prompt":
                    self.answer(*fake.enqueue(content["prompt"], content["client_id"]))
                elif self.path == "/interrupt":
                    fake.interrupt(content.get("prompt_id"))
                    self.answer(200)
                elif self.path == "/queue":
                    fake.deleted += content["delete"]
                    fake.waiting = [name for name in fake.waiting if name not in content["delete"]]
                    self.answer(200)
                elif self.path == "/free":
                    fake.freed.append(content)
                    self.answer(200)
                else:
                    self.answer(404)

            def send(self, data: bytes) -> None:
                self.wfile.write(data)

            def speak(self, client_id):
                key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
                self.send_response_only(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
                self.end_headers()
                self.wfile.flush()
                fake.listeners[client_id] = self.send
                self.rfile.read(1)  # until the other side hangs up
                self.close_connection = True

        return Handler


def message_frame(message: dict | bytes) -> bytes:
    """A websocket's frame: text, or bytes for a picture of what is being made."""
    content = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack("!BBH", 0x82 if isinstance(message, bytes) else 0x81, 126, len(content)) + content


def fault(kind: str, message: str, details: str = "", about: dict | None = None) -> dict:
    """An error as ComfyUI tells one."""
    return {"type": kind, "message": message, "details": details, "extra_info": about or {}}
