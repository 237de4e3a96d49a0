"""Listen: uvicorn with our limits, told when it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gedanken.errors import StorageError
from gedanken.serving.gate import Gate
from gedanken.serving.limits import Limits


def run(app: Gate, host: str, port: int, limits: Limits, ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve until interrupted.

    Args:
        app: what answers.
        host: address to listen on.
        port: 0 takes a free one.
        limits: of connections, sizes and times.
        ready: told the address once it is listened on.
    Raises:
        StorageError: the address cannot be listened on.
    """
    server = server_of(app, host, port, limits)
    asyncio.run(_served(server, ready))


def server_of(app: Gate, host: str, port: int, limits: Limits) -> uvicorn.Server:
    """A uvicorn server that keeps to the limits; `await serve()` runs it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=_punctual(limits.silent_seconds),
            ws="websockets-sansio",
            ws_max_size=limits.message_bytes,
            ws_max_queue=4,
            ws_ping_interval=limits.ping_seconds,
            ws_ping_timeout=limits.ping_seconds,
            ws_per_message_deflate=False,
            limit_concurrency=limits.connections,
            h11_max_incomplete_event_size=16_384,
            timeout_graceful_shutdown=2,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="error",
            lifespan="on",
        )
    )


async def _served(server: uvicorn.Server, ready: Callable[[str], None]) -> None:
    listening = asyncio.create_task(server.serve())
    while not server.started and not listening.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready(address_of(server))
    try:
        await listening
    except SystemExit as error:  # uvicorn's way to say that the port is taken
        host, port = server.config.host, server.config.port
        raise StorageError(
            f"cannot listen on {host}:{port}; is it taken? Give another --port, or 0 for a free one."
        ) from error


def address_of(server: uvicorn.Server) -> str:
    """`127.0.0.1:8000`, as it is listened on."""
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _punctual(seconds: float) -> type[asyncio.Protocol]:
    """uvicorn's HTTP, which closes a new connection that asks for nothing in so many seconds; uvicorn would wait for ever."""

    class Punctual(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.asked = False
            self.silence = self.loop.call_later(seconds, self.hang_up)

        def handle_events(self) -> None:
            super().handle_events()
            # `scope` is set by the first whole request head.
            self.asked = self.asked or self.cycle is not None or self.transport.get_protocol() is not self

        def connection_lost(self, exc: Exception | None) -> None:
            self.silence.cancel()
            super().connection_lost(exc)

        def hang_up(self) -> None:
            if not self.asked and not self.transport.is_closing():
                self.transport.close()

    return Punctual
