"""Success against thinking time: five planners, each at several budgets, on both walls, with the models that are shipped.

A budget is a multiple of what the agent usually spends: it scales the candidates of both searches and leaves all else as each
planner has it. Settings were chosen on dev pairs; these are test pairs, the first ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.two_rooms import STEPS, TwoRoomsClaim
from gedanken.agent import AgentConfig
from gedanken.evaluation.intervals import wilson
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.true_state import rows_of
from gedanken.planners import (
    CEMConfig,
    GradientConfig,
    ICEMConfig,
    MPPIConfig,
    PlannerConfig,
    RandomShootingConfig,
)
from gedanken.recipes import load

BUDGETS = (0.25, 1.0, 4.0)
PAIRS = 100
QUICK_PAIRS = 30


def searches(planner: str, budget: float, agent: AgentConfig) -> dict[str, Any]:
    """The agent's warm and cold search by one planner, at a multiple of the plans that the agent's own imagine."""
    return {
        name: _search(planner, own.candidates, own.rounds, budget)
        for name, own in (("warm", agent.warm), ("cold", agent.cold))
        if isinstance(own, MPPIConfig)
    }


def _search(planner: str, candidates: int, rounds: int, budget: float) -> PlannerConfig:
    each, plans = round(candidates * budget), round(candidates * rounds * budget)
    if planner == "mppi":
        return MPPIConfig(candidates=each, rounds=rounds)
    if planner == "cem":
        return CEMConfig(candidates=each, elites=max(4, each // 8), rounds=rounds)
    if planner == "icem":
        return ICEMConfig(candidates=each, elites=max(4, each // 16), rounds=rounds)
    if planner == "random-shooting":
        return RandomShootingConfig(candidates=plans, rho=0.85)
    # A step of Adam costs about three plans: one forward, and twice that backward.
    steps = 8 * rounds
    return GradientConfig(candidates=plans // 4, restarts=max(1, plans // (4 * steps)), rounds=steps)


PLANNERS = ("random-shooting", "cem", "icem", "mppi", "gradient")


@dataclass(frozen=True)
class PlannersClaim:
    """Success of each planner at each budget.

    Args:
        models: claims whose shipped models and pairs are used, one a wall.
        bar: on `default`, the success of the default planner at its usual budget minus the best other's at no more
            core-seconds, worst wall.
    """

    models: Sequence[TwoRoomsClaim]
    bar: Sequence[Bound] = at_least(default=-0.02)

    @property
    def name(self) -> str:
        return "planners"

    @property
    def what(self) -> str:
        return "success of the default planner minus the best other's at no more core-seconds, the worse of both walls"

    def parts(self) -> list[Part]:
        return [
            Part(
                f"{model.wall} wall, {planner}, {budget:g}",
                PAIRS * (0.3 + 0.8 * budget),
                lambda folder, model=model, planner=planner, budget=budget: _measure(model, planner, budget, PAIRS),
            )
            for model, planner, budget in product(self.models, PLANNERS, BUDGETS)
        ]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        rows = [_row(name, part) for name, part in parts.items()]
        margins = {
            model.wall: _margin([row for row in rows if row["name"].startswith(model.wall)]) for model in self.models
        }
        worst = min(margins.values())
        everything = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=worst,
            interval=(worst, worst),
            unit="difference",
            figures={"default": worst, **{f"{wall} wall": margin for wall, margin in margins.items()}},
            bar=self.bar,
            n=PAIRS,
            seeds=[{"seed": 0, "value": worst}],
            beside=rows,
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in everything),
            note="An exploration with one model a wall and no interval of its own; each row has one.",
        )

    def quick(self) -> Quick:
        """The default planner on a few pairs of the harder wall."""
        part = _measure(self.models[-1], "mppi", 1.0, QUICK_PAIRS)
        share = wilson(part["success"].count("1"), QUICK_PAIRS)
        return Quick(share.mean, share.low, share.high, QUICK_PAIRS, share.mean >= 0.9)


def _measure(model: TwoRoomsClaim, planner: str, budget: float, pairs: int) -> Measured:
    loaded = load(model.ships)
    recipe = replace(
        loaded.recipe, agent=replace(loaded.recipe.agent, **searches(planner, budget, loaded.recipe.agent))
    )
    start, goal = model.manifest.pairs(model.world)
    some = rows_of(start, slice(pairs)), rows_of(goal, slice(pairs))
    result = evaluate_planning(model.world, replace(loaded, recipe=recipe).agent(0), some, STEPS)
    return {
        "success": "".join(str(int(each)) for each in result.success),
        "ever": result.ever.float().mean().item(),
        "planning_core_seconds": result.core_seconds,
        "manifest": model.manifest.sha256,
    }


def _row(name: str, part: Measured) -> dict[str, Any]:
    share = wilson(part["success"].count("1"), len(part["success"]))
    return {
        "name": name,
        "value": share.mean,
        "interval": [share.low, share.high],
        "unit": "share",
        "ever": part["ever"],
        "n": len(part["success"]),
        "planning_core_seconds": part["planning_core_seconds"],
        "success": part["success"],
    }


def _margin(rows: Sequence[Mapping]) -> float:
    """The default's success minus the best other's among those that took no more core-seconds."""
    default = next(row for row in rows if row["name"].endswith("mppi, 1"))
    others = [
        row["value"]
        for row in rows
        if ", mppi," not in row["name"] and row["planning_core_seconds"] <= default["planning_core_seconds"]
    ]
    return default["value"] - max(others, default=0.0)
