"""How soon another search finds a plan as good as the one that thirty rounds of plain CEM end with, on the same model.

Both begin cold, see the same two pictures and are judged by the same energy in float32. The quick search is told when it is as
good, which no user can tell it: what is measured is how fast it comes down, and a search that never does is told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.energies import GoalEnergy
from gedanken.models import JEPA
from gedanken.planners import CEMConfig, GradientConfig, ICEMConfig, PlannerConfig, anytime, cem
from gedanken.types import Context, Goal, Search

PLAIN = CEMConfig(candidates=300, elites=30, rounds=30, momentum=0.0, returns="mean", plain=True)
QUICK: dict[str, PlannerConfig] = {
    "gradient, 4 beginnings": GradientConfig(candidates=64, restarts=4, rounds=30),
    "gradient, 2 beginnings": GradientConfig(candidates=64, restarts=2, rounds=30),
    "icem": ICEMConfig(candidates=100, elites=10, rounds=20),
}
"""What may be quicker; one of them is chosen on dev pairs."""
HORIZON = 5
_NEAR = 1e-4
"""Of an energy: rollouts are worked out in batches of different sizes."""


@dataclass(frozen=True)
class Problem:
    """From one picture to another `[1, 1, height, width, 3]`."""

    start: Tensor
    goal: Tensor


def target(model: JEPA, problem: Problem, seed: int, config: CEMConfig = PLAIN) -> dict[str, float]:
    """What plain CEM ends with, and in how many core-seconds."""
    began = process_time()
    with torch.no_grad():
        energy, start = _task(model, problem)
        plan = cem(energy, start, config=config, generator=Generator().manual_seed(seed))
        spent = process_time() - began
        return {"energy": float(plan.energy), "start": float(energy(start.mean[:, None])), "seconds": spent}


def reached(model: JEPA, problem: Problem, energy: float, seed: int, config: PlannerConfig) -> dict[str, Any]:
    """Until a plan of at most this energy is found, pictures encoded: core-seconds, seconds on the wall, rounds.

    Raises:
        RuntimeError: the plan is not what the search said.
    """
    least = [float("inf")]
    began, clock = process_time(), perf_counter()
    with torch.no_grad():
        of, start = _task(model, problem)
        plan, cut = anytime(
            _watched(of, least), start, config, Generator().manual_seed(seed), lambda: least[0] <= energy
        )
    spent, waited = process_time() - began, perf_counter() - clock
    true = float(_task(model, problem)[0](plan.actions[:, None]).detach())
    if abs(true - float(plan.energy)) > _NEAR * max(true, 1e-6):
        raise RuntimeError(
            f"the search said its plan has the energy {float(plan.energy):.6g}; encoded anew it has {true:.6g}."
        )
    return {
        "reached": cut and true <= energy * (1 + _NEAR),
        "energy": true,
        "seconds": spent,
        "wall": waited,
        "rounds": len(plan.trace.best),
    }


def _watched(of: EnergyOf, least: list[float]) -> EnergyOf:
    """The same energies, the least of them noted."""

    def watched(actions: Tensor) -> Tensor:
        energies = of(actions)
        least[0] = min(least[0], float(energies.detach().min()))
        return energies

    return watched


def _task(model: JEPA, problem: Problem) -> tuple[Callable[[Tensor], Tensor], Search]:
    """The energy of plans, both pictures encoded, and where to look for them."""
    latents = model.encode({"pixels": torch.cat([problem.start, problem.goal])}).detach()
    width, spec = model.action_mean.numel(), model.action
    context, goal = Context(latents[:1], latents.new_zeros(1, 0, width)), Goal(latents[1:, 0])

    def energy(actions: Tensor) -> Tensor:
        return GoalEnergy("last")(model.rollout(context, actions), goal, actions)

    mean, std = (each.expand(1, HORIZON, width).clone() for each in (model.action_mean, model.action_std))
    return energy, Search(mean, std, min(spec.low), max(spec.high), spec.norm)


def until_reached(found: Sequence[Mapping[str, Any]], what: str) -> list[float]:
    """One number of each pair; infinite where the search never was as good."""
    return [each[what] if each["reached"] else float("inf") for each in found]
