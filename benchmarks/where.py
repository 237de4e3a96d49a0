"""Where the time of a re-plan goes: measures the bundled model's agent and draws docs/pictures/search.svg.

By hand: `OMP_NUM_THREADS=1 python benchmarks/where.py`, half a minute, on a machine with nothing else to do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from gedanken.agent import Agent
from gedanken.environments import make_world
from gedanken.evaluation.manifest import make_manifest
from gedanken.evaluation.true_state import rows_of
from gedanken.models import JEPA
from gedanken.planners import PLANNERS, MPPIConfig
from gedanken.recipes import bundled_model, load
from search_picture import SEARCH, search

REPEATS = 15
GOALS = (1, 8)


class Watch:
    """Core-milliseconds by name; what is called within something watched counts for both."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.inside: list[str] = []

    def over(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            key = f"{name} of the search" if "search" in self.inside else name
            self.inside.append(name)
            began = time.process_time()
            found = work(*given, **named)
            self.spent[key] = self.spent.get(key, 0.0) + 1000 * (time.process_time() - began)
            self.inside.pop()
            return found

        return watched


class Watched:
    """A world model whose encoding and rollouts are watched."""

    def __init__(self, model: JEPA, watch: Watch) -> None:
        self._model = model
        self.encode, self.rollout = watch.over("encode", model.encode), watch.over("rollout", model.rollout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


@contextmanager
def searches_watched(watch: Watch) -> Iterator[None]:
    usual = PLANNERS["mppi"]
    PLANNERS["mppi"] = usual._replace(plan=watch.over("search", usual.plan))
    try:
        yield
    finally:
        PLANNERS["mppi"] = usual


@torch.no_grad()
def measured(goals: int) -> dict[str, dict[str, float]]:
    """Core-milliseconds a goal by stage: of steps that search cold, search warm, and follow a plan."""
    watch, world, loaded = Watch(), make_world("two-rooms-v1"), load(bundled_model())
    usual = loaded.agent(0)
    agent: Any = Agent(Watched(loaded.model, watch), usual.energy, usual.thresholds, usual.config)  # type: ignore[arg-type]
    agent.energy = watch.over("energy", usual.energy)
    start, goal = make_manifest("two-rooms-v1", {"wall": "fixed"}, "dev", goals).pairs(world)
    seen = world.observe(rows_of(start, slice(goals)))
    agent.begin(world.observe(rows_of(goal, slice(goals))))
    fresh = agent.task
    agent.act(seen)
    # As if everything had come true and the robot stood still: the same step again and again, at the same place.
    true = replace(agent.task, expected=agent._seen(seen))
    tasks = {"cold": fresh, "warm": replace(true, age=true.age + 99), "follows": replace(true, age=0 * true.age)}
    searches: dict[str, Any] = {"cold": agent.config.cold, "warm": agent.config.warm}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in tasks}
    with searches_watched(watch):
        for repeat in range(REPEATS + 1):  # in turns; the first only warms up
            for name, task in tasks.items():
                agent.task, watch.spent = task, {}
                watch.over("act", agent.act)(seen)
                alone = products(loaded.model, searches[name], goals, agent.config.horizon) if name in searches else 0.0
                if repeat:
                    found[name].append(stages(watch.spent, alone))
    return {
        name: {stage: median(row[stage] for row in rows) / goals for stage in rows[0]} for name, rows in found.items()
    }


def stages(spent: dict[str, float], alone: float) -> dict[str, float]:
    """What was watched, in parts that add up to the whole."""
    rollouts, energies = (spent.get(f"{name} of the search", 0.0) for name in ("rollout", "energy"))
    search = spent.get("search", 0.0)
    return {
        "the frame's latent": spent["encode"],
        "products of the rollouts": min(alone, rollouts),
        "what else is in rollouts": max(0.0, rollouts - alone),
        "energies": energies,
        "drawing and choosing": search - rollouts - energies,
        "the agent's own": spent["act"] - spent["encode"] - search,
    }


def products(model: JEPA, search: MPPIConfig, goals: int, horizon: int) -> float:
    """Core-milliseconds of a search's matrix products alone, which no engine can leave out."""
    rows = goals * search.candidates
    layers = [layer for layer in model.predictor.modules() if isinstance(layer, torch.nn.Linear)]
    pairs = [(torch.ones(rows, layer.in_features), layer.weight.t()) for layer in layers]
    rooms = [torch.empty(rows, layer.out_features) for layer in layers]
    began = time.process_time()
    for _ in range(search.rounds * horizon):
        for (given, weight), room in zip(pairs, rooms, strict=True):
            torch.mm(given, weight, out=room)
    return 1000 * (time.process_time() - began)


if __name__ == "__main__":
    torch.set_num_threads(1)
    bars = {goals: measured(goals) for goals in GOALS}
    print(json.dumps(bars, indent=1))
    SEARCH.write_text(search(bars, torch.backends.cpu.get_cpu_capability()), encoding="utf-8")
