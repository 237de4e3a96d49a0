"""What is recorded in a T-maze: waits of many lengths, walks down either arm as often right as wrong, and some that lead nowhere.

Nothing in a recording tells which arm is right but the cue at its start and where the walk ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from gedanken import __version__
from gedanken.environments.dot_world import limited
from gedanken.environments.t_maze import TMaze
from gedanken.environments.t_maze_geometry import is_open
from gedanken.environments.walks import unit
from gedanken.errors import BadInput
from gedanken.types import Episode, Provenance, State

_DRAWN_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class VisitConfig:
    """How visits are mixed.

    Args:
        waits: environment steps until the gate opens after the cue is gone, drawn from [low, high).
        restless: share that moves about while it waits; the others rest.
        roaming: share that goes nowhere in particular once the gate is open.
        astray: share of the stretches of `hold` steps in which a walk goes anywhere.
        heading_std: error of a walk's heading, in radians.
        hold: environment steps for which a length, and what goes astray, is kept.
        slow: share of the stretches whose step is shorter than the longest.
    """

    waits: tuple[int, int] = (4, 49)
    restless: float = 0.4
    roaming: float = 0.3
    astray: float = 0.15
    heading_std: float = 0.4
    hold: int = 4
    slow: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.waits[0] < self.waits[1] or self.hold < 1 or self.heading_std < 0:
            raise BadInput(f"waits={self.waits} must rise from at least 0, and hold={self.hold} be at least 1.")
        if not all(0 <= share <= 1 for share in (self.restless, self.roaming, self.astray, self.slow)):
            raise BadInput("restless, roaming, astray and slow are shares from 0 to 1.")


def visits(
    world: TMaze, episodes: int, steps: int, seed: int, *, split: str = "default", config: VisitConfig | None = None
) -> Iterator[Episode]:
    """Episodes of `steps` + 1 frames, one by one; equal seeds, equal pixels.

    Raises:
        BadInput: `episodes` or `steps` is below 1.
        UnknownName: there is no such split of looks.
    """
    if episodes < 1 or steps < 1:
        raise BadInput(f"episodes={episodes} and steps={steps} must be at least 1.")
    generator, config = Generator().manual_seed(seed), config or VisitConfig()
    provenance = Provenance(
        source=f"{world.id}:visits",
        licence="CC0-1.0",
        note=f"shown={world.shown} split={split} seed={seed}",
        ingested_by=f"gedanken {__version__}",
    )
    for first in range(0, episodes, _DRAWN_AT_ONCE):
        count = min(_DRAWN_AT_ONCE, episodes - first)
        start, positions, actions = _visited(world, count, steps, generator, split, config)
        for seen, done in zip(world.render(start, positions), actions, strict=True):
            streams = {"pixels": seen.numpy().copy()}
            yield Episode(streams, done.numpy().copy(), world.streams, world.action, provenance=provenance)


def _visited(
    world: TMaze, count: int, steps: int, generator: Generator, split: str, config: VisitConfig
) -> tuple[State, Tensor, Tensor]:
    """Where `count` visits begin, their positions `[B, L, 2]` and actions `[B, L-1, 2]`."""
    start, goal = world.pairs(count, generator)
    waits = torch.randint(*config.waits, (count,), generator=generator)
    start = {**start, **world.factors(split, count, generator), "delay": world.shown + waits}
    restless, roams, wrong = torch.rand(3, count, generator=generator)
    pit = torch.tensor(world.config.pit)
    aim = {**goal, "position": torch.where((wrong < 0.5)[:, None], pit, goal["position"])}
    now, positions, actions = start, [start["position"]], list[Tensor]()
    drawn = _Drawn.of(count, steps, generator, config)
    for step in range(steps):
        anywhere = unit(drawn.headings[step])
        ahead = world.expert(now, aim)
        turn = drawn.errors[step].cos(), drawn.errors[step].sin()
        led = torch.stack(
            (turn[0] * ahead[:, 0] - turn[1] * ahead[:, 1], turn[1] * ahead[:, 0] + turn[0] * ahead[:, 1]), -1
        )
        led = led / world.config.max_step
        landed = (now["position"] - aim["position"]).norm(dim=-1) < world.config.goal_radius
        idle = ~is_open(now) | landed
        lost = (roams < config.roaming) | (drawn.astray[step] < config.astray)
        moved = torch.where(lost[:, None], anywhere, led)
        moved = torch.where(idle[:, None], anywhere * (restless < config.restless)[:, None], moved)
        action = limited(world.config, world.config.max_step * drawn.lengths[step][:, None] * moved)
        now = world.step(now, action)
        positions.append(now["position"])
        actions.append(action)
    return start, torch.stack(positions, 1), torch.stack(actions, 1)


@dataclass(frozen=True)
class _Drawn:
    """All chance of a batch of visits, `[steps, B]` each."""

    headings: Tensor
    errors: Tensor
    astray: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, count: int, steps: int, generator: Generator, config: VisitConfig) -> _Drawn:
        stretches = -(-steps // config.hold)
        turns, astray, slow, length = (
            torch.rand(4, stretches, count, generator=generator).repeat_interleave(config.hold, 1)[:, :steps].unbind(0)
        )
        errors = config.heading_std * torch.randn(steps, count, generator=generator)
        lengths = torch.where(slow < config.slow, length, 1.0)
        return cls(2 * math.pi * turns + 0.3 * errors, errors, astray, lengths)
