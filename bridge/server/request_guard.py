# SPDX-License-Identifier: GPL-3.0-or-later
"""What every HTTP request must pass before anything else looks at it: host, origin, token, size.

The host is checked since a web page may give its own name our address (DNS rebinding); requests with an origin come
from web pages, and none is ours but the API's own page, which needs none.
"""

import asyncio
import base64
import json
import logging
import secrets
import urllib.parse
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blender_addon.core import codec, proof
from bridge.common import clock
from bridge.common.errors import BeatboardError
from bridge.server.connections import KNOWN

log = logging.getLogger(__name__)
FREE_GUESSES = 5
LONGEST_PAUSE_S = 10.0
LOG_EVERY_S = 60.0
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
        hosts: the names that the Host header may have, with port; the address that a request came to is allowed too.
        nonce: this launch's secret, see `blender_addon.core.proof`.
        guesses: who may guess the token at what pace; None lets anyone, which is for this machine alone.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, hosts: Collection[str], nonce: str = "", guesses: "Guesses | None" = None
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {host.lower() for host in hosts}
        self._nonce = nonce
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes it on, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        limit = FILE_LIMIT_BYTES if scope["path"].startswith("/files/") else JSON_LIMIT_BYTES
        if refusal := self._refusal(scope, headers, limit):
            if refusal.status == 401 and self._guesses:
                await self._guesses.pause(headers, scope.get("client"))
            await refuse(send, refusal)
            return
        if self._is_asked_for_proof(scope):
            await self._prove(scope, send)
            return
        scope.setdefault("extensions", {})[KNOWN] = {}
        await self._bounded(scope, receive, send, limit)

    def _refusal(self, scope: Scope, headers: Headers, limit: int) -> Refusal | None:
        path = scope["path"]
        if headers.get("host", "").lower() not in self._hosts | _own_address(scope):
            return Refusal(403, "This host name is not the bridge's.")
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Refusal(403, "Web pages may not talk to the bridge.")
        if not self._is_asked_for_proof(scope) and not self._knows_token(path, headers.get("authorization", "")):
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
            except ValueError:
                return False
        elif scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(value.encode(), self._token)

    def _is_asked_for_proof(self, scope: Scope) -> bool:
        return bool(self._nonce) and scope["path"] == proof.PATH and scope["method"] == "GET"

    async def _prove(self, scope: Scope, send: Send) -> None:
        """Shows who we are to a client that doesn't trust us yet: no request with a token comes before that."""
        asked = urllib.parse.parse_qs(scope["query_string"].decode("latin-1")).get("challenge", [""])[0]
        body = codec.dumps(proof.Proof(proof.proof_of(self._nonce, asked))).encode()
        await _answer(send, 200, body, [(b"connection", b"close")])

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


class Guesses:
    """Wrong tokens: each keeps the next waiting longer, whoever sends it, and the log has a line now and then."""

    def __init__(self) -> None:
        self._count = self._told_count = 0
        self._told_at_s = -LOG_EVERY_S
        self._turn = asyncio.Lock()

    async def pause(self, headers: Headers, client: tuple[str, int] | None) -> None:
        """Before the answer to one. Who sends no token at all may only have to learn that one is needed."""
        if not headers.get("authorization"):
            return
        self._count += 1
        if clock.now_s() - self._told_at_s >= LOG_EVERY_S:
            where = client[0] if client else "somewhere"
            log.warning("%d wrong tokens, the last from %s", self._count - self._told_count, where)
            self._told_at_s, self._told_count = clock.now_s(), self._count
        if self._count > FREE_GUESSES:
            async with self._turn:
                await asyncio.sleep(min(LONGEST_PAUSE_S, 0.1 * 2 ** min(10, self._count - FREE_GUESSES)))


def _own_address(scope: Scope) -> set[str]:
    """The address that a request came to. No web page can make a browser send it for a name of its own."""
    if not scope.get("server") or scope["server"][1] is None:
        return set()
    host, port = scope["server"]
    return {f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answers with the error's JSON, and closes the connection, since the request's body was not read."""
    body = json.dumps(error_json(refusal.message)).encode()
    await _answer(send, refusal.status, body, [(b"connection", b"close"), *refusal.headers])


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    given = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


def error_json(message: str, field: str = "") -> dict[str, Any]:
    """The shape of every error: a sentence, and the field it is about, if it is about one."""
    return {"error": {"message": message, "field": field}}
