"""Far goals by sub-goals: where the goal is out of reach, the agent heads for the next place on the way (auto-depth).

That is a landmark (`memory/landmarks/`), or what an upper level imagines (`levels.py`). A goal that is predicted to lie within
trust is planned to directly, and so is one that no way is known to. Whoever heads for a landmark tells the graph what came of
it: there in good time, or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gedanken.agent.distance import apart
from gedanken.contracts import Wayfinder
from gedanken.types import IMAGINED, Route

_PATIENCE, _SPARE = 2.0, 3.0
"""A way may take so many times the steps predicted for it, and so many more, before it has failed."""


@dataclass(frozen=True)
class Legs:
    """Where each row of a batch is heading now.

    Args:
        aims: latents to be at next.
        target: the landmark that these are; -1 for the goal itself, `IMAGINED` for no landmark.
        source: the landmark that the leg began at; -1 for none, `IMAGINED` likewise.
        due: model steps left for it.
        missed: landmarks near which heading straight for the goal failed in this task; -1 fills up.
    """

    aims: Float[Tensor, "B P D"]
    target: Int[Tensor, " B"]
    source: Int[Tensor, " B"]
    due: Float[Tensor, " B"]
    missed: Int[Tensor, "B M"]


def onward(
    ways: Wayfinder, legs: Legs | None, now: Tensor, goal: Tensor, held: Tensor, arrival: float
) -> tuple[Legs, Bool[Tensor, " B"]]:
    """The legs from here on, and the rows whose aim is another one than before.

    Args:
        ways: finds them, and is told of those that were reached or missed.
        legs: those so far; None at the first step of a task.
        now, goal: latents `[B, P, D]`.
        held: rows that are at their goal.
        arrival: squared latent distance below which an aim is reached.
    """
    none = torch.zeros_like(held)
    if legs is None:
        route = ways.route(now, goal)
        return Legs(route.aims, route.target, route.source, _due(route), now.new_zeros(len(now), 0).long()), ~none
    going, late = (legs.target >= 0) & ~held, (legs.due <= 0) & ~held
    arrived = going & (apart(now, legs.aims) < arrival)
    for row in (arrived | (going & late)).nonzero()[:, 0].tolist():
        ways.judge(int(legs.source[row]), int(legs.target[row]), bool(arrived[row]))
    missed = legs.missed
    if bool((~going & late).any()):
        missed = torch.cat([missed, legs.source.where(~going & late, -1)[:, None]], dim=1)
    route = ways.route(now, goal, missed, keep=held | (going & ~arrived & ~late))
    # A leg is kept to its end, or until the goal itself comes within reach.
    fresh = arrived | late | (~going & (route.target >= 0)) | (going & (route.target < 0))
    found = Legs(
        aims=torch.where(fresh[:, None, None], route.aims, legs.aims),
        target=torch.where(fresh, route.target, legs.target),
        source=torch.where(fresh, route.source, legs.source),
        due=torch.where(fresh, _due(route), legs.due - 1),
        missed=missed,
    )
    turned = (found.aims != legs.aims).flatten(1).any(dim=1)
    return replace(found, due=found.due.masked_fill(held, _SPARE)), turned


def _due(route: Route) -> Tensor:
    """Steps after which an aim is given up; one that was imagined is never quite reached, and the next is imagined in time."""
    return torch.where(route.target == IMAGINED, route.steps - 1, _PATIENCE * route.steps + _SPARE).float()
