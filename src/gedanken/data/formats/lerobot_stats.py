"""Lowest, highest, mean and spread of each feature, as LeRobot keeps them for each episode and for the whole dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Stats = Mapping[str, np.ndarray]
"""`min`, `max`, `mean`, `std` of a feature's shape, pictures `[3, 1, 1]` from 0 to 1, and `count` `[1]`."""

_PICTURES = 100


def stats_of(values: np.ndarray, pictures: bool) -> Stats:
    """Statistics of one episode's `values` `[L, ...]`; of pictures, at most 100 spread over the episode are looked at."""
    if pictures:
        values = values[np.linspace(0, len(values) - 1, min(len(values), _PICTURES)).round().astype(int)]
        values = values.transpose(0, 3, 1, 2) / 255.0
    axes = (0, 2, 3) if pictures else (0,)
    shape = (3, 1, 1) if pictures else (values.shape[1:] or (1,))
    wide = values.astype(np.float64)
    each = {"min": wide.min(axes), "max": wide.max(axes), "mean": wide.mean(axes), "std": wide.std(axes)}
    return {name: value.reshape(shape) for name, value in each.items()} | {"count": np.array([len(values)])}


def joined(one: Stats, other: Stats) -> Stats:
    """Statistics of both together; the spread is that of all values, not the mean of two spreads."""
    total = one["count"] + other["count"]
    share = one["count"] / total, other["count"] / total
    mean = one["mean"] * share[0] + other["mean"] * share[1]
    square = sum(
        part * (each["std"] ** 2 + (each["mean"] - mean) ** 2) for part, each in zip(share, (one, other), strict=True)
    )
    return {
        "min": np.minimum(one["min"], other["min"]),
        "max": np.maximum(one["max"], other["max"]),
        "mean": mean,
        "std": np.sqrt(square),
        "count": total,
    }


def as_lists(stats: Mapping[str, Stats]) -> dict[str, dict[str, Any]]:
    """For JSON: nested lists of numbers."""
    return {key: {name: value.tolist() for name, value in each.items()} for key, each in stats.items()}


def as_arrays(stats: Mapping[str, Mapping[str, Any]]) -> dict[str, Stats]:
    """From JSON: the arrays again."""
    return {key: {name: np.array(value) for name, value in each.items()} for key, each in stats.items()}
