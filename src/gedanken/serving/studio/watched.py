"""A search that is watched while it goes on: an energy that tells what it was asked, and answers what it would have answered.

A planner asks its energy once a round, so whoever wraps the energy sees every round: the imagined latents, and what each was
worth. Nothing of the search changes by that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedanken.contracts import Energy
from gedanken.types import Goal, Rollout

_BEST, _SPREAD = 10, 18
"""Candidates shown of a round: the best ones, and others spread evenly over the ranks."""


@dataclass(frozen=True)
class Round:
    """One round of a search.

    Args:
        energies: of all candidates, lowest first `[N]`.
        ranks: of the shown candidates in that order `[K]`; 0 is the best.
        latents: what the shown candidates lead to `[K, H, P, D]`.
    """

    energies: Float[Tensor, " N"]
    ranks: Int[Tensor, " K"]
    latents: Float[Tensor, "K H P D"]


def watched(energy: Energy, tell: Callable[[Round], None]) -> Energy:
    """The same energy, which tells of each round that it is asked for.

    Args:
        energy: of one problem, B = 1.
        tell: called in the thread that searches; what it does takes time from the search.
    """

    def of(rollout: Rollout, goal: Goal, actions: Tensor) -> Tensor:
        energies = energy(rollout, goal, actions)
        with torch.no_grad():
            tell(_round(rollout.latents[0].detach(), energies[0].detach()))
        return energies

    return of


def _round(latents: Tensor, energies: Tensor) -> Round:
    ordered, order = energies.sort()
    count = len(ordered)
    best = torch.arange(min(_BEST, count))
    rest = torch.linspace(min(_BEST, count - 1), count - 1, min(_SPREAD, max(1, count - _BEST))).round().long()
    ranks = torch.cat([best, rest]).unique()
    return Round(ordered, ranks, latents[order[ranks]])
