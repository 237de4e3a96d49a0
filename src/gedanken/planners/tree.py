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
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import box, check_start, limited
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
    rows = torch.arange(len(root))
    tree, ways = _Tree(root, start), [start.mean]
    arrived = torch.zeros(len(root), dtype=torch.bool)
    for _ in range(config.rounds):
        reached = tree.branched(tree.least_tried(config.width), imagine, start, config, generator)
        left, nearest = reached.to(goal).min(dim=1)
        ways.append(reached.ways[rows, nearest])
        arrived |= left < apart
        if bool(arrived.all()):
            break
        tree.grow(reached, apart, config.width)
    candidates = limited(torch.stack(ways, dim=1), start)
    energies = scored(energy_of, candidates, 1)
    best = energies.argmin(dim=1)
    feasible = torch.ones(len(root), dtype=torch.bool)
    trace = Trace(energies.min(dim=1).values[None], energies.mean(dim=1)[None])
    return Plan(candidates[rows, best], energies[rows, best], feasible, trace)


@dataclass(frozen=True)
class _Reached:
    """Places: latents `[B, M, P·D]`, the ways there `[B, M, H, A]`, their lengths, and which are there at all `[B, M]`."""

    latents: Float[Tensor, "B M W"]
    ways: Float[Tensor, "B M H A"]
    depth: Int[Tensor, "B M"]
    real: Bool[Tensor, "B M"]

    def to(self, goal: Tensor) -> Tensor:
        """Squared distance to the goal `[B, M]`; infinite where there is no place."""
        return _apart(self.latents, goal.flatten(1)).masked_fill(~self.real, torch.inf)


class _Tree:
    """All places end to end; rows of a batch with fewer of them have gaps, which are not `real`.

    Args:
        root: where it begins `[B, P, D]`.
        start: gives the horizon, beyond which no way goes.
    """

    def __init__(self, root: Tensor, start: Search) -> None:
        self.shape, self.horizon = root.shape[1:], start.mean.shape[1]
        nowhere = torch.zeros_like(start.mean)[:, None]
        none = torch.zeros(len(root), 1, dtype=torch.long)
        self.places = _Reached(root.flatten(1)[:, None], nowhere, none, torch.ones(len(root), 1, dtype=torch.bool))
        self.tried = none.clone()

    def least_tried(self, width: int) -> Int[Tensor, "B leaves"]:
        """The places to go on from, near ones before far ones; marks them as tried once more."""
        count = self.tried.shape[1]
        over = ~self.places.real | (self.places.depth >= self.horizon)
        order = (self.tried * self.horizon + self.places.depth).float().masked_fill(over, torch.inf)
        leaves = order.topk(min(width, count), dim=1, largest=False).indices
        self.tried = self.tried.scatter_add(1, leaves, torch.ones_like(leaves))
        return leaves

    def branched(
        self, leaves: Tensor, imagine: Imagine, start: Search, config: TreeConfig, generator: Generator
    ) -> _Reached:
        """What one more step from these places leads to."""
        rows = torch.arange(len(leaves))[:, None]
        before, ways, depth = (
            each[rows, leaves] for each in (self.places.latents, self.places.ways, self.places.depth)
        )
        actions = _all_directions(start, leaves.shape[1], config.branches, generator)
        seen, errors = imagine(before.unflatten(2, self.shape), actions)
        step = torch.nn.functional.one_hot(depth.clamp(max=self.horizon - 1), self.horizon)[:, :, None, :, None]
        ways = ways[:, :, None] + step * actions[:, :, :, None]
        real = (self.places.real[rows, leaves] & (depth < self.horizon))[:, :, None].expand(actions.shape[:3])
        if errors is not None:
            real = real & (errors <= config.trusted)
        deeper = (depth + 1)[:, :, None].expand_as(real)
        return _Reached(seen.flatten(3).flatten(1, 2), ways.flatten(1, 2), deeper.flatten(1, 2), real.flatten(1, 2))

    def grow(self, reached: _Reached, apart: float, width: int) -> None:
        """Keep what is farthest from all that is known, one after the other, as long as it is new."""
        known = self.places
        squared = torch.cdist(reached.latents, known.latents).square() / known.latents.shape[2]
        news = squared.masked_fill(~known.real[:, None], torch.inf).amin(dim=2).masked_fill(~reached.real, -1.0)
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
            return
        at = rows[:, None], torch.stack(chosen, dim=1)
        self.places = _Reached(
            torch.cat([known.latents, reached.latents[at]], dim=1),
            torch.cat([known.ways, reached.ways[at]], dim=1),
            torch.cat([known.depth, reached.depth[at]], dim=1),
            torch.cat([known.real, torch.stack(real, dim=1)], dim=1),
        )
        self.tried = torch.cat([self.tried, torch.zeros_like(at[1])], dim=1)


def _all_directions(start: Search, places: int, count: int, generator: Generator) -> Float[Tensor, "B places count A"]:
    """Actions at full length, spread evenly and turned at random for each place."""
    batch, _, width = start.mean.shape
    turned = torch.linalg.qr(torch.randn(batch, places, width, width, generator=generator)).Q
    heading, (low, high) = evenly_spread(count, width) @ turned, box(start)
    if start.norm is not None:
        lengths = heading * start.norm
    else:  # to the box's surface
        reach = torch.where(heading > 0, high[:, None, :1], -low[:, None, :1])
        reach = torch.where(torch.isfinite(reach), reach, 2 * start.std[:, None, :1])
        lengths = heading / heading.abs().amax(dim=-1, keepdim=True) * reach
    one = Search(start.mean[:, :1], start.std[:, :1], low[:, :1], high[:, :1], start.norm)
    return limited(lengths.flatten(1, 2)[:, :, None], one)[:, :, 0].unflatten(1, (places, count))


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


def _apart(latents: Float[Tensor, "B M W"], one: Float[Tensor, "B W"]) -> Float[Tensor, "B M"]:
    return (latents - one[:, None]).square().mean(dim=2)
