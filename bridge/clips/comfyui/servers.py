# SPDX-License-Identifier: GPL-3.0-or-later
"""A running ComfyUI: pictures up, a workflow into its queue, what became of it, files down.

Whether it is done comes from asking for its queue and its history; single steps come from its websocket (`steps`).
"""

import contextlib
import hashlib
import io
import os
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from blender_addon.core import network
from bridge.clips.base import Work
from bridge.clips.comfyui.steps import Steps
from bridge.clips.comfyui.workflow import Workflow
from bridge.common import files
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from bridge.common.frames import Frame

if TYPE_CHECKING:
    import httpx

ADDRESSES = "BEATBOARD_COMFYUI"
"""the environment variable that names the servers where a request doesn't"""
USUAL = "http://127.0.0.1:8188"
POLL_S = 1.0
MOST_SILENT_POLLS = 30
"""so often in a row it may leave a question unanswered: it does while it loads a model"""
_NODE_ID = re.compile(r"^Node ID '#(.+)'$")
"""the details of an error about a node's type; what the error is called changed with time"""


@dataclass(frozen=True)
class SavedFile:
    """A file that a node saved on the server."""

    node: str
    name: str
    subfolder: str
    place: str
    """ComfyUI's word for the folder: output, temp or input"""

    @property
    def suffix(self) -> str:
        """Of its name, in small letters."""
        return Path(self.name).suffix.lower()


class Unanswered(GenerationFailed):
    """The server did not answer at all."""


