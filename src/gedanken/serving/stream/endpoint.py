"""One robot's conversation: a greeting that says what the model reads, then a reply for each request.

An answer that is a text is an error in one sentence, as openpi's client expects it; the connection stays open, since what
was wrong can be mended. While a request is planned the line is watched: a robot that goes away frees its work at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from gedanken import __version__
from gedanken.errors import BadInput, GedankenError
from gedanken.recipes import Loaded
from gedanken.serving.engine import Engine, Seat
from gedanken.serving.limits import Limits
from gedanken.serving.line import Line
from gedanken.serving.metrics import Metrics
from gedanken.serving.stream.messages import policy_request, reply
from gedanken.serving.stream.wire import packed, unpacked
from gedanken.strict_json import stream_record

_log = logging.getLogger(__name__)


async def converse(
    socket: WebSocket, name: str, loaded: Loaded, engine: Engine, limits: Limits, metrics: Metrics
) -> None:
    """Answer one connection until it ends.

    Args:
        socket: not accepted yet.
        name: of the model.
        loaded: the model.
        engine: does the thinking.
        limits: of size, rate and time.
        metrics: counts what happens.
    """
    seat = Seat(loaded.agent())
    await socket.accept()
    metrics.connections.inc()
    line = Line(socket, limits)
    try:
        await line.say(packed(greeting(name, loaded)))
        while True:
            message = await line.next()
            came = time.perf_counter()
            try:
                answer, outcome = (
                    await _answered(message, came, seat, loaded, engine, line, limits, metrics),
                    "answered",
                )
            except (WebSocketDisconnect, asyncio.CancelledError):
                metrics.requests.labels("stream", "left").inc()
                raise
            except GedankenError as error:
                answer, outcome = str(error), "refused"
            except Exception:
                _log.exception("a request to %s failed", name)
                answer, outcome = (
                    "the server failed at this request, which is our mistake; its log says where.",
                    "failed",
                )
            metrics.requests.labels("stream", outcome).inc()
            await line.say(answer)
    except (WebSocketDisconnect, TimeoutError):
        pass
    finally:
        engine.leave(seat)
        metrics.connections.dec()
        await line.close()


async def turn_away(socket: WebSocket, sentence: str, limits: Limits) -> None:
    """Say in a sentence why there is nothing to talk about, and end the connection."""
    await socket.accept()
    line = Line(socket, limits)
    with suppress(WebSocketDisconnect, TimeoutError):
        await line.say(sentence)
    await line.close()


def greeting(name: str, loaded: Loaded) -> dict[str, Any]:
    """What a robot is told when it has connected: what the model reads and what its actions are."""
    action, recipe = loaded.model.action, loaded.recipe
    return {
        "server": "gedanken",
        "version": __version__,
        "model": name,
        "observation": {stream: _plain(stream_record(spec)) for stream, spec in loaded.observation.items()},
        "action": _plain(asdict(action)),
        "actions_a_reply": loaded.model.frame_skip,
        "plan_steps": recipe.agent.horizon * loaded.model.frame_skip,
    }


async def _answered(
    message: bytes | str,
    came: float,
    seat: Seat,
    loaded: Loaded,
    engine: Engine,
    line: Line,
    limits: Limits,
    metrics: Metrics,
) -> bytes:
    if isinstance(message, str):
        raise BadInput("a text came; this stream speaks msgpack, as bytes.")
    request = policy_request(unpacked(message, limits.message_bytes), loaded.observation)
    thought = await line.unless_gone(asyncio.wrap_future(engine.plan(seat, request)), seat.gone)
    metrics.planned(thought)
    return packed(reply(thought, request.age + time.perf_counter() - came))


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not there; tuples as lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in record.items() if value is not None
    }
