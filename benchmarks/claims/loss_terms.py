"""What each loss term is worth: the random-wall recipe with one term left out, and whether the collapse meter had said so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.two_rooms import CHECKPOINTS, STEPS, TwoRoomsClaim, trained_model
from gedanken.evaluation.intervals import paired_difference, success_interval
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.true_state import rows_of
from gedanken.recipes import TwoRoomsRun, load
from gedanken.training import RunFolder

LEFT_OUT: Mapping[str, Mapping[str, float]] = {
    "full": {},
    "no inverse dynamics": {"inverse_dynamics": 0.0},
    "no variance": {"variance": 0.0},
    "no temporal term": {"temporal_similarity": 0.0, "time_variance": 0.0},
}
PAIRS = 200
QUICK_PAIRS = 20


@dataclass(frozen=True)
class LossTermsClaim:
    """Success without one term, paired with the full recipe on the same pairs.

    Args:
        model: the claim whose recipe, pairs and seeds these are.
        bar: on `fall` (of success without inverse dynamics) and `warned` (share of its seeds of which the collapse meter had
            warned within the first quarter of the training).
    """

    model: TwoRoomsClaim
    bar: Sequence[Bound] = at_least(fall=0.30, warned=1.0)

    @property
    def name(self) -> str:
        return "loss-terms"

    @property
    def what(self) -> str:
        return f"success lost without the inverse-dynamics term, {self.model.wall} wall, step {STEPS}"

    def parts(self) -> list[Part]:
        cost = self.model.training_seconds + PAIRS * 3.0  # a poor model searches at every step
        return [
            Part(f"{row}, seed {seed}", cost, lambda folder, row=row, seed=seed: self._measure(folder, row, seed))
            for row in LEFT_OUT
            for seed in self.model.seeds
        ]

    def _run(self, row: str, seed: int) -> TwoRoomsRun:
        run = self.model.make(seed)
        objective = replace(run.recipe.objective, **LEFT_OUT[row])
        return replace(run, recipe=replace(run.recipe, objective=objective))

    def _measure(self, folder: Path, row: str, seed: int) -> Measured:
        judged = folder.parent / self.model.name / f"seed-{seed}"
        if row == "full" and (judged / "part.json").exists():  # the same run, judged on these pairs and more
            return self._of(json.loads((judged / "part.json").read_text()), RunFolder(judged), row, seed)
        run = RunFolder(folder / f"{row}, seed {seed}")
        trained = trained_model(self._run(row, seed), run)
        start, goal = self.model.manifest.pairs(self.model.world)
        pairs = rows_of(start, slice(PAIRS)), rows_of(goal, slice(PAIRS))
        result = evaluate_planning(self.model.world, load(run.model).agent(seed), pairs, STEPS)
        print(f"{row}, seed {seed}: {result.success.float().mean():.1%}", flush=True)
        measured = {
            "success": "".join(str(int(each)) for each in result.success),
            "training_core_seconds": trained["core_seconds"],
            "planning_core_seconds": result.core_seconds,
        }
        return self._of(measured, run, row, seed)

    def _of(self, measured: Measured, run: RunFolder, row: str, seed: int) -> Measured:
        """What is kept of a row's run: its pairs, its costs, and the steps at which the collapse meter warned."""
        return {
            "success": measured["success"][:PAIRS],
            "training_core_seconds": measured["training_core_seconds"],
            "planning_core_seconds": measured["planning_core_seconds"],
            "steps": self._run(row, seed).recipe.train.steps,
            "warned": [metrics["step"] for metrics in run.read_metrics() if metrics.get("warnings")],
        }

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        of = {row: [parts[f"{row}, seed {seed}"] for seed in self.model.seeds] for row in LEFT_OUT}
        won = {
            row: torch.tensor([[int(each) for each in part["success"]] for part in measured]).bool()
            for row, measured in of.items()
        }
        rows = []
        for row, measured in of.items():
            share = success_interval(won[row])
            rows.append(
                {
                    "name": row,
                    "value": share.mean,
                    "interval": [share.low, share.high],
                    "unit": "share",
                    "n": PAIRS,
                    "each": won[row].double().mean(dim=1).tolist(),
                    "training_core_seconds": sum(part["training_core_seconds"] for part in measured) / len(measured),
                    "planning_core_seconds": sum(part["planning_core_seconds"] for part in measured) / len(measured),
                    "success": [part["success"] for part in measured],
                    "first warning, share of the training": [_first_warning(part) for part in measured],
                }
            )
        fall = paired_difference(won["full"].float(), won["no inverse dynamics"].float())
        early = [any(step < part["steps"] / 4 for step in part["warned"]) for part in of["no inverse dynamics"]]
        everything = list(parts.values())
        CHECKPOINTS.mkdir(exist_ok=True)
        first = f"no inverse dynamics, seed {self.model.seeds[0]}"
        shutil.copyfile(RunFolder(folder / first).model, self.ships)
        return Entry(
            claim=self.name,
            what=self.what,
            value=fall.mean,
            interval=(fall.low, fall.high),
            unit="difference",
            figures={"fall": fall.mean, "warned": sum(early) / len(early)},
            bar=self.bar,
            n=PAIRS,
            seeds=[
                {"seed": seed, "value": (full - without).item()}
                for seed, full, without in zip(
                    self.model.seeds,
                    won["full"].double().mean(dim=1),
                    won["no inverse dynamics"].double().mean(dim=1),
                    strict=True,
                )
            ],
            beside=rows,
            manifest=self.model.manifest.sha256,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=sum(part["training_core_seconds"] for part in everything),
            evaluation_core_seconds=sum(part["planning_core_seconds"] for part in everything) * PAIRS,
        )

    @property
    def ships(self) -> Path:
        """A model without inverse dynamics, for `quick`."""
        return CHECKPOINTS / f"{self.name}-no-inverse-dynamics.safetensors"

    def quick(self) -> Quick:
        """The shipped model without inverse dynamics against the full one, on a few pairs."""
        start, goal = self.model.manifest.pairs(self.model.world)
        pairs = rows_of(start, slice(QUICK_PAIRS)), rows_of(goal, slice(QUICK_PAIRS))
        full, without = (
            evaluate_planning(self.model.world, load(file).agent(0), pairs, STEPS).success[None].float()
            for file in (self.model.ships, self.ships)
        )
        fall = paired_difference(full, without)
        return Quick(fall.mean, fall.low, fall.high, QUICK_PAIRS, fall.high >= self.bar[0].limit and fall.mean > 0)


def _first_warning(part: Measured) -> float | None:
    return min(part["warned"]) / part["steps"] if part["warned"] else None