@dataclass(frozen=True)
class Server:
    """One ComfyUI."""

    url: str
    http: "httpx.Client"

    @property
    def shown(self) -> str:
        """Its address for people, without a password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def queued(self) -> tuple[list[str], list[str]]:
        """The ids of what is running, and of what waits."""
        queue = self._json("GET", "/queue")
        try:
            running, waiting = (queue[name] for name in ("queue_running", "queue_pending"))
            return [str(entry[1]) for entry in running], [str(entry[1]) for entry in sorted(waiting, key=_number)]
        except (KeyError, IndexError, TypeError, ValueError):
            raise GenerationFailed(f"What answers at {self.shown} is not ComfyUI. Check the address.") from None

    def limits(self, node_class: str, name: str) -> Mapping[str, Any]:
        """What the server says of an input: `min`, `max` and `step`, as far as it does."""
        takes = self._json("GET", f"/object_info/{node_class}").get(node_class, {}).get("input", {})
        for group in ("required", "optional"):
            declared = takes.get(group, {}).get(name)
            if isinstance(declared, list) and len(declared) > 1 and isinstance(declared[1], dict):
                return declared[1]
        return {}

    def upload(self, picture: Frame) -> str:
        """Puts a picture into its folder of inputs; gives the name by which nodes that load pictures find it."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
        name = f"beatboard-{hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()[:16]}.png"
        kept = self._json("POST", "/upload/image", files={"image": (name, buffer.getvalue(), "image/png")})
        return "/".join(filter(None, (kept.get("subfolder"), kept["name"])))

    def enqueue(self, nodes: Mapping[str, Any], workflow: Workflow, client_id: str) -> str:
        """Puts filled nodes into the queue; gives the id.

        Args:
            client_id: whom to tell by websocket how far it is.

        Raises:
            GenerationFailed: it refuses them; the sentence names the node and the reason.
        """
        answer = self._ask("POST", "/prompt", json={"prompt": nodes, "client_id": client_id})
        content = _content(answer)
        if answer.status_code == 400 and content:
            raise GenerationFailed(_refusal(content, workflow))
        return str(self._checked(answer, "/prompt")["prompt_id"])

    def follow(self, prompt_id: str, workflow: Workflow, work: Work, doing: str, steps: Steps) -> list[SavedFile]:
        """Waits until it is done; gives what it saved.

        Raises:
            GenerationFailed: it failed, was interrupted there, or the server has gone.
            Cancelled: the user asked to stop; it is stopped there too, and nothing else is.
        """
        silent = 0
        try:
            while True:
                try:
                    state = self._state(prompt_id)
                    silent = 0
                except Unanswered:
                    silent += 1
                    if silent > MOST_SILENT_POLLS:
                        raise
                    state = "waiting for ComfyUI to answer"
                if not isinstance(state, str):
                    return _saved(state, workflow)
                _wait(work, state, doing, steps)
        except Cancelled:
            self.cancel(prompt_id)
            raise

    def cancel(self, prompt_id: str) -> None:
        """Takes it out of the queue, or interrupts it if it runs; others' work goes on.

        It is interrupted only while it is seen to run: older servers interrupt whatever runs.
        """
        with contextlib.suppress(GenerationFailed):
            self._checked(self._ask("POST", "/queue", json={"delete": [prompt_id]}), "/queue")
            if prompt_id in self.queued()[0]:
                self._checked(self._ask("POST", "/interrupt", json={"prompt_id": prompt_id}), "/interrupt")

    def download(self, saved: SavedFile, path: Path, work: Work) -> None:
        """Fetches a file.

        Raises:
            GenerationFailed: it isn't there, or the server has gone.
        """
        import httpx

        named = {"filename": saved.name, "subfolder": saved.subfolder, "type": saved.place}
        try:
            with self.http.stream("GET", "/view", params=named) as answer:
                if answer.status_code != 200:
                    raise GenerationFailed(
                        f"ComfyUI at {self.shown} no longer has {saved.name}: it answers with status"
                        f" {answer.status_code}. Change the seed, or restart ComfyUI, so that it is made again."
                    )
                with files.written_beside(path) as beside, beside.open("wb") as out:
                    for piece in answer.iter_bytes():
                        out.write(piece)
                        work.report(0.9, "downloading from ComfyUI")
        except httpx.HTTPError as error:
            raise self._unanswered(error) from None

    def free(self) -> None:
        """Asks it to unload its models, unless others wait for it."""
        with contextlib.suppress(GenerationFailed):
            if not any(self.queued()):
                self._checked(self._ask("POST", "/free", json={"unload_models": True, "free_memory": True}), "/free")

    def _state(self, prompt_id: str) -> str | Mapping[str, Any]:
        """What is in the history of it; else what it waits for, empty while it runs."""
        running, waiting = self.queued()
        history = self._json("GET", f"/history/{prompt_id}")
        if found := history.get(prompt_id):
            return found
        if prompt_id in running:
            return ""
        if prompt_id in waiting:
            before = len(running) + waiting.index(prompt_id)
            return f"waiting at ComfyUI: {before} before it"
        raise GenerationFailed(
            f"ComfyUI at {self.shown} no longer knows what it was asked. Was it restarted? Try again."
        )

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return self._checked(self._ask(method, path, **more), path)

    def _ask(self, method: str, path: str, **more: Any) -> "httpx.Response":
        import httpx

        try:
            return self.http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise self._unanswered(error) from None

    def _checked(self, answer: "httpx.Response", path: str) -> dict[str, Any]:
        if answer.status_code in (401, 403):
            raise GenerationFailed(
                f"ComfyUI at {self.shown} asks for a login. Put it into its address: http://name:password@…"
            )
        if not answer.is_success:
            raise GenerationFailed(f"ComfyUI at {self.shown} answers {path} with status {answer.status_code}.")
        content = _content(answer)
        if content is None:
            raise GenerationFailed(f"What answers at {self.shown} is not ComfyUI. Check the address.")
        return content

    def _unanswered(self, error: Exception) -> Unanswered:
        return Unanswered(f"ComfyUI at {self.shown} can't be reached ({type(error).__name__}). Is it running?")


def addresses(text: str) -> list[str]:
    """The servers that an option names, or the environment.

    Raises:
        BadInput: one is no address, or may not be asked.
    """
    found = [part.strip().rstrip("/") for part in (text or os.environ.get(ADDRESSES) or USUAL).split(",")]
    for url in found:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise BadInput(f"{url!r} is not ComfyUI's address. It looks like {USUAL}.")
        if network.is_offline(os.environ) and not network.is_loopback(url):
            raise BadInput(f"This ComfyUI is on the network. {network.REFUSAL}.")
    return found


