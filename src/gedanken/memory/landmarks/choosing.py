"""Which moments become landmarks: the farthest from all others, one after the other (Gonzalez 1985)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

StepsBetween = Callable[[Tensor, Tensor], Tensor]
"""Latents `[n, P, D]` and `[m, P, D]` → model steps predicted from each of the first to each of the second, `[n, m]`."""


def farthest_first(offered: Tensor, known: Tensor, steps: StepsBetween, apart: float, most: int) -> list[int]:
    """Rows of `offered` `[n, P, D]` that lie farther than `apart` steps from all `known` ones and from each other.

    Args:
        offered: latents to choose from.
        known: latents of landmarks there are already; empty for none.
        steps: between latents; both directions are averaged.
        apart: least number of steps.
        most: how many at most.
    """
    near = both_ways(steps, offered, known).amin(1) if len(known) else torch.full((len(offered),), torch.inf)
    chosen = list[int]()
    while len(chosen) < min(most, len(offered)):
        farthest = int(near.argmax())
        if near[farthest] <= apart:
            break
        chosen.append(farthest)
        near = torch.minimum(near, both_ways(steps, offered, offered[farthest, None])[:, 0])
        near[farthest] = -torch.inf
    return chosen


def both_ways(steps: StepsBetween, some: Tensor, others: Tensor) -> Tensor:
    """The mean of both directions, `[n, m]`."""
    return (steps(some, others) + steps(others, some).T) / 2
