"""Data that covers a world without showing a way through it: short walks from anywhere, and none as long as a task.

A planner that succeeds on such data has put the way together itself (stitching: OGBench, arXiv:2410.20092). Walks turn where a
wall stops them, half of the time; the others push on, since a model that never saw a wall pushed imagines walking through it.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from gedanken.environments.dot_world import DotWorld, anywhere_free, limited
from gedanken.environments.walks import PUSH, Exploration, ExploreConfig, headings_of, kinds_of, lengths_of, unit
from gedanken.errors import BadInput
from gedanken.types import State

WANDERING = ExploreConfig(door=0.0)
_USUAL_STEP = 1.8  # px: `ExploreConfig` gives lengths for a dot whose longest step is this
_BLOCKED = 0.5  # of the wanted move: less than this, and a wall was met
_TURNS = 0.5  # share of the meetings after which a walk goes elsewhere
_TRIES = 100


def wander(
    world: DotWorld,
    episodes: int,
    steps: int,
    generator: Generator,
    *,
    split: str = "default",
    config: ExploreConfig | None = None,
    layout: State | None = None,
) -> Exploration:
    """Walk `episodes` worlds for `steps` environment steps each; no walk holds a whole route (`DotWorld.whole_route`).

    Args:
        world: where to walk.
        episodes: number of trajectories, B.
        steps: number of actions in each, so L = steps + 1 frames.
        generator: the only source of chance.
        split: factors of variation to draw looks from: `default`, `train` or `test`.
        layout: a state whose first row says which walls to walk between; None draws walls anew for each walk.
        config: the mixture, without `door`; lengths are for a dot whose longest step is 1.8 px, and scaled to this world's.
    Raises:
        BadInput: `episodes` or `steps` is below 1, some are to be led through doors, or nearly all walks of so many steps hold a
            whole route.
        UnknownName: there is no such split.
    """
    config = config or WANDERING
    if episodes < 1 or steps < 1:
        raise BadInput(f"episodes={episodes} and steps={steps} must be at least 1.")
    if config.door:
        raise BadInput(f"door={config.door}: nothing leads through the doors of {world.id!r}; give 0.")
    walked = _walked(world, episodes, steps, generator, split, config, layout)
    for _ in range(_TRIES):
        again = world.whole_route(walked.state, walked.positions).nonzero()[:, 0]
        if not len(again):
            return walked
        walked = _with_rows(walked, again, _walked(world, len(again), steps, generator, split, config, layout))
    raise BadInput(f"walks of steps={steps} nearly all lead as far as a task of {world.id!r}; walk for fewer.")


def _walked(
    world: DotWorld,
    count: int,
    steps: int,
    generator: Generator,
    split: str,
    config: ExploreConfig,
    layout: State | None,
) -> Exploration:
    state = {**_anywhere(world, count, generator, layout), **world.factors(split, count, generator)}
    kind = kinds_of(config, count, generator)
    lengths = lengths_of(config, kind, steps, generator) * (world.config.max_step / _USUAL_STEP)
    pushes = 2 * math.pi * torch.rand(count, generator=generator)
    headings = headings_of(config, kind, pushes, steps, generator)
    chance = torch.rand(2, steps, count, generator=generator)
    now, turned, positions, actions = state, torch.zeros(count), [state["position"]], list[Tensor]()
    for step, (heading, length) in enumerate(zip(headings.unbind(1), lengths.unbind(1), strict=True)):
        action = limited(world.config, length[:, None] * unit(heading + turned))
        after = dict(world.step(now, action))
        blocked = (after["position"] - now["position"]).norm(dim=-1) < _BLOCKED * action.norm(dim=-1)
        elsewhere = blocked & (kind != PUSH) & (chance[0, step] < _TURNS)
        turned = torch.where(elsewhere, 2 * math.pi * chance[1, step], turned)
        now = after
        actions.append(action)
        positions.append(now["position"])
    return Exploration(torch.stack(positions, 1), torch.stack(actions, 1), state, kind)


def _anywhere(world: DotWorld, count: int, generator: Generator, layout: State | None) -> State:
    if layout is None:
        return world.sample(count, generator)
    walls = {name: values[:1].expand(count, *values.shape[1:]).clone() for name, values in layout.items()}
    return {**walls, "position": anywhere_free(world.config, world.blocks(walls), count, generator)}


def _with_rows(walked: Exploration, rows: Tensor, part: Exploration) -> Exploration:
    state: State = {name: values.index_copy(0, rows, part.state[name]) for name, values in walked.state.items()}
    positions = walked.positions.index_copy(0, rows, part.positions)
    actions = walked.actions.index_copy(0, rows, part.actions)
    return Exploration(positions, actions, state, walked.kind.index_copy(0, rows, part.kind))
