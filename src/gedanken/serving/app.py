"""The server's parts put together: one port for robots, programs and people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket
from fastapi.responses import HTMLResponse

from gedanken import __version__
from gedanken.errors import GedankenError
from gedanken.serving.door import Door
from gedanken.serving.engine import Engine
from gedanken.serving.gate import Gate
from gedanken.serving.http import routes
from gedanken.serving.jobs import Jobs
from gedanken.serving.limits import Limits
from gedanken.serving.metrics import Metrics
from gedanken.serving.models import Models
from gedanken.serving.page import docs_page
from gedanken.serving.refusals import say_in_sentences
from gedanken.serving.stream.endpoint import converse, turn_away
from gedanken.serving.studio.shelf import Shelf
from gedanken.serving.studio.site import PUBLIC
from gedanken.serving.studio.studio import add_studio


def app_of(
    models: Models, door: Door, limits: Limits | None = None, together: int = 16, studio: Shelf | None = None
) -> Gate:
    """The ASGI application: WebSocket at `/` and HTTP, behind the gate.

    Args:
        models: what is served.
        door: who may come in.
        limits: how much anyone may bring.
        together: most requests planned in one batch.
        studio: what the studio's page shows beside the models; None serves no page.
    Raises:
        StorageError: the studio's page was not built.
    """
    limits = limits or Limits()
    engine, jobs, metrics = Engine(together), Jobs(), Metrics()

    @asynccontextmanager
    async def open_until_the_end(_: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()
        if studio is not None:
            await asyncio.wrap_future(engine.call(studio.close))  # a memory is closed by the thread that opened it
        engine.close()

    app = FastAPI(title="gedanken", version=__version__, lifespan=open_until_the_end, docs_url=None, redoc_url=None)

    say_in_sentences(app, metrics)
    app.include_router(routes(models, engine, jobs, metrics))

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> str:
        return docs_page(app.openapi())

    @app.websocket("/")
    async def stream(socket: WebSocket, model: str | None = None) -> None:
        name = model or models.first
        try:
            loaded = await asyncio.to_thread(models.__getitem__, name)
            loaded.agent()
        except GedankenError as error:
            await turn_away(socket, str(error), limits)
            return
        await converse(socket, name, loaded, engine, limits, metrics)

    if studio is not None:
        add_studio(app, models, studio, door, engine, limits, metrics)
    return Gate(app, door, limits, frozenset() if studio is None else PUBLIC)
