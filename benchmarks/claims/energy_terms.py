"""What the energy alone decides: one model, one planner, one set of pairs, several energies; and the truth under each.

The model is the one that `two-rooms-random-wall` ships; nothing is trained here. Differences are paired: each row is judged on
the same pairs as the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.two_rooms import STEPS, TwoRoomsClaim
from gedanken.agent import Agent, AgentConfig, Thresholds, configure
from gedanken.contracts import Energy
from gedanken.energies import Doubt, GoalEnergy, TimeToGoal, weighted
from gedanken.evaluation.intervals import paired_difference, success_interval
from gedanken.evaluation.oracle import SeenEnergy, TrueDynamics, oracle
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.policy import Policy
from gedanken.evaluation.true_state import rows_of
from gedanken.recipes import load

FIRST = "saturating"
QUICK_PAIRS = 30


def energies(step_change: float, config: AgentConfig) -> dict[str, tuple[Energy, Thresholds]]:
    """What is compared, by name: an energy of going to the goal, and when the agent holds and is surprised."""
    saturating, thresholds = configure(step_change, replace(config, doubt=0.0))
    assert isinstance(saturating, TimeToGoal)
    never = replace(thresholds, surprise=float("inf"))
    return {
        FIRST: (saturating, thresholds),
        "saturating, asked to stay": (replace(saturating, absorbing=False), thresholds),
        "saturating, no surprise": (saturating, never),
        "root, terminal 30": (GoalEnergy(root=True, terminal=30.0), thresholds),
        "root, terminal 4": (GoalEnergy(root=True, terminal=4.0), thresholds),
        "summed distance": (GoalEnergy(), thresholds),
    }


@dataclass(frozen=True)
class EnergyTermsClaim:
    """Success of one shipped model under five energies, and of true dynamics under the same.

    Args:
        model: the claim that ships it, and whose pairs are used.
        bar: on the figures.
    """

    model: TwoRoomsClaim
    bar: Sequence[Bound] = at_least(gain=0.05)

    @property
    def name(self) -> str:
        return "energy-terms"

    @property
    def what(self) -> str:
        return (
            f"gain of the saturating energy over the summed distance, one model, {self.model.wall} wall, step {STEPS}"
        )

    def parts(self) -> list[Part]:
        names = list(energies(1.0, AgentConfig()))
        return [
            *[Part(name, 600.0, lambda folder, name=name: self._measure(name, truly=False)) for name in names],
            *[
                Part(f"true dynamics, {name}", 450.0, lambda folder, name=name: self._measure(name, truly=True))
                for name in names
                if "no surprise" not in name  # the truth never surprises
            ],
        ]

    def _measure(self, name: str, truly: bool, pairs: slice = slice(None)) -> Measured:
        world, loaded = self.model.world, load(self.model.ships)
        config = loaded.recipe.agent
        energy, thresholds = energies(loaded.model.step_change.item(), config)[name]
        with_doubt = weighted((1.0, energy), (config.doubt, Doubt())) if config.doubt else energy
        policy: Policy = Agent(loaded.model, with_doubt, thresholds, config, seed=0)
        if truly:  # which never errs, so there is nothing to doubt
            dynamics = TrueDynamics(world, loaded.model.frame_skip)
            policy = oracle(dynamics, SeenEnergy(dynamics, loaded.model, energy))
        start, goal = self.model.manifest.pairs(world)
        result = evaluate_planning(world, policy, (rows_of(start, pairs), rows_of(goal, pairs)), STEPS)
        return {
            "success": "".join(str(int(each)) for each in result.success),
            "ever": result.ever.float().mean().item(),
            "planning_core_seconds": result.core_seconds,
        }

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        won = {name: torch.tensor([[int(each) for each in part["success"]]]).bool() for name, part in parts.items()}
        rows = []
        for name, part in parts.items():
            share = success_interval(won[name])
            less = paired_difference(won[name].float(), won[FIRST].float())
            rows.append(
                {
                    "name": name,
                    "value": share.mean,
                    "interval": [share.low, share.high],
                    "unit": "share",
                    "ever": part["ever"],
                    "n": won[name].shape[1],
                    "planning_core_seconds": part["planning_core_seconds"],
                    "minus the first": [less.mean, less.low, less.high],
                    "success": part["success"],
                }
            )
        gain = paired_difference(won[FIRST].float(), won["summed distance"].float())
        return Entry(
            claim=self.name,
            what=self.what,
            value=gain.mean,
            interval=(gain.low, gain.high),
            unit="difference",
            figures={"gain": gain.mean},
            bar=self.bar,
            n=won[FIRST].shape[1],
            seeds=[{"seed": 0, "value": gain.mean}],
            beside=rows,
            manifest=self.model.manifest.sha256,
            command=f"gedanken reproduce {self.name}",
            git=told_once(list(parts.values()), "git"),
            machine=told_once(list(parts.values()), "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in parts.values()),
        )

    def quick(self) -> Quick:
        """The two energies whose difference is claimed, on a few pairs: it holds if the gain is above 0."""
        some = slice(0, QUICK_PAIRS)
        one, other = (
            torch.tensor([[int(each) for each in self._measure(name, truly=False, pairs=some)["success"]]]).float()
            for name in (FIRST, "summed distance")
        )
        gain = paired_difference(one, other)
        return Quick(gain.mean, gain.low, gain.high, QUICK_PAIRS, gain.mean > 0)
