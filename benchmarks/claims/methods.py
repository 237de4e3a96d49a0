"""Which objective, encoder and predictor: each trained for the same core-seconds, planned with in the same way, on dev pairs.

How many steps fit into the budget is timed before the training, so that a row is not favoured by being slow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.two_rooms import MANIFESTS, STEPS
from gedanken.agent import AgentConfig
from gedanken.data import EpisodeList
from gedanken.encoders import ConvEncoderConfig, ViTEncoderConfig
from gedanken.environments import make_world
from gedanken.evaluation.intervals import paired_difference, wilson
from gedanken.evaluation.manifest import load_manifest
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.true_state import rows_of
from gedanken.models import CausalTransformerConfig, GRUPredictorConfig, ResidualMLPConfig
from gedanken.recipes import LeWMConfig, Loaded, Recipe, fit, two_rooms_demo

BUDGET = 150.0
"""Core-seconds of training a row: what the demo's own recipe takes."""
PAIRS = 100
DEFAULT = "pldm, conv, residual MLP"
QUICK_PAIRS = 16
_TIMED_STEPS = 12


def rows() -> dict[str, Recipe]:
    """What is compared; all but what the name says is the demo's recipe, and all are searched thoroughly."""
    usual = replace(two_rooms_demo().recipe, agent=AgentConfig())
    free = replace(usual, encoder=ConvEncoderConfig(width=16, head="batch_norm_mlp"), objective=LeWMConfig())
    return {
        DEFAULT: usual,
        "pldm, conv, GRU": replace(usual, predictor=GRUPredictorConfig()),
        "pldm, conv, causal transformer": replace(usual, predictor=CausalTransformerConfig()),
        "pldm, strided conv, residual MLP": replace(usual, encoder=ConvEncoderConfig(width=16, stem="strided")),
        "pldm, ViT, residual MLP": replace(usual, encoder=ViTEncoderConfig()),
        "lewm, conv, residual MLP": replace(free, predictor=ResidualMLPConfig(norm=False)),
        "lewm, conv, residual MLP, 8 steps ahead": replace(
            free, predictor=ResidualMLPConfig(norm=False), objective=LeWMConfig(ahead=8)
        ),
        "lewm, conv, causal transformer": replace(free, predictor=CausalTransformerConfig(norm=False)),
    }


@dataclass(frozen=True)
class MethodsClaim:
    """Success on dev pairs of each row, with one seed.

    Args:
        bar: on `default`, the success of the default recipe minus the best other row's.
    """

    bar: Sequence[Bound] = at_least(default=0.0)

    @property
    def name(self) -> str:
        return "methods"

    @property
    def what(self) -> str:
        return f"success of the default recipe minus the best other's, {BUDGET:.0f} core-seconds of training each, dev pairs"

    def parts(self) -> list[Part]:
        return [
            Part(name, BUDGET + PAIRS * 1.5, lambda folder, recipe=recipe: _measure(recipe))
            for name, recipe in rows().items()
        ]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        shown = []
        for name, part in parts.items():
            share = wilson(part["success"].count("1"), PAIRS)
            shown.append(
                {
                    "name": f"{name} ({part['steps']} steps)",
                    "value": share.mean,
                    "interval": [share.low, share.high],
                    "unit": "share",
                    "ever": part["ever"],
                    "n": PAIRS,
                    "training_core_seconds": part["training_core_seconds"],
                    "planning_core_seconds": part["planning_core_seconds"],
                    "success": part["success"],
                }
            )
        value = {name: part["success"].count("1") / PAIRS for name, part in parts.items()}
        margin = value[DEFAULT] - max(share for name, share in value.items() if name != DEFAULT)
        everything = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=margin,
            interval=(margin, margin),
            unit="difference",
            figures={"default": margin},
            bar=self.bar,
            n=PAIRS,
            seeds=[{"seed": 0, "value": margin}],
            beside=shown,
            manifest=everything[0]["manifest"],
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=sum(part["training_core_seconds"] for part in everything),
            evaluation_core_seconds=sum(part["planning_core_seconds"] for part in everything) * PAIRS,
            note="One seed and no tuning for the rows that are not the default; differences of ten points are noise.",
        )

    def quick(self) -> Quick:
        """The default and LeWM's own row, trained for a tenth of the time and tried on a few pairs."""
        recipes = [rows()[name] for name in (DEFAULT, "lewm, conv, residual MLP")]
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            parts = list(pool.map(_measure, recipes, [BUDGET / 10] * 2, [QUICK_PAIRS] * 2))
        won = [torch.tensor([[int(each) for each in part["success"]]]).float() for part in parts]
        margin = paired_difference(*won)
        return Quick(margin.mean, margin.low, margin.high, QUICK_PAIRS, margin.mean >= 0)


def _measure(recipe: Recipe, budget: float = BUDGET, pairs: int = PAIRS) -> Measured:
    torch.set_num_threads(1)
    run = two_rooms_demo()
    episodes = EpisodeList()
    run.record(episodes)
    steps = round(budget / _seconds_a_step(episodes, recipe))
    fitted = fit(episodes, replace(recipe, train=replace(recipe.train, steps=steps)))
    world, manifest = make_world("two-rooms-v1"), load_manifest(MANIFESTS / "two-rooms-v1-fixed-dev.json")
    start, goal = manifest.pairs(world)
    some = rows_of(start, slice(pairs)), rows_of(goal, slice(pairs))
    agent = Loaded(fitted.model, recipe, world.streams, {}).agent(0)
    result = evaluate_planning(world, agent, some, STEPS)
    print(f"{steps} steps: {result.success.float().mean():.0%}", flush=True)
    return {
        "success": "".join(str(int(each)) for each in result.success),
        "ever": result.ever.float().mean().item(),
        "steps": steps,
        "training_core_seconds": fitted.trained.core_seconds,
        "planning_core_seconds": result.core_seconds,
        "manifest": manifest.sha256,
    }


def _seconds_a_step(episodes: EpisodeList, recipe: Recipe) -> float:
    """Core-seconds of one optimiser step, from the difference of two short trainings."""

    def spent(steps: int) -> float:
        began = time.process_time()
        fit(episodes, replace(recipe, train=replace(recipe.train, steps=steps)))
        return time.process_time() - began

    spent(2)  # the first call also sets libraries up
    short = spent(_TIMED_STEPS)
    return (spent(3 * _TIMED_STEPS) - short) / (2 * _TIMED_STEPS)
