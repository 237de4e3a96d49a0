"""The studio put together: its page, its line and its runs, added to the server that robots and programs use."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket

from gedanken.serving.door import Door
from gedanken.serving.engine import Engine
from gedanken.serving.limits import Limits
from gedanken.serving.metrics import Metrics
from gedanken.serving.models import Models
from gedanken.serving.studio.live import attend
from gedanken.serving.studio.runs import run_routes
from gedanken.serving.studio.shelf import Shelf
from gedanken.serving.studio.site import site_routes


def add_studio(
    app: FastAPI, models: Models, shelf: Shelf, door: Door, engine: Engine, limits: Limits, metrics: Metrics
) -> None:
    """Serve the studio's page at `/`, its line at `/studio/live` and its runs.

    Raises:
        StorageError: the page was not built.
    """
    app.include_router(site_routes(door))
    app.include_router(run_routes(shelf.runs))

    @app.websocket("/studio/live")
    async def live(socket: WebSocket, model: str | None = None) -> None:
        await attend(socket, model or models.first, models, shelf, engine, limits, metrics)
