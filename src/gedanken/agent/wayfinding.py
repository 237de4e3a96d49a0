"""Far goals by sub-goals: where the goal is out of reach, the agent heads for the next landmark on the way (auto-depth).

A goal that is predicted to lie within trust is planned to directly, and so is one that no way is known to. Whoever heads for a
landmark tells the graph what came of it: there in good time, or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gedanken.agent.distance import apart
from gedanken.contracts import Landmarks

_PATIENCE, _SPARE = 2.0, 3.0
"""A way may take so many times the steps predicted for it, and so many more, before it has failed."""


@dataclass(frozen=True)
class Legs:
    """Where each row of a batch is heading now.

    Args:
        aims: latents to be at next.
        target: the landmark that these are; -1 for the goal itself.
        source: the landmark that the leg began at; -1 for none.
        due: model steps left for it.
        missed: landmarks near which heading straight for the goal failed in this task; -1 fills up.
    """

    aims: Float[Tensor, "B P D"]
    target: Int[Tensor, " B"]
    source: Int[Tensor, " B"]
    due: Float[Tensor, " B"]
    missed: Int[Tensor, "B M"]


def onward(
    landmarks: Landmarks, legs: Legs | None, now: Tensor, goal: Tensor, held: Tensor, arrival: float
) -> tuple[Legs, Bool[Tensor, " B"]]:
    """The legs from here on, and the rows whose aim is another one than before.

    Args:
        landmarks: finds ways, and is told of those that were reached or missed.
        legs: those so far; None at the first step of a task.
        now, goal: latents `[B, P, D]`.
        held: rows that are at their goal.
        arrival: squared latent distance below which an aim is reached.
    """
    none = torch.zeros_like(held)
    if legs is None:
        route = landmarks.route(now, goal)
        due = _PATIENCE * route.steps.float() + _SPARE
        return Legs(route.aims, route.target, route.source, due, now.new_zeros(len(now), 0).long()), ~none
    going, late = (legs.target >= 0) & ~held, (legs.due <= 0) & ~held
    arrived = going & (apart(now, legs.aims) < arrival)
    for row in (arrived | (going & late)).nonzero()[:, 0].tolist():
        landmarks.judge(int(legs.source[row]), int(legs.target[row]), bool(arrived[row]))
    missed = legs.missed
    if bool((~going & late).any()):
        missed = torch.cat([missed, legs.source.where(~going & late, -1)[:, None]], dim=1)
    route = landmarks.route(now, goal, missed)
    # A leg is kept to its end, or until the goal itself comes within reach.
    fresh = arrived | late | (~going & (route.target >= 0)) | (going & (route.target < 0))
    target = torch.where(fresh, route.target, legs.target)
    found = Legs(
        aims=torch.where(fresh[:, None, None], route.aims, legs.aims),
        target=target,
        source=torch.where(fresh, route.source, legs.source),
        due=torch.where(fresh, _PATIENCE * route.steps.float() + _SPARE, legs.due - 1),
        missed=missed,
    )
    return replace(found, due=found.due.masked_fill(held, _SPARE)), target != legs.target
