"""What HTTP requests say, as the OpenAPI page shows it. Streams are read by `pictures.py`, against the model's own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Streams = dict[str, Any]
_STREAMS = 'streams by name; each nested lists, {"png": base64} or {"data": base64, "dtype", "shape"}'
Course = list[list[float]]


class Body(BaseModel):
    """Nothing unknown, nothing that is not finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    model: str | None = Field(None, description="which model; the first by default")


class Encode(Body):
    """A moment to encode."""

    observation: Streams = Field(description=_STREAMS)


class Imagine(Encode):
    """A course of action to imagine."""

    actions: Course = Field(description="[H, width], environment actions, each held for a model step")


class Energy(Encode):
    """Courses of action to weigh against a goal."""

    goal: Streams = Field(description=_STREAMS)
    actions: list[Course] = Field(description="[N, H, width]")


class WhatIf(Encode):
    """Courses of action to compare."""

    goal: Streams | None = Field(None, description=_STREAMS)
    actions: list[Course] = Field(description="[N, H, width]")


class PlanFor(Encode):
    """A goal to plan to."""

    goal: Streams = Field(description=_STREAMS)
    seed: int = Field(0, ge=0, lt=2**63)
    deadline_ms: float | None = Field(None, ge=0, le=600_000)


class Surprise(Body):
    """What was seen and done."""

    observations: list[Streams] = Field(description=f"T moments, a model step apart; each {_STREAMS}", max_length=256)
    actions: Course = Field(description="[T-1, width], each held from one moment to the next")


class Evaluate(Body):
    """A model to be judged in the world it was trained in."""

    pairs: int = Field(20, ge=1, le=500, description="start and goal pairs")
    seed: int = Field(0, ge=0, lt=2**63)
