"""How a dot walks when it has nowhere to go: kinds of trajectory, step lengths and headings, all drawn beforehand.

Heading random walk after EB-JEPA (arXiv:2602.03604).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from gedanken.errors import BadInput
from gedanken.types import State

KINDS = ("wander", "push", "door", "still")
WANDER, PUSH, DOOR, STILL = range(4)


@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
    """How trajectories are mixed: shares of all trajectories; what they leave over wanders at random.

    Args:
        push: share that starts near a surface and keeps one heading for long, against it.
        door: share that is aimed through the door.
        still: share that stands still, half of it exactly.
        heading_std: spread of the heading's change in one environment step, in radians.
        held_headings: share of the wandering trajectories whose heading changes only every `hold` steps.
        hold: environment steps for which a step length (and such a heading) is kept.
        push_steps: mean number of steps a pushing trajectory keeps its heading.
        step_range: shortest and longest step, in px.
        full: share of all moving trajectories in which every step is the longest, as most of a planner's are.
    """

    push: float = 0.25
    door: float = 0.35
    still: float = 0.04
    heading_std: float = 0.45
    held_headings: float = 0.4
    hold: int = 4
    push_steps: int = 24
    step_range: tuple[float, float] = (0.2, 1.8)
    full: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.push, self.door, self.still)
        if min(shares) < 0 or sum(shares) > 1:
            raise BadInput(f"push, door and still are shares of one whole; got {shares}.")
        if not 0 <= self.step_range[0] <= self.step_range[1]:
            raise BadInput(f"step_range={self.step_range} must be a shortest and a longest step, 0 or more.")
        if not 0 <= self.full <= 1:
            raise BadInput(f"full={self.full} is a share of all trajectories.")
        if self.hold < 1 or self.push_steps < 1:
            raise BadInput(f"hold={self.hold} and push_steps={self.push_steps} must be at least 1 step.")


@dataclass(frozen=True)
class Exploration:
    """Trajectories of a batch of worlds.

    Args:
        positions: `[B, L, 2]` px.
        actions: `[B, L-1, 2]` px/step as commanded, also where a wall stopped the dot.
        state: the first state of each world; its layout and look hold for the whole trajectory.
        kind: `[B]` index into `KINDS`.
    """

    positions: Tensor
    actions: Tensor
    state: State
    kind: Tensor


def kinds_of(config: ExploreConfig, count: int, generator: Generator) -> Tensor:
    draw = torch.rand(count, generator=generator)
    edges = torch.tensor((config.push, config.door, config.still)).cumsum(0)
    kinds = torch.tensor((PUSH, DOOR, STILL, WANDER))
    return kinds[torch.bucketize(draw, edges, right=True)]


def lengths_of(config: ExploreConfig, kind: Tensor, steps: int, generator: Generator) -> Tensor:
    """Step lengths `[B, steps]` in px, each kept for `hold` steps."""
    low, high = config.step_range
    drawn = _held(torch.rand(len(kind), steps + 2 * config.hold, generator=generator), steps, config.hold, generator)
    # Half of the resting trajectories rest exactly, the others creep at less than the shortest step.
    creep = torch.where(torch.rand(len(kind), generator=generator) < 0.5, 0.0, low)[:, None]
    lengths = low + (high - low) * drawn
    if config.full:  # nothing is drawn for a share of none, so that older seeds still draw what they did
        full = torch.rand(len(kind), generator=generator) < config.full
        lengths = torch.where(full[:, None], high, lengths)
    return torch.where((kind == STILL)[:, None], creep * drawn, lengths)


def _held(draws: Tensor, steps: int, hold: int, generator: Generator) -> Tensor:
    """Values `[B, steps]` that stay for `hold` steps, each row beginning somewhere within a stay."""
    phase = torch.randint(hold, (len(draws), 1), generator=generator)
    return draws.gather(1, (torch.arange(steps) + phase) // hold)


def headings_of(config: ExploreConfig, kind: Tensor, pushes: Tensor, steps: int, generator: Generator) -> Tensor:
    """Headings `[B, steps]` in radians; for a crossing, its error around the heading that leads there."""
    count, hold = len(kind), config.hold
    turns = config.heading_std * torch.randn(count, steps + 2 * hold, generator=generator)
    anywhere = 2 * math.pi * torch.rand(count, steps, generator=generator)
    wander = anywhere[:, :1] + turns[:, :steps].cumsum(1)
    # A heading kept for `hold` steps then turns by as much as the walk would have turned in them.
    blocks = anywhere[:, :1] + _held(math.sqrt(hold) * turns.cumsum(1), steps, hold, generator)
    held = torch.rand(count, generator=generator) < config.held_headings
    wander = torch.where(held[:, None], blocks, wander)
    error = _held(turns, steps, hold, generator)

    gives_up = torch.rand(count, steps, generator=generator) < 1 / config.push_steps
    since = torch.where(gives_up, torch.arange(steps), -1).cummax(1).values
    push = torch.where(since < 0, pushes[:, None], anywhere.gather(1, since.clamp(min=0)))
    by_kind = torch.stack((wander, push, error, wander))
    return by_kind[kind, torch.arange(count)]


def unit(heading: Tensor) -> Tensor:
    return torch.stack((heading.cos(), heading.sin()), -1)
