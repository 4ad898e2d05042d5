# SPDX-License-Identifier: GPL-3.0-or-later
"""What every HTTP request must pass before anything else looks at it: host, origin, token, size.

The host is checked since a web page may give its own name our address (DNS rebinding); requests with an origin come
from web pages, and none is ours but the API's own page, which needs none.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.common.errors import BeatboardError

JSON_LIMIT_BYTES = 8 * 2**20
FILE_LIMIT_BYTES = 4 * 2**30
PAGES = ("/docs", "/openapi.json")
"""a browser may ask for these, with the token as the password"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says no."""

    status: int
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class TooLarge(BeatboardError):
    """More came than is allowed."""


class Guard:
    """ASGI middleware.

    Args:
        hosts: the names that the Host header may have, with port.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes it on, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        limit = FILE_LIMIT_BYTES if scope["path"].startswith("/files/") else JSON_LIMIT_BYTES
        if refusal := self._refusal(scope["path"], headers, limit):
            await refuse(send, refusal)
            return
        await self._bounded(scope, receive, send, limit)

    def _refusal(self, path: str, headers: Headers, limit: int) -> Refusal | None:
        if headers.get("host", "").lower() not in self._hosts:
            return Refusal(403, "This host name is not the bridge's.")
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Refusal(403, "Web pages may not talk to the bridge.")
        if not self._knows_token(path, headers.get("authorization", "")):
            scheme = b'Basic realm="Beatboard: the token is the password"' if path in PAGES else b"Bearer"
            return Refusal(
                401, "Send the bridge's token, as in: Authorization: Bearer TOKEN.", ((b"www-authenticate", scheme),)
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdecimal() or int(length[:20]) > limit:
            return Refusal(413, f"This is too large: at most {limit} bytes.")
        return None

    def _knows_token(self, path: str, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic" and path in PAGES:
            try:
                value = base64.b64decode(value, validate=True).decode("latin-1").partition(":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(value.encode(), self._token)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Passes it on, counting what comes in: not every request announces its length."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLarge(f"This is too large: at most {limit} bytes.")
            return message

        await self._app(scope, counted, send)


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answers with the error's JSON, and closes the connection, since the request's body was not read."""
    body = json.dumps(error_json(refusal.message)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close"), *refusal.headers]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_json(message: str, field: str = "") -> dict[str, Any]:
    """The shape of every error: a sentence, and the field it is about, if it is about one."""
    return {"error": {"message": message, "field": field}}
