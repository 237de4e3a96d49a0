"""Look for a way through imagined places: a tree of latents that grows where something new is reached.

A sampled action sequence must guess a long detour all at once. A tree guesses one step at a time and goes on from the places
that are farthest from all it knows, so it soon holds whatever the model believes can be reached (after rapidly exploring
random trees, LaValle and Kuffner 2001; the places of a depth by farthest point, Gonzalez 1985). Its way is coarse: another
planner starts from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import box, check_start, limited
from gedanken.planners.sampling import piecewise_constant
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace

Imagine = Callable[[Tensor, Tensor], Tensor]
"""One model step: latents `[B, n, P, D]` and actions `[B, n, K, A]` from each → latents `[B, n, K, P, D]`."""


@dataclass(frozen=True, kw_only=True)
class TreeConfig:
    """How large the tree grows.

    Args:
        width: most places kept at each depth.
        branches: actions tried from each place, at full length in drawn directions.
    """

    width: int = 60
    branches: int = 8

    def __post_init__(self) -> None:
        if self.width < 1 or self.branches < 1:
            raise BadInput(f"width={self.width} and branches={self.branches} must both be at least 1.")


@torch.no_grad()
def tree_search(
    energy_of: EnergyOf,
    imagine: Imagine,
    root: Float[Tensor, "B P D"],
    goal: Float[Tensor, "B P D"],
    start: Search,
    apart: float,
    config: TreeConfig,
    *,
    generator: Generator,
) -> Plan:
    """The best of the ways to where a tree of imagined places comes nearest to the goal, one way for each depth.

    Args:
        energy_of: actions `[B, N, H, A]` → energies `[B, N]`.
        imagine: the model's step.
        root: latents now.
        goal: latents to be at; nearness is the squared distance, mean over P and D.
        start: sizes and bounds; its mean is one of the ways.
        apart: squared latent distance below which two places count as one.
        config: the tree's size.
        generator: source of all randomness; the same seed gives the same plan.
    Returns:
        the way of least energy; it rests after its last step.
    Raises:
        ShapeError, NonFinite, BadInput: a start or an energy that does not fit, see `check_start` and `scored`.
    """
    check_start(start)
    if not apart > 0:
        raise BadInput(
            f"apart={apart} must be above 0: a tree that takes every place for a new one never leaves its root."
        )
    horizon, width = start.mean.shape[1:]
    tree = _Tree(root, torch.zeros(len(root), 1, horizon, width))
    ways = [start.mean]
    for depth in range(horizon):
        reached = tree.branched(depth, imagine, start, config.branches, generator)
        nearest = reached.to(goal).argmin(dim=1)
        ways.append(reached.ways[torch.arange(len(root)), nearest])
        if depth + 1 < horizon and not tree.grown(reached, apart, config.width):
            break
    candidates = limited(torch.stack(ways, dim=1), start)
    energies = scored(energy_of, candidates, 1)
    best = energies.argmin(dim=1)
    rows = torch.arange(len(root))
    feasible = torch.ones(len(root), dtype=torch.bool)
    trace = Trace(energies.min(dim=1).values[None], energies.mean(dim=1)[None])
    return Plan(candidates[rows, best], energies[rows, best], feasible, trace)


@dataclass(frozen=True)
class _Reached:
    """Places one step further: latents `[B, M, P·D]`, the ways there `[B, M, H, A]`, and which are there at all `[B, M]`."""

    latents: Float[Tensor, "B M W"]
    ways: Float[Tensor, "B M H A"]
    real: Bool[Tensor, "B M"]

    def to(self, goal: Tensor) -> Tensor:
        """Squared distance to the goal `[B, M]`; infinite where there is no place."""
        return _apart(self.latents, goal.flatten(1)).masked_fill(~self.real, torch.inf)


@dataclass
class _Tree:
    """Places of every depth end to end; rows of a batch with fewer of them have gaps, which are not `real`."""

    root: Tensor
    ways: Float[Tensor, "B n H A"]
    latents: Tensor = field(init=False)
    real: Tensor = field(init=False)
    newest: int = 0

    def __post_init__(self) -> None:
        self.latents = self.root.flatten(1)[:, None]
        self.real = torch.ones(len(self.root), 1, dtype=torch.bool)

    def branched(self, depth: int, imagine: Imagine, start: Search, branches: int, generator: Generator) -> _Reached:
        """What one more step from the newest places leads to."""
        leaves = slice(self.newest, None)
        count = self.real.shape[1] - self.newest
        low, high = box(start)
        one = Search(start.mean[:, :1], start.std[:, :1], low[:, :1], high[:, :1], start.norm)
        actions = piecewise_constant(one, count * branches, generator, pieces=1, reach=(1.0, 1.0), stop=0.0)
        actions = limited(actions, one)[:, :, 0].unflatten(1, (count, branches))
        seen = imagine(self.latents[:, leaves].unflatten(2, self.root.shape[1:]), actions)
        ways = self.ways[:, leaves, None].repeat(1, 1, branches, 1, 1)
        ways[..., depth, :] = actions
        real = self.real[:, leaves, None].expand(-1, -1, branches)
        return _Reached(seen.flatten(3).flatten(1, 2), ways.flatten(1, 2), real.flatten(1, 2))

    def grown(self, reached: _Reached, apart: float, width: int) -> bool:
        """Keep what is farthest from all that is known, one after the other; False where nothing is new."""
        squared = torch.cdist(reached.latents, self.latents).square() / self.latents.shape[2]
        news = squared.masked_fill(~self.real[:, None], torch.inf).amin(dim=2).masked_fill(~reached.real, -1.0)
        rows, chosen, real = torch.arange(len(news)), list[Tensor](), list[Tensor]()
        for _ in range(min(width, news.shape[1])):
            farthest = news.argmax(dim=1)
            new = news[rows, farthest] > apart
            if not new.any():
                break
            chosen.append(farthest)
            real.append(new)
            news = torch.minimum(news, _apart(reached.latents, reached.latents[rows, farthest]))
        if not chosen:
            return False
        keep = torch.stack(chosen, dim=1)
        self.newest = self.latents.shape[1]
        self.latents = torch.cat([self.latents, reached.latents[rows[:, None], keep]], dim=1)
        self.ways = torch.cat([self.ways, reached.ways[rows[:, None], keep]], dim=1)
        self.real = torch.cat([self.real, torch.stack(real, dim=1)], dim=1)
        return True


def _apart(latents: Float[Tensor, "B M W"], one: Float[Tensor, "B W"]) -> Float[Tensor, "B M"]:
    return (latents - one[:, None]).square().mean(dim=2)
