"""A model as an oracle: ask over HTTP what it sees, expects and would do. Errors are one sentence, `{"error": ...}`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from torch import Tensor

from gedanken import __version__
from gedanken.recipes import Loaded, drawn_task
from gedanken.serving import thoughts
from gedanken.serving.bodies import Body, Course, Encode, Energy, Evaluate, Imagine, PlanFor, Surprise, WhatIf
from gedanken.serving.engine import Engine, Seat
from gedanken.serving.jobs import Jobs
from gedanken.serving.judged import judged
from gedanken.serving.metrics import Metrics
from gedanken.serving.models import Models
from gedanken.serving.pictures import observation_from_json, png
from gedanken.serving.stream.endpoint import greeting
from gedanken.serving.stream.messages import PolicyRequest, reply
from gedanken.serving.thoughts import Futures
from gedanken.types import Observation

_GLANCE = 0.05
"""Seconds between two looks at whether the client is still there."""


def routes(models: Models, engine: Engine, jobs: Jobs, metrics: Metrics) -> APIRouter:
    """What can be asked for over HTTP."""
    router = APIRouter()

    async def of(body: Body) -> Loaded:
        return await asyncio.to_thread(models.__getitem__, body.model or models.first)

    async def thought(request: Request, function: Callable[[], Any]) -> Any:
        return await _unless_gone(request, engine.call(function), lambda: None)

    @router.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "models": models.names()}

    @router.get("/metrics")
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/models")
    async def served() -> list[str]:
        return models.names()

    @router.get("/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        return greeting(name, await asyncio.to_thread(models.__getitem__, name))

    @router.get("/example")
    async def example(seed: int = 0, model: str | None = None) -> dict[str, Any]:
        """A drawn task of the world the model was trained in, ready to be sent to /plan."""
        loaded = await asyncio.to_thread(models.__getitem__, model or models.first)
        start, goal = drawn_task(loaded, seed % 2**63)
        return {"observation": _shown(start), "goal": _shown(goal)}

    @router.post("/encode")
    async def encode(body: Encode, request: Request) -> dict[str, Any]:
        loaded = await of(body)
        seen = _seen(body.observation, loaded, "observation")
        latent = await thought(request, lambda: thoughts.encoded(loaded, seen))
        return {"latent": latent.tolist(), "shape": list(latent.shape)}

    @router.post("/imagine")
    async def imagine(body: Imagine, request: Request) -> dict[str, Any]:
        loaded = await of(body)
        seen = _seen(body.observation, loaded, "observation")
        futures = await thought(request, lambda: futures_of(loaded, seen, [body.actions]))
        return {"latents": futures.latents[0].tolist(), "shape": list(futures.latents.shape[1:])}

    @router.post("/energy")
    async def energy(body: Energy, request: Request) -> dict[str, Any]:
        loaded = await of(body)
        seen, goal = _seen(body.observation, loaded, "observation"), _seen(body.goal, loaded, "goal")
        futures = await thought(request, lambda: futures_of(loaded, seen, body.actions, goal))
        return {"energy": futures.energy.tolist()}

    @router.post("/what-if")
    async def what_if(body: WhatIf, request: Request) -> dict[str, Any]:
        loaded = await of(body)
        seen = _seen(body.observation, loaded, "observation")
        goal = None if body.goal is None else _seen(body.goal, loaded, "goal")
        futures = await thought(request, lambda: futures_of(loaded, seen, body.actions, goal))
        told: dict[str, Any] = {"apart": futures.apart.tolist()}
        if goal is not None:
            told |= {"distance": futures.distance.tolist(), "energy": futures.energy.tolist()}
            told["best"] = int(futures.energy.argmin())
        return told

    @router.post("/surprise")
    async def surprise(body: Surprise, request: Request) -> dict[str, Any]:
        loaded = await of(body)
        seen = [_seen(each, loaded, f"observations/{number}") for number, each in enumerate(body.observations)]
        steps = await thought(request, lambda: surprise_of(loaded, seen, body.actions))
        return {"surprise": steps.tolist(), "surprising_above": loaded.recipe.agent.surprise}

    @router.post("/plan")
    async def plan(body: PlanFor, request: Request) -> dict[str, Any]:
        loaded = await of(body)
        seen, goal = _seen(body.observation, loaded, "observation"), _seen(body.goal, loaded, "goal")
        deadline = None if body.deadline_ms is None else body.deadline_ms / 1000
        seat = Seat(loaded.agent(body.seed))
        work = engine.plan(seat, PolicyRequest(seen, goal, deadline=deadline))
        found = await _unless_gone(request, work, lambda: engine.leave(seat))
        metrics.planned(found)
        told = reply(found, found.waited + found.planning)
        return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in told.items()}

    @router.post("/jobs/evaluate", status_code=202)
    async def evaluate(body: Evaluate) -> dict[str, Any]:
        """Success on drawn pairs of the world the model was trained in, with its interval; takes a while."""
        loaded = await of(body)
        return jobs.begin(lambda tell: judged(loaded, body.pairs, body.seed, tell)).as_dict()

    @router.get("/jobs/{name}")
    async def job(name: str) -> dict[str, Any]:
        return jobs[name].as_dict()

    @router.delete("/jobs/{name}")
    async def cancel(name: str) -> dict[str, Any]:
        return jobs.cancel(name).as_dict()

    return router


def futures_of(loaded: Loaded, seen: Observation, actions: list[Course], goal: Observation | None = None) -> Futures:
    """What each course of action would lead to from what is seen."""
    there = None if goal is None else thoughts.encoded(loaded, goal)
    return thoughts.what_if(loaded, thoughts.encoded(loaded, seen), actions, there)


def surprise_of(loaded: Loaded, seen: list[Observation], actions: Course) -> Tensor:
    """How surprising each moment after the first was."""
    return thoughts.surprise(loaded, [thoughts.encoded(loaded, each) for each in seen], actions)


def _seen(raw: Any, loaded: Loaded, what: str) -> Observation:
    return observation_from_json(raw, loaded.observation, what)


def _shown(observation: Observation) -> dict[str, Any]:
    arrays = {name: values[0].numpy() for name, values in observation.items()}
    return {
        name: {"png": png(array)} if array.ndim == 3 and array.shape[2] == 3 else array.tolist()
        for name, array in arrays.items()
    }


async def _unless_gone(request: Request, work: Future[Any], free: Callable[[], None]) -> Any:
    """What the work comes to; a client that leaves before frees it."""
    waiting = asyncio.wrap_future(work)
    while True:
        done, _ = await asyncio.wait({waiting}, timeout=_GLANCE)
        if done:
            return waiting.result()
        if await request.is_disconnected():
            free()
            work.cancel()
            raise asyncio.CancelledError
