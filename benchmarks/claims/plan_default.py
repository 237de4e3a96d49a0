"""How long a robot waits for a plan with the bundled model: alone and among eight, with the settings that reach the goals.

The clock on the wall runs from the frame to the decision, encoder included. Only decisions that search count: to hold, or to
follow a plan, takes a tenth of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from claims.two_rooms import STEPS, TwoRoomsClaim
from gedanken.evaluation.intervals import paired_difference
from gedanken.evaluation.manifest import make_manifest
from gedanken.evaluation.planning import evaluate_planning, measure_latency
from gedanken.evaluation.true_state import rows_of
from gedanken.planners import MPPIConfig
from gedanken.recipes import load
from gedanken.types import State

THOROUGH = {"warm": MPPIConfig(candidates=128, rounds=2), "cold": MPPIConfig(candidates=256, rounds=6)}
"""The settings before they were made fast: three times the candidates, chosen for nothing but success."""

ALONE, EIGHT, LOST = "p95 alone (ms)", "p95 of eight (ms)", "success minus that of the thorough settings, low end"
SETTINGS = ("default", "thorough")
THREADS = 2
GOALS = 8


@dataclass(frozen=True)
class PlanDefaultClaim:
    """Wall time of the default settings, and whether anything is lost by them.

    Args:
        model: the claim whose shipped model, world and pairs these are.
        episodes: driven one after the other, by twos of eight beside each other.
        draws: seeds of the agents whose success is compared, since a search's own luck moves more pairs than its settings do.
    """

    model: TwoRoomsClaim
    episodes: int = 40
    draws: int = 4

    @property
    def name(self) -> str:
        return "plan-default"

    @property
    def what(self) -> str:
        return "wall time of a search with the bundled model, frame encoded, 95th percentile, two cores"

    @property
    def bar(self) -> Sequence[Bound]:
        return (*at_most(**{ALONE: 20.0, EIGHT: 80.0}), *at_least(**{LOST: -0.01}))

    def parts(self) -> list[Part]:
        return [
            Part("alone", 40.0, lambda folder: {"seconds": self._alone(self.episodes)}),
            Part("eight", 40.0, lambda folder: {"seconds": self._eight(self.episodes // GOALS)}),
            *(
                Part(f"{name}-{draw}", 120.0, lambda folder, name=name, draw=draw: self._success(name, draw))
                for name in SETTINGS
                for draw in range(self.draws)
            ),
        ]

    def _alone(self, episodes: int) -> list[float]:
        """Seconds of each search of a robot alone."""
        with _threads(THREADS):
            agent = load(self.model.ships).agent(0)
            return measure_latency(self.model.world, agent, self._pairs(0, episodes), episodes, STEPS).seconds.tolist()

    def _eight(self, batches: int) -> list[float]:
        """Seconds of each decision in which any of eight robots searches, all of them together; the first, untimed, warms up."""
        seconds: list[float] = []
        with _threads(THREADS):
            agent = load(self.model.ships).agent(0)
            for first in range(0, GOALS * (batches + 1), GOALS):
                result = evaluate_planning(self.model.world, agent, self._pairs(first, GOALS), STEPS)
                seconds += result.decision_seconds[result.planned.any(dim=1)].tolist() if first else []
        return seconds

    def _success(self, settings: str, draw: int) -> Measured:
        agent = load(self.model.ships).agent(draw)
        if settings == "thorough":
            agent.config = replace(agent.config, **THOROUGH)
        result = evaluate_planning(self.model.world, agent, self.model.manifest, STEPS)
        print(f"{settings}, seed {draw}: {result.success.float().mean():.1%}", flush=True)
        return {
            "success": "".join(str(int(each)) for each in result.success),
            "planning_core_seconds": result.core_seconds,
        }

    def _pairs(self, first: int, count: int) -> tuple[State, State]:
        """Pairs of the dev manifest: how long a plan takes is nothing to be judged on test pairs."""
        manifest = make_manifest("two-rooms-v1", {"wall": self.model.wall}, "dev", first + count)
        start, goal = (rows_of(states, slice(first, first + count)) for states in manifest.pairs(self.model.world))
        return start, goal

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        alone, eight = (torch.tensor(parts[name]["seconds"]) * 1000 for name in ("alone", "eight"))
        drawn = {name: [parts[f"{name}-{draw}"] for draw in range(self.draws)] for name in SETTINGS}
        won = {name: torch.cat([_bits(part["success"]) for part in of]) for name, of in drawn.items()}
        lost = paired_difference(won["default"], won["thorough"])
        everything = list(parts.values())
        rows = [
            {"name": f"{name}, {share}", "value": float(values.quantile(q)), "unit": "ms", "n": len(values)}
            for name, values in (("alone", alone), ("eight goals in one batch", eight))
            for share, q in (("median", 0.5), ("95 %", 0.95))
        ]
        rows += [
            {
                "name": f"success, {name} settings",
                "value": float(won[name].mean()),
                "unit": "share",
                "n": won[name].shape[1],
                "planning_core_seconds": fmean(part["planning_core_seconds"] for part in drawn[name]),
            }
            for name in won
        ]
        p95 = float(alone.quantile(0.95))
        return Entry(
            claim=self.name,
            what=self.what,
            value=p95,
            interval=(float(alone.quantile(0.5)), float(alone.max())),
            unit="ms",
            figures={ALONE: p95, EIGHT: float(eight.quantile(0.95)), LOST: lost.low},
            bar=self.bar,
            n=len(alone),
            seeds=[{"seed": 0, "value": p95}],
            beside=rows,
            manifest=self.model.manifest.sha256,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in everything),
            note="Wall time, which wants a machine with nothing else to do. The interval is from the median to the longest. "
            f"Success is of {self.draws} agents' seeds on the same pairs.",
        )

    def quick(self) -> Quick:
        """A few episodes against the latencies' bar; the success is what two-rooms-demo's own quick check is about."""
        alone = torch.tensor(self._alone(6)) * 1000
        eight = torch.tensor(self._eight(1)) * 1000
        p95, of_eight = float(alone.quantile(0.95)), float(eight.quantile(0.95))
        print(f"eight goals in one batch: {of_eight:.0f} ms")
        limits = {bound.figure: bound.limit for bound in self.bar}
        holds = p95 <= limits[ALONE] and of_eight <= limits[EIGHT]
        return Quick(p95, float(alone.quantile(0.5)), float(alone.max()), len(alone), holds)


def _bits(success: str) -> torch.Tensor:
    return torch.tensor([[float(each) for each in success]])


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
