"""A model that learned from possible clips of a table is surprised by impossible ones; and what beside it is, or is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.physics_figures import figures_of, rows_of
from claims.two_rooms import CHECKPOINTS
from gedanken.data import EpisodeList
from gedanken.environments.table import PROPERTIES, possible_clips, quadruplet
from gedanken.errors import BadInput
from gedanken.evaluation.intervals import bootstrap
from gedanken.evaluation.surprise import ModelSurprise, Scorer, Scores, auroc, scored_together, whole_of
from gedanken.evaluation.surprise.controls import copy_last, untrained_controls
from gedanken.recipes import TableRun, fit, load, save, table, table_forgetful, table_pixels
from gedanken.training import RunFolder

SPLITS = ("id", "novel-object", "novel-layout", "long-occlusion")
OURS = "table"
_MODELS: Mapping[str, tuple[Callable[[int], TableRun], Sequence[int], float]] = {
    OURS: (table, range(3), 3000.0),
    "table-pixels": (table_pixels, range(3), 3000.0),
    "table-forgetful": (table_forgetful, range(1), 3000.0),
}
"""What is trained: its run, its seeds, and the core-seconds expected of one."""


@dataclass(frozen=True)
class PhysicsTableClaim:
    """Relative pairwise accuracy on four splits, quadruplets, rare clips and the onset, beside what else was trained.

    Args:
        quads: scored quadruplets of each property and split.
        rare: rare but possible clips.
        models: what is trained, as `_MODELS`.
    """

    quads: int = 200
    rare: int = 2000
    models: Mapping[str, tuple[Callable[[int], TableRun], Sequence[int], float]] = field(
        default_factory=lambda: _MODELS
    )
    quick_quads: int = 2

    @property
    def name(self) -> str:
        return "physics-table"

    @property
    def what(self) -> str:
        return (
            "pairs of clips of the table in which the impossible one surprises a model more, mean of ten properties, as trained "
            "and seen from the same draw"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        splits = {"id": 0.85, "novel-object": 0.75, "novel-layout": 0.70, "long-occlusion": 0.65}
        more = {"worst property, lower bound": 0.60, "quadruplets": 0.65, "rare, AUROC": 0.65, "onset": 0.60}
        return at_least(**splits, **more)

    def parts(self) -> list[Part]:
        """A training each, then a split each, in which every quadruplet is drawn once for all models."""
        found = [
            Part(f"{name}-{seed}", cost, lambda folder, name=name, seed=seed: self._trained(folder, name, seed))
            for name, (_, seeds, cost) in self.models.items()
            for seed in seeds
        ]
        cost = len(PROPERTIES) * self.quads * 0.4
        found += [
            Part(f"split {split}", cost, lambda folder, split=split: self._scored(folder, split)) for split in SPLITS
        ]
        return [*found, Part("rare", self.rare * 0.1, self._rare)]

    def _trained(self, folder: Path, name: str, seed: int) -> Measured:
        run, into = self.models[name][0](seed), RunFolder(folder / f"{name}-{seed}")
        episodes = EpisodeList()
        run.record(episodes)
        fitted = fit(episodes, run.recipe, into, usual=run.usual())
        lineage = {"data": "table-v1", "episodes": run.episodes, "steps": fitted.trained.steps}
        content = save(into.model, fitted.model, run.recipe, episodes[0].specs, lineage)
        weights = sum(each.numel() for each in fitted.model.parameters())
        return {"training_core_seconds": fitted.trained.core_seconds, "model": content, "weights": weights}

    def scorers(self, folder: Path) -> list[Scorer]:
        """All that were trained, by the names of their parts, and what needs no training.

        Raises:
            BadInput: one of them was not trained yet.
        """
        found = []
        for name in (f"{each}-{seed}" for each, (_, seeds, _) in self.models.items() for seed in seeds):
            model = RunFolder(folder / name).model
            if not model.exists():
                raise BadInput(f"there is no model {name} yet; measure the part {name} first.")
            found.append(Scorer(name, ModelSurprise.of(load(model).model)))
        random = next(each for each in untrained_controls() if each.name == "random encoder")
        return [*found, Scorer("copy-last", copy_last), random]

    def _scored(self, folder: Path, split: str) -> Measured:
        return self.measured(self.scorers(folder), split, "test", self.quads)

    def measured(self, scorers: Sequence[Scorer], split: str, part: str, quads: int) -> Measured:
        """What each scorer made of the quadruplets of a split, drawn once for all of them."""
        digest = sha256()

        def drawn():
            for property in PROPERTIES:
                for number in range(quads):
                    quad = quadruplet(property, split, part, number)
                    digest.update(quad.frames.numpy().tobytes())
                    yield quad

        found = scored_together(scorers, drawn())
        return {
            "properties": list(found[0].properties),
            "pairs": {each.name: each.pairs.tolist() for each in found},
            "onsets": {each.name: each.onset_errors.tolist() for each in found},
            "impossible": {each.name: _rounded(each.impossible) for each in found},
            "frames": digest.hexdigest(),
        }

    def _rare(self, folder: Path) -> Measured:
        clips = list(possible_clips(self.rare, split="rare", part="test"))
        return {"surprise": {each.name: _rounded(whole_of(each, clips)) for each in self.scorers(folder)}}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        splits = {split: scores_of(parts[f"split {split}"]) for split in SPLITS}
        above = {
            name: auroc(each.impossible.flatten(), torch.tensor(parts["rare"]["surprise"][name]))
            for name, each in splits["id"].items()
        }
        ours = [f"{OURS}-{seed}" for seed in self.models[OURS][1]]
        interval = bootstrap(torch.stack([splits["id"][name].pairs.mean(1) for name in ours]))
        trained = {name: part for name, part in parts.items() if "training_core_seconds" in part}
        CHECKPOINTS.mkdir(exist_ok=True)
        shutil.copyfile(RunFolder(folder / ours[0]).model, self.ships)
        return Entry(
            claim=self.name,
            what=self.what,
            value=interval.mean,
            interval=(interval.low, interval.high),
            figures=figures_of(splits, above, ours),
            bar=self.bar,
            n=2 * self.quads * len(PROPERTIES),
            seeds=[
                {"seed": name, "value": float(splits["id"][name].pairs.mean()), "model": part["model"]}
                for name, part in trained.items()
                if name in ours
            ],
            beside=rows_of(splits, above, {name: len(seeds) for name, (_, seeds, _) in self.models.items()}),
            manifest=None,  # the clips are named, not listed; the hash of each split's frames is in `extra`
            command=f"gedanken reproduce {self.name}",
            git=told_once(list(parts.values()), "git"),
            machine=told_once(list(parts.values()), "machine"),
            training_core_seconds=sum(part["training_core_seconds"] for part in trained.values()),
            evaluation_core_seconds=sum(part["core_seconds"] for name, part in parts.items() if name not in trained),
            note="n counts the pairs of one context in each split; there are as many of one outcome.",
            extra={
                "frames": {split: parts[f"split {split}"]["frames"] for split in SPLITS},
                "weights": {name: part["weights"] for name, part in trained.items()},
            },
        )

    @property
    def ships(self) -> Path:
        """The model of the first seed, for `quick`."""
        return CHECKPOINTS / f"{self.name}.safetensors"

    def quick(self) -> Quick:
        """The first seed's model, as shipped, on a few quadruplets of the dev part; it holds if its interval reaches the bar.

        Raises:
            BadInput: no model was shipped yet.
        """
        if not self.ships.exists():
            raise BadInput(f"{self.name} ships no model yet; make it with `gedanken reproduce {self.name}`.")
        scorer = Scorer("shipped", ModelSurprise.of(load(self.ships).model))
        scores = scores_of(self.measured([scorer], "id", "dev", self.quick_quads))["shipped"]
        told = scores.accuracy
        return Quick(told.mean, told.low, told.high, 2 * len(scores.properties), told.high >= self.bar[0].limit)


def scores_of(part: Measured) -> dict[str, Scores]:
    """A part's scores, as they were before they became JSON."""
    tensors: dict[str, dict[str, Any]] = {name: part[name] for name in ("pairs", "onsets", "impossible")}
    return {
        name: Scores(
            name,
            tuple(part["properties"]),
            *(torch.tensor(each[name], dtype=torch.float64) for each in tensors.values()),
        )
        for name in part["pairs"]
    }


def _rounded(values: Tensor) -> list[Any]:
    """As lists of six figures, which tell two clips apart and keep the file small."""
    return torch.tensor([float(f"{value:.6g}") for value in values.flatten().tolist()]).view(values.shape).tolist()