@contextlib.contextmanager
def least_busy(urls: Sequence[str], name: str) -> Iterator[Server]:
    """The server with the least to do.

    Args:
        name: of what is to be made: of equally busy servers it decides, so that shots which start together spread.

    Raises:
        BadInput: none can be reached.
    """
    with contextlib.ExitStack() as stack:
        found: list[tuple[int, int, Server]] = []
        silent: list[GenerationFailed] = []
        for i, url in enumerate(urls):
            server = Server(url, stack.enter_context(_client(url)))
            try:
                running, waiting = server.queued()
            except GenerationFailed as error:
                silent.append(error)
                continue
            found.append((len(running) + len(waiting), (i + zlib.crc32(name.encode())) % len(urls), server))
        if not found:
            raise BadInput(f"{silent[0]} Start it, or name its address with --set comfyui=URL.")
        yield min(found, key=lambda each: each[:2])[2]


def _client(url: str) -> "httpx.Client":
    import httpx

    return httpx.Client(
        base_url=url,
        timeout=httpx.Timeout(60.0, connect=5.0),
        trust_env=not network.is_loopback(url),  # a proxy can't reach this computer by that name
        verify=urlsplit(url).scheme == "https",  # without, there are no certificates to load, which takes long
    )


def _number(entry: Sequence[Any]) -> float:
    return float(entry[0])


def _content(answer: "httpx.Response") -> dict[str, Any] | None:
    """The JSON object in an answer; an empty one where it has no content; None if it is anything else."""
    if not answer.content:
        return {}
    try:
        content = answer.json()
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _wait(work: Work, waiting: str, doing: str, steps: Steps) -> None:
    """Until the next question, listening for a cancel all the while.

    Args:
        waiting: for what it waits; empty if it runs.
    """
    until = time.monotonic() + POLL_S
    while True:
        left = until - time.monotonic()
        steps.wait(min(0.25, max(0.0, left)))
        if waiting:
            work.report(0.1, waiting)
        else:
            work.report(0.1 + 0.75 * steps.share, ": ".join(filter(None, (doing, steps.doing))))
        if left <= 0:
            return


def _refusal(content: Mapping[str, Any], workflow: Workflow) -> str:
    """Why a workflow was not taken: of the first node that is wrong, or of the whole."""
    for node, data in (content.get("node_errors") or {}).items():
        for error in data.get("errors", ()):
            details = f" ({error['details']})" if error.get("details") else ""
            return f"ComfyUI refuses the workflow: in {_label(workflow, node)}: {error.get('message', '')}{details}."
    error = content.get("error")
    if not isinstance(error, dict):
        return f"ComfyUI refuses the workflow: {error}."
    unknown = _NODE_ID.search(str(error.get("details", "")))
    if unknown and unknown[1] in workflow.nodes:
        return (
            f"ComfyUI has no nodes of the type {workflow.node_class(unknown[1])!r}, as {workflow.label(unknown[1])} is."
            " Install there what brings them, or export another workflow."
        )
    return f"ComfyUI refuses the workflow: {str(error.get('message', '')).rstrip('.')}."


def _saved(entry: Mapping[str, Any], workflow: Workflow) -> list[SavedFile]:
    """The files in an entry of the history.

    Raises:
        GenerationFailed: it ended badly.
    """
    status = entry.get("status") or {}
    for event, data in status.get("messages", ()):
        if event == "execution_error":
            raise GenerationFailed(_failure(data, workflow))
        if event == "execution_interrupted":
            raise GenerationFailed("It was interrupted at ComfyUI. Make the shot again to start anew.")
    if status.get("status_str") == "error":
        raise GenerationFailed("ComfyUI failed and doesn't say why. Look at its log.")
    return [
        SavedFile(str(node), file["filename"], file.get("subfolder", ""), file.get("type", "output"))
        for node, data in entry.get("outputs", {}).items()
        for several in data.values()
        if isinstance(several, list)
        for file in several
        if isinstance(file, dict) and "filename" in file
    ]


def _failure(data: Mapping[str, Any], workflow: Workflow) -> str:
    where = _label(workflow, data.get("node_id"))
    reason = " ".join(str(data.get("exception_message", "")).split())[:300].rstrip(".")
    kind = str(data.get("exception_type", ""))
    if "OutOfMemory" in kind or "out of memory" in reason.lower():
        return f"ComfyUI's GPU has too little memory for {where}. Give the workflow a smaller size or fewer frames."
    return f"ComfyUI failed in {where}: {reason or kind}."


def _label(workflow: Workflow, node: object) -> str:
    return workflow.label(str(node)) if str(node) in workflow.nodes else f"node {node}"
