"""The door as ASGI: it stands before everything else, and counts and times what comes in.

A WebSocket that is refused gets an HTTP answer in place of its handshake, so that the sentence arrives.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gedanken.errors import BadInput, GedankenError, Refused
from gedanken.serving.door import Door
from gedanken.serving.limits import Bucket, Limits
from gedanken.strict_json import parse_object

_ADDRESSES = 1024
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


class Gate:
    """Lets in what the door admits, within the limits.

    Args:
        app: what stands behind.
        door: whom to let in.
        limits: how much of what.
        public: paths that are read without a token.
    """

    def __init__(self, app: ASGIApp, door: Door, limits: Limits, public: frozenset[str] = frozenset()) -> None:
        self.app, self.door, self.limits, self.public = app, door, limits, public
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            reads = scope["type"] == "http" and scope["method"] == "GET"
            self.door.admit(_headers(scope), public=reads and scope["path"] in self.public)
            if scope["type"] == "http":
                self._in_rate(scope)
                receive = await self._bounded(scope, receive)
        except GedankenError as error:
            status = getattr(error, "status", None) or (403 if isinstance(error, Refused) else 400)
            await _answer(scope, receive, send, status, str(error))
            return
        await self.app(scope, receive, send)

    def _in_rate(self, scope: Scope) -> None:
        address, now = (scope.get("client") or ("",))[0], time.monotonic()
        bucket = self._buckets.pop(address, None) or Bucket(self.limits.rate, self.limits.burst, now)
        self._buckets[address] = bucket
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        if not bucket.take(now):
            raise _refused(
                429, f"more than {self.limits.rate:g} requests a second came from {address}; ask more slowly."
            )

    async def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The whole body, read before anything is done with it."""
        body, largest = bytearray(), self.limits.message_bytes
        if scope["method"] in _WITH_BODY:
            try:
                async with asyncio.timeout(self.limits.body_seconds):
                    more = True
                    while more:
                        message = await receive()
                        body += message.get("body", b"")
                        more = message["type"] == "http.request" and message.get("more_body", False)
                        if len(body) > largest:
                            raise _refused(413, f"the body has more than the {largest:,} bytes that are taken.")
            except TimeoutError as error:
                raise _refused(408, f"the body did not come within {self.limits.body_seconds:g} s.") from error
            if body:
                parse_object(bytes(body))  # depth, NaN and keys given twice; what it says is read later
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        return again


def _refused(status: int, sentence: str) -> GedankenError:
    error = BadInput(sentence) if status == 413 else Refused(sentence)
    error.status = status  # pyright: ignore[reportAttributeAccessIssue]
    return error


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _answer(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    response: Any = JSONResponse({"error": sentence}, status_code=status)
    if scope["type"] == "websocket":
        await receive()  # the handshake
    await response(scope, receive, send)
