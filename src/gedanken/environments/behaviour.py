"""Data for a world model must hold what a planner will try: every step length, long pushes on walls, crossings, rest.

A model that never saw a wall pushed at full speed imagines walking through it, and plans do so. `explore` mixes four
kinds of trajectory for Two Rooms; `collect` draws them into episodes. Heading random walk and the share aimed through
the door after EB-JEPA (arXiv:2602.03604).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from gedanken import __version__
from gedanken.contracts import EpisodeStore, World
from gedanken.environments.two_rooms import TwoRooms
from gedanken.environments.two_rooms_geometry import Walls, move
from gedanken.errors import BadInput
from gedanken.types import Episode, Provenance, State

KINDS = ("wander", "push", "door", "still")
WANDER, PUSH, DOOR, STILL = range(4)
PUSH_RUN_UP = 6.0  # px, at most, between a pushing trajectory's start and what it pushes
DRAWN_AT_ONCE = 64  # episodes whose pixels are in memory together


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
    kind = _kinds(config, episodes, generator)
    lengths = _lengths(config, kind, steps, generator)
    pushes = _push_directions(world, state, generator)
    headings = _headings(config, kind, pushes, steps, generator)
    goal, before_door = _crossings(world, state, lengths.sum(1), generator)
    start = torch.where((kind == PUSH)[:, None], _near_surface(world, state, pushes, generator), state["position"])
    start = torch.where((kind == DOOR)[:, None], before_door, start)
    return _walk(world, {**state, "position": start}, goal, kind, headings, lengths)


def episodes_of(
    world: TwoRooms,
    episodes: int,
    steps: int,
    seed: int,
    *,
    split: str = "default",
    config: ExploreConfig | None = None,
) -> Iterator[Episode]:
    """The trajectories of `explore` one by one as drawn `Episode`s of `steps` + 1 frames; equal seeds, equal pixels."""
    generator = Generator().manual_seed(seed)
    provenance = Provenance(
        source=f"{world.id}:explore",
        licence="CC0-1.0",
        note=f"wall={world.wall} split={split} seed={seed}",
        ingested_by=f"gedanken {__version__}",
    )
    for first in range(0, episodes, DRAWN_AT_ONCE):
        count = min(DRAWN_AT_ONCE, episodes - first)
        walked = explore(world, count, steps, generator, split=split, config=config)
        pixels = world.render(walked.state, walked.positions)
        for seen, done in zip(pixels, walked.actions, strict=True):
            # Each episode owns its arrays: one that is kept must not keep its whole batch in memory.
            streams = {"pixels": seen.numpy().copy()}
            yield Episode(streams, done.numpy().copy(), world.streams, world.action, provenance=provenance)


def collect(
    world: TwoRooms,
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
        action = world.limited(length[:, None] * _unit(heading))
        now = world.step(now, action)
        actions.append(action)
        positions.append(now["position"])
    return Exploration(torch.stack(positions, 1), torch.stack(actions, 1), state, kind)


def _kinds(config: ExploreConfig, count: int, generator: Generator) -> Tensor:
    draw = torch.rand(count, generator=generator)
    edges = torch.tensor((config.push, config.door, config.still)).cumsum(0)
    kinds = torch.tensor((PUSH, DOOR, STILL, WANDER))
    return kinds[torch.bucketize(draw, edges, right=True)]


def _lengths(config: ExploreConfig, kind: Tensor, steps: int, generator: Generator) -> Tensor:
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


def _headings(config: ExploreConfig, kind: Tensor, pushes: Tensor, steps: int, generator: Generator) -> Tensor:
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
    ahead = _unit(headings)
    walls = Walls.of(world.config, state["wall_x"], state["door_y"])
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
    return goal, move(world.config, walls, door, (0.8 * reach * share[2])[:, None] * out)


def _unit(heading: Tensor) -> Tensor:
    return torch.stack((heading.cos(), heading.sin()), -1)
