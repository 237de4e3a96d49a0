"""A WebSocket that is read at a bounded rate, written with a time limit, and watched while there is work to do."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gedanken.serving.limits import Bucket, Limits


class Line:
    """One end of a conversation.

    Args:
        socket: accepted.
        limits: of rate and time.
    """

    def __init__(self, socket: WebSocket, limits: Limits) -> None:
        self._socket, self._limits = socket, limits
        self._bucket = Bucket(limits.rate, limits.burst, time.monotonic())
        self._coming: asyncio.Task[bytes | str] | None = None

    async def next(self) -> bytes | str:
        """The next message."""
        if wait := self._bucket.wait(time.monotonic()):
            await asyncio.sleep(wait)
        coming, self._coming = self._coming or self._listen(), None
        return await coming

    async def unless_gone(self, work: asyncio.Future[Any], gone: threading.Event) -> Any:
        """What the work comes to; for a client that leaves before `gone` is set, and nobody waits any more."""
        self._coming = self._coming or self._listen()
        try:
            await asyncio.wait({work, self._coming}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and self._coming.exception() is not None:
                self._coming.result()  # raises
            return await work
        except (WebSocketDisconnect, asyncio.CancelledError):
            gone.set()
            work.cancel()
            raise

    async def say(self, message: bytes | str) -> None:
        """Send, or give up on a reader that is too slow."""
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(message)
        except RuntimeError as error:  # how uvicorn says that the client left before it could be answered
            raise WebSocketDisconnect(1006) from error

    async def close(self) -> None:
        """End the connection, if it has not ended."""
        if self._coming is not None:
            self._coming.cancel()
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                async with asyncio.timeout(1):
                    await self._socket.close()
            except (RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
                return

    def _listen(self) -> asyncio.Task[bytes | str]:
        return asyncio.create_task(self._message())

    async def _message(self) -> bytes | str:
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            raise WebSocketDisconnect(message.get("code", 1000))
        data = message.get("bytes")
        return data if data is not None else message["text"]
