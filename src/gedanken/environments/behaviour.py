"""Data for a world model must hold what a planner will try: every step length, long pushes on walls, crossings, rest.

A model that never saw a wall pushed at full speed imagines walking through it, and plans do so. `explore` mixes four
kinds of trajectory for Two Rooms; `collect` draws them into episodes. Heading random walk and the share aimed through
the door after EB-JEPA (arXiv:2602.03604).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from gedanken import __version__
from gedanken.contracts import EpisodeStore, World
from gedanken.environments.dot_blocks import move
from gedanken.environments.dot_world import DotWorld
from gedanken.environments.two_rooms import TwoRooms
from gedanken.environments.two_rooms_geometry import Walls
from gedanken.environments.walks import (
    DOOR,
    PUSH,
    Exploration,
    ExploreConfig,
    headings_of,
    kinds_of,
    lengths_of,
    unit,
)
from gedanken.environments.wander import wander
from gedanken.errors import BadInput
from gedanken.types import Episode, Provenance, State

PUSH_RUN_UP = 6.0  # px, at most, between a pushing trajectory's start and what it pushes
DRAWN_AT_ONCE = 64  # episodes whose pixels are in memory together


def random_policy(world: World, count: int, steps: int, generator: Generator) -> Tensor:
    """Independent actions `[B, steps, width]`, uniform in the box of the world's action and cut to its norm."""
    low, high = torch.tensor(world.action.low), torch.tensor(world.action.high)
    actions = low + (high - low) * torch.rand(count, steps, world.action.width, generator=generator)
    if world.action.norm is None:
        return actions
    return actions * (world.action.norm / actions.norm(dim=-1, keepdim=True).clamp(min=world.action.norm))


def explore(
    world: TwoRooms,
    episodes: int,
    steps: int,
    generator: Generator,
    *,
    split: str = "default",
    config: ExploreConfig | None = None,
) -> Exploration:
    """Walk `episodes` worlds for `steps` environment steps each, so L = steps + 1 frames.

    Args:
        world: where to walk.
        episodes: number of trajectories, B.
        steps: number of actions in each.
        generator: the only source of chance.
        split: factors of variation to draw looks from: `default`, `train` or `test`.
        config: the mixture.
    Raises:
        BadInput: `episodes` or `steps` is below 1.
        UnknownName: there is no such split.
    """
    if episodes < 1 or steps < 1:
        raise BadInput(f"episodes={episodes} and steps={steps} must be at least 1.")
    config = config or ExploreConfig()
    state = {**world.sample(episodes, generator), **world.factors(split, episodes, generator)}
    kind = kinds_of(config, episodes, generator)
    lengths = lengths_of(config, kind, steps, generator)
    pushes = _push_directions(world, state, generator)
    headings = headings_of(config, kind, pushes, steps, generator)
    goal, before_door = _crossings(world, state, lengths.sum(1), generator)
    start = torch.where((kind == PUSH)[:, None], _near_surface(world, state, pushes, generator), state["position"])
    start = torch.where((kind == DOOR)[:, None], before_door, start)
    return _walk(world, {**state, "position": start}, goal, kind, headings, lengths)


def episodes_of(
    world: DotWorld,
    episodes: int,
    steps: int,
    seed: int,
    *,
    split: str = "default",
    config: ExploreConfig | None = None,
) -> Iterator[Episode]:
    """The trajectories of `explore`, or in other worlds of `wander`, one by one as drawn `Episode`s of `steps` + 1 frames.

    Equal seeds, equal pixels.
    """
    generator = Generator().manual_seed(seed)
    made = " ".join(f"{name}={value}" for name, value in world.options.items())
    provenance = Provenance(
        source=f"{world.id}:{'explore' if isinstance(world, TwoRooms) else 'wander'}",
        licence="CC0-1.0",
        note=f"{made} split={split} seed={seed}",
        ingested_by=f"gedanken {__version__}",
    )
    for first in range(0, episodes, DRAWN_AT_ONCE):
        count = min(DRAWN_AT_ONCE, episodes - first)
        if isinstance(world, TwoRooms):
            walked = explore(world, count, steps, generator, split=split, config=config)
        else:
            walked = wander(world, count, steps, generator, split=split, config=config)
        pixels = world.render(walked.state, walked.positions)
        for seen, done in zip(pixels, walked.actions, strict=True):
            # Each episode owns its arrays: one that is kept must not keep its whole batch in memory.
            streams = {"pixels": seen.numpy().copy()}
            yield Episode(streams, done.numpy().copy(), world.streams, world.action, provenance=provenance)


