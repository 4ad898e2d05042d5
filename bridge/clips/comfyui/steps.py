# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a ComfyUI is with a workflow, as its websocket tells it.

It is for people alone. Whether the work is done is asked for: a socket that can't be had, or breaks, is no loss.
"""

import base64
import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bridge.clips.comfyui.workflow import Workflow

if TYPE_CHECKING:
    import websocket

PATIENCE_S = 5.0
"""to connect"""


class Steps:
    """What was heard of one workflow.

    Args:
        socket: None: nothing will be heard.
        client_id: by which ComfyUI knows whom to tell.
    """

    def __init__(self, workflow: Workflow, socket: "websocket.WebSocket | None", client_id: str) -> None:
        self.client_id = client_id
        self.share = 0.0
        """of the nodes that are done, 0-1; the one that runs counts by its steps"""
        self.doing = ""
        """the node that runs, and its step, for people"""
        self._workflow = workflow
        self._socket = socket
        self._begun: set[str] = set()

    def wait(self, longest_s: float) -> None:
        """Until something is heard, but not longer."""
        import websocket

        if self._socket is None:
            time.sleep(longest_s)
            return
        self._socket.settimeout(max(0.01, longest_s))
        try:
            message = self._socket.recv()
        except websocket.WebSocketTimeoutException:
            return
        except (OSError, websocket.WebSocketException):
            self._socket = None
            return
        if isinstance(message, str) and message:  # pictures of what is being made are bytes
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                answer = json.loads(message)
                self._hear(answer["type"], answer["data"])

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        if event == "execution_cached":
            self._begun.update(data["nodes"])
        elif event == "executing" and data["node"] is not None:
            self._runs(str(data["node"]), 0.0, "")
        elif event == "progress":
            self._runs(str(data["node"]), data["value"] / max(1, data["max"]), f" {data['value']} of {data['max']}")

    def _runs(self, node: str, share: float, step: str) -> None:
        self._begun.add(node)
        done = (len(self._begun) - 1 + share) / max(len(self._begun), len(self._workflow.nodes))
        self.share = max(self.share, min(1.0, done))
        self.doing = (self._workflow.title(node) if node in self._workflow.nodes else f"node {node}") + step


@contextlib.contextmanager
def listening(url: str, workflow: Workflow) -> Iterator[Steps]:
    """Listens to the ComfyUI at an address."""
    import websocket

    parts, client_id = urlsplit(url), uuid.uuid4().hex
    login = base64.b64encode(unquote(parts.netloc.rpartition("@")[0]).encode()).decode()
    place = parts._replace(
        scheme=parts.scheme.replace("http", "ws"),
        netloc=parts.netloc.rpartition("@")[2],
        path=f"{parts.path}/ws",
        query=f"clientId={client_id}",
    )
    socket = None
    with contextlib.suppress(OSError, websocket.WebSocketException):
        header = [f"Authorization: Basic {login}"] if login else []
        socket = websocket.create_connection(
            place.geturl(), timeout=PATIENCE_S, header=header, suppress_origin=True, redirect_limit=0
        )
    try:
        yield Steps(workflow, socket, client_id)
    finally:
        if socket is not None:
            socket.close(timeout=0)
