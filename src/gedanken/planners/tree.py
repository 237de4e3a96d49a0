"""Look for a way through imagined places: a tree of latents that grows where something new is reached.

A sampled action sequence must guess a long detour all at once. A tree guesses one step at a time and goes on from the places
that are farthest from all it knows, so it soon holds whatever the model believes can be reached (after rapidly exploring
random trees, LaValle and Kuffner 2001; the places of a round by farthest point, Gonzalez 1985). What was tried least is tried
next, and all of it again in other directions: a door is easily missed at first. Its way is coarse: another planner starts
from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import box, check_start, limited
from gedanken.planners.draws import generator_of
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace

Imagine = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""One model step: latents `[B, n, P, D]` and actions `[B, n, K, A]` from each → latents `[B, n, K, P, D]`, and the
error expected of each step `[B, n, K]` as in `Rollout`."""


@dataclass(frozen=True, kw_only=True)
class TreeConfig:
    """How large the tree grows.

    Args:
        rounds: times that places are chosen and gone on from; fewer where the goal is reached before.
        width: places gone on from in a round, and kept of what they reach.
        branches: actions tried from each, at full length and spread evenly over all directions.
        trusted: largest squared error expected of a step that is believed, in step changes; what a model imagines beyond
            leads to places that are none, and those are the farthest from all that is known. Without an error head all is
            believed.
    """

    rounds: int = 24
    width: int = 60
    branches: int = 8
    trusted: float = 2.3

    def __post_init__(self) -> None:
        if min(self.rounds, self.width, self.branches) < 1:
            raise BadInput(
                f"rounds={self.rounds}, width={self.width} and branches={self.branches} must all be at least 1."
            )
        if not self.trusted > 0:
            raise BadInput(f"trusted={self.trusted} must be above 0; no model expects to be exact.")


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
    """The best of the ways to where a tree of imagined places comes nearest to the goal, one way for each round.

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
    found = [
        _ways(imagine, root[row : row + 1], goal[row], _row(start, row), apart, config, generator_of(row, generator))
        for row in range(len(root))  # one after the other: where the goal is soon reached the tree stays small
    ]
    count = max(map(len, found))
    ways = torch.stack([torch.cat([each, each[-1:].expand(count - len(each), -1, -1)]) for each in found])
    candidates = limited(torch.cat([start.mean[:, None], ways], dim=1), start)
    energies = scored(energy_of, candidates, 1)
    best, rows = energies.argmin(dim=1), torch.arange(len(root))
    feasible = torch.ones(len(root), dtype=torch.bool)
    trace = Trace(energies.min(dim=1).values[None], energies.mean(dim=1)[None])
    return Plan(candidates[rows, best], energies[rows, best], feasible, trace)


def _ways(
    imagine: Imagine,
    root: Float[Tensor, "one P D"],
    goal: Float[Tensor, "P D"],
    start: Search,
    apart: float,
    config: TreeConfig,
    generator: Generator,
) -> Float[Tensor, "rounds H A"]:
    """The way to where each round of one tree came nearest to the goal."""
    tree, ways = _Tree(root, start), list[Tensor]()
    for _ in range(config.rounds):
        reached = tree.branched(tree.least_tried(config.width), imagine, start, config, generator)
        if not len(reached.latents):
            break
        left = _apart(reached.latents, goal.flatten())
        ways.append(reached.ways[left.argmin()])
        if left.min() < apart:
            break
        tree.grow(reached, apart, config.width)
    return torch.stack(ways) if ways else start.mean


def _row(start: Search, row: int) -> Search:
    low, high = (bound[row : row + 1] for bound in box(start))
    return Search(start.mean[row : row + 1], start.std[row : row + 1], low, high, start.norm)


@dataclass(frozen=True)
class _Places:
    """Latents `[n, P·D]`, the ways there `[n, H, A]`, and how many steps these have `[n]`."""

    latents: Float[Tensor, "n W"]
    ways: Float[Tensor, "n H A"]
    depth: Int[Tensor, " n"]

    def taken(self, which: Tensor) -> _Places:
        return _Places(self.latents[which], self.ways[which], self.depth[which])

    def and_also(self, other: _Places) -> _Places:
        return _Places(
            torch.cat([self.latents, other.latents]),
            torch.cat([self.ways, other.ways]),
            torch.cat([self.depth, other.depth]),
        )


class _Tree:
    """What one problem's tree has reached.

    Args:
        root: where it begins `[1, P, D]`.
        start: gives the horizon, beyond which no way goes.
    """

    def __init__(self, root: Tensor, start: Search) -> None:
        self.shape, self.horizon = root.shape[1:], start.mean.shape[1]
        none = torch.zeros(1, dtype=torch.long)
        self.places, self.tried = _Places(root.flatten(1), torch.zeros_like(start.mean), none), none.clone()

    def least_tried(self, width: int) -> Int[Tensor, " leaves"]:
        """The places to go on from, near ones before far ones; marks them as tried once more."""
        order = self.tried * self.horizon + self.places.depth
        order = order.masked_fill(self.places.depth >= self.horizon, torch.iinfo(order.dtype).max)
        leaves = order.argsort(stable=True)[:width]
        leaves = leaves[self.places.depth[leaves] < self.horizon]
        self.tried[leaves] += 1
        return leaves

    def branched(
        self, leaves: Tensor, imagine: Imagine, start: Search, config: TreeConfig, generator: Generator
    ) -> _Places:
        """What one more step from these places leads to, as far as the model trusts itself."""
        before = self.places.taken(leaves)
        actions = _all_directions(start, len(leaves), config.branches, generator)
        seen, errors = imagine(before.latents.unflatten(1, self.shape)[None], actions[None])
        ways = before.ways[:, None].repeat(1, config.branches, 1, 1)
        ways[torch.arange(len(leaves)), :, before.depth] = actions
        depth = (before.depth + 1)[:, None].expand(-1, config.branches)
        reached = _Places(seen[0].flatten(2).flatten(0, 1), ways.flatten(0, 1), depth.flatten())
        return reached if errors is None else reached.taken((errors[0] <= config.trusted).flatten())

    def grow(self, reached: _Places, apart: float, width: int) -> None:
        """Keep what is farthest from all that is known, one after the other, as long as it is new."""
        squared = torch.cdist(reached.latents, self.places.latents).square() / reached.latents.shape[1]
        news, chosen = squared.amin(dim=1), list[int]()
        for _ in range(min(width, len(news))):
            farthest = int(news.argmax())
            if news[farthest] <= apart:
                break
            chosen.append(farthest)
            news = torch.minimum(news, _apart(reached.latents, reached.latents[farthest]))
        self.places = self.places.and_also(reached.taken(torch.tensor(chosen, dtype=torch.long)))
        self.tried = torch.cat([self.tried, torch.zeros(len(chosen), dtype=torch.long)])


def _all_directions(start: Search, places: int, count: int, generator: Generator) -> Float[Tensor, "places count A"]:
    """Actions at full length, spread evenly and turned at random for each place."""
    width = start.mean.shape[2]
    turned = torch.linalg.qr(torch.randn(places, width, width, generator=generator)).Q
    heading, (low, high) = evenly_spread(count, width) @ turned, (bound[0, 0] for bound in box(start))
    if start.norm is not None:
        lengths = heading * start.norm
    else:  # to the box's surface
        reach = torch.where(heading > 0, high, -low)
        reach = torch.where(torch.isfinite(reach), reach, 2 * start.std[0, 0])
        lengths = heading / heading.abs().amax(dim=-1, keepdim=True) * reach
    one = Search(start.mean[:, :1], start.std[:, :1], low.expand(1, 1, width), high.expand(1, 1, width), start.norm)
    return limited(lengths.flatten(0, 1)[None, :, None], one)[0, :, 0].unflatten(0, (places, count))


@cache
def evenly_spread(count: int, width: int) -> Float[Tensor, "count width"]:
    """`count` directions that keep away from each other: charges on a sphere, at rest (Thomson 1904)."""
    spread = torch.randn(count, width, generator=Generator().manual_seed(0), dtype=torch.float64)
    for step in range(200):
        spread = spread / spread.norm(dim=1, keepdim=True)
        away = spread[:, None] - spread
        push = (away / (away.norm(dim=2, keepdim=True) ** 3 + 1e-6)).sum(dim=1)
        spread = spread + push / (push.norm(dim=1, keepdim=True) + 1e-9) * 0.3 * (1 - step / 200) / count**0.5
    return (spread / spread.norm(dim=1, keepdim=True)).float()


def _apart(latents: Float[Tensor, "n W"], one: Float[Tensor, " W"]) -> Float[Tensor, " n"]:
    return (latents - one).square().mean(dim=1)