def collect(
    world: DotWorld,
    store: EpisodeStore,
    episodes: int,
    steps: int,
    seed: int,
    *,
    split: str = "default",
    config: ExploreConfig | None = None,
) -> None:
    """Append `episodes` drawn episodes of `steps` actions each to `store`."""
    for episode in episodes_of(world, episodes, steps, seed, split=split, config=config):
        store.append(episode)


def _walk(
    world: TwoRooms, state: dict[str, Tensor], goal: State, kind: Tensor, headings: Tensor, lengths: Tensor
) -> Exploration:
    now, positions, actions = state, [state["position"]], []
    for heading, length in zip(headings.unbind(1), lengths.unbind(1), strict=True):
        # Until it is there, a crossing follows the expert's heading and `heading` is only its error.
        ahead = world.expert(now, goal)
        aimed = (kind == DOOR) & ~world.reached(now, goal)
        heading = torch.where(aimed, heading + torch.atan2(ahead[:, 1], ahead[:, 0]), heading)
        action = world.limited(length[:, None] * unit(heading))
        now = world.step(now, action)
        actions.append(action)
        positions.append(now["position"])
    return Exploration(torch.stack(positions, 1), torch.stack(actions, 1), state, kind)


def _push_directions(world: TwoRooms, state: State, generator: Generator) -> Tensor:
    """Headings `[B]` in radians: a third anywhere, a third at the wall, a third at a jamb of the door."""
    count = len(state["wall_x"])
    share, choice, side = torch.rand(3, count, generator=generator)
    config = world.config
    along_wall = config.low + (config.high - config.low) * share
    at_jamb = state["door_y"] + torch.where(side < 0.5, -1, 1) * config.door_half + 4 * (share - 0.5)
    row = torch.where(choice < 2 / 3, along_wall, at_jamb)
    aim = torch.atan2(row - state["position"][:, 1], state["wall_x"] - state["position"][:, 0])
    return torch.where(choice < 1 / 3, 2 * math.pi * share, aim)


def _near_surface(world: TwoRooms, state: State, headings: Tensor, generator: Generator) -> Tensor:
    """Positions from which the heading soon meets its first surface."""
    ahead = unit(headings)
    walls = Walls.of(world.config, state["wall_x"], state["door_y"]).blocks
    contact = move(world.config, walls, state["position"], world.config.scale * 2 * ahead)
    run = (contact - state["position"]).norm(dim=-1)
    back = PUSH_RUN_UP * torch.rand(len(run), generator=generator)
    return move(world.config, walls, state["position"], (run - back).clamp(min=0)[:, None] * ahead)


def _crossings(world: TwoRooms, state: State, reach: Tensor, generator: Generator) -> tuple[State, Tensor]:
    """A goal behind the door for each world, and a start `[B, 2]` before it from which `reach` px lead through."""
    share = torch.rand(3, len(reach), generator=generator)
    from_left = share[0] < 0.5
    goal = {**state, "position": world.in_room(state, ~from_left, generator)}
    walls = Walls.of(world.config, state["wall_x"], state["door_y"])
    door = torch.stack((torch.where(from_left, walls.left, walls.right), state["door_y"]), -1)
    slope = math.radians(120) * (share[1] - 0.5)
    out = torch.stack((torch.where(from_left, -slope.cos(), slope.cos()), slope.sin()), -1)
    return goal, move(world.config, walls.blocks, door, (0.8 * reach * share[2])[:, None] * out)
