"""The page's line: JSON texts over a WebSocket, one session a connection. What is wrong with a command is said in a sentence."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from gedanken import __version__
from gedanken.errors import GedankenError, Refused
from gedanken.recipes import Loaded
from gedanken.serving.engine import Engine
from gedanken.serving.limits import Limits
from gedanken.serving.line import Line
from gedanken.serving.metrics import Metrics
from gedanken.serving.models import Models
from gedanken.serving.stream.endpoint import greeting
from gedanken.serving.studio.commands import command_of
from gedanken.serving.studio.session import Session
from gedanken.serving.studio.shelf import Shelf
from gedanken.serving.studio.shown import finite

_OUR_MISTAKE = "the server failed at this, which is our mistake; its log says where."
MOST_PAGES = 32
"""Pages open at once: each may hold thousands of frames."""
_log = logging.getLogger(__name__)


async def attend(
    socket: WebSocket, name: str, models: Models, shelf: Shelf, engine: Engine, limits: Limits, metrics: Metrics
) -> None:
    """Answer one page until it is closed.

    Args:
        socket: not accepted yet.
        name: of the model.
        models: that are served.
        shelf: what all pages share.
        engine: does the thinking.
        limits: of size, rate and time.
        metrics: counts what happens.
    """
    await socket.accept()
    line, talking = Line(socket, limits), asyncio.Lock()

    async def say(message: dict[str, Any]) -> None:
        async with talking:
            await line.say(json.dumps(message, allow_nan=False, separators=(",", ":")))

    metrics.connections.inc()
    shelf.pages += 1
    session: Session | None = None
    try:
        try:
            if shelf.pages > MOST_PAGES:
                raise Refused(f"{MOST_PAGES} pages are open already, which is the limit; close one of them.")
            loaded = await asyncio.to_thread(models.__getitem__, name)
        except GedankenError as error:
            await say({"is": "error", "sentence": str(error)})
            return
        session = Session(name, loaded, shelf, engine, say)
        await say(_hello(name, loaded, models, shelf))
        while True:
            await _answer(session, await line.next(), say, metrics)
    except (WebSocketDisconnect, TimeoutError):
        pass
    finally:
        metrics.connections.dec()
        shelf.pages -= 1
        if session is not None:
            await session.leave()
        await line.close()


async def _answer(session: Session, message: bytes | str, say: Any, metrics: Metrics) -> None:
    asked, outcome = None, "answered"
    try:
        command = command_of(message)
        asked = command.id
        await session.hear(command)
    except GedankenError as error:
        outcome = "refused"
        await say({"is": "error", "sentence": str(error), "id": asked})
    except (WebSocketDisconnect, TimeoutError, asyncio.CancelledError):
        raise
    except Exception:
        _log.exception("a command of the studio failed")
        outcome = "failed"
        await say(
            {
                "is": "error",
                "sentence": _OUR_MISTAKE,
                "id": asked,
            }
        )
    metrics.requests.labels("studio", outcome).inc()


def _hello(name: str, loaded: Loaded, models: Models, shelf: Shelf) -> dict[str, Any]:
    agent = loaded.recipe.agent
    recordings = [{"name": each, "episodes": len(episodes)} for each, episodes in shelf.recordings.items()]
    told = greeting(name, loaded)
    for bound in ("low", "high"):  # JSON has no infinity; such actions are searched by no agent, and driven by no key
        told["action"][bound] = [finite(each, 9) for each in told["action"][bound]]
    told |= {"is": "hello", "version": __version__, "models": models.names()}
    told |= {
        "frame_skip": loaded.model.frame_skip,
        "horizon": agent.horizon,
        "surprising": agent.surprise,
        "hold": agent.hold,
    }
    told |= {"recordings": recordings, "memory": shelf.memory is not None, "runs": list(shelf.runs)}
    return told | {"trained_on": str(loaded.lineage.get("data", ""))}
