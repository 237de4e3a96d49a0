"""From scores of quadruplets to what the claim `physics-table` asks for, and a row for each model and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gedanken.evaluation.intervals import bootstrap
from gedanken.evaluation.surprise import Scores
from gedanken.evaluation.surprise.scores import NEAR, corrected

Splits = Mapping[str, Mapping[str, Scores]]
"""Split → name of a scorer → its scores."""


def figures_of(splits: Splits, above: Mapping[str, float], seeds: Sequence[str]) -> dict[str, float]:
    """What the bar is about, each a mean over seeds; the lower bound is of the worst property, on quadruplets' means over seeds.

    Args:
        splits: all scores.
        above: AUROC of impossible against rare clips, by scorer.
        seeds: names of the model's seeds.
    """
    found = {split: _mean(lambda scores: float(scores.pairs.mean()), each, seeds) for split, each in splits.items()}
    known = splits["id"]
    by_property = properties_of([known[name] for name in seeds])
    return {
        **found,
        "worst property, lower bound": min(low for _, low, _ in by_property.values()),
        "quadruplets": _mean(lambda scores: scores.quadruplets.mean, known, seeds),
        "rare, AUROC": sum(above[name] for name in seeds) / len(seeds),
        "onset": _mean(onset_share, known, seeds),
    }


def onset_share(scores: Scores) -> float:
    """Share of impossible clips whose surprise peaks within two frames of the first evidence."""
    return float((scores.onset_errors.abs() <= NEAR).double().mean())


def properties_of(seeds: Sequence[Scores]) -> dict[str, tuple[float, float, float]]:
    """Accuracy of each property with the ends of its interval, which hold together at 95 % (Bonferroni)."""
    pairs: Tensor = torch.stack([each.pairs.mean(1) for each in seeds]).mean(0)
    names, found = seeds[0].properties, {}
    for name in dict.fromkeys(names):
        interval = corrected(pairs[torch.tensor([each == name for each in names])], len(set(names)))
        found[name] = (interval.mean, interval.low, interval.high)
    return found


def rows_of(splits: Splits, above: Mapping[str, float], trained: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row for each model and split, over its seeds; and for what has none.

    Args:
        splits: all scores, those of a model's seed under `name-seed`.
        above: AUROC of impossible against rare clips, by scorer.
        trained: how many seeds each model has.
    """
    rows = []
    for split, scores in splits.items():
        groups = {name: [f"{name}-{seed}" for seed in range(count)] for name, count in trained.items()}
        alone = [name for name in scores if not any(name in seeds for seeds in groups.values())]
        for name, seeds in {**groups, **{each: [each] for each in alone}}.items():
            told = bootstrap(torch.stack([scores[seed].pairs.mean(1) for seed in seeds]))
            row: dict[str, Any] = {
                "name": f"{split}: {name}",
                "value": told.mean,
                "interval": [told.low, told.high],
                "n": 2 * len(scores[seeds[0]].properties),
                "seeds": len(seeds),
                "quadruplets": _mean(lambda each: each.quadruplets.mean, scores, seeds),
                "onset": _mean(onset_share, scores, seeds),
                "each": {name: list(each) for name, each in properties_of([scores[seed] for seed in seeds]).items()},
            }
            rows.append(
                {**row, "rare, AUROC": sum(above[seed] for seed in seeds) / len(seeds)} if split == "id" else row
            )
    return rows


def _mean(figure: Any, scores: Mapping[str, Scores], seeds: Sequence[str]) -> float:
    return sum(figure(scores[name]) for name in seeds) / len(seeds)
