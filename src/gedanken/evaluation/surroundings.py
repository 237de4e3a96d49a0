"""The places around a task and how they look to a model: what it takes to say what a latent stands for.

A world cannot be asked for all states of one layout, but it can be walked in. Walks of straight pieces set out from the
expert's way to the goal, from the way that an episode took, and from the goal itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.contracts import World, WorldModel
from gedanken.environments import random_policy
from gedanken.evaluation.true_state import StateVector, rows_in, rows_of
from gedanken.types import State

_WAY, _TRAIL, _GOAL = 32, 16, 16  # walks from moments of the expert's way, of the episode's, and from the goal
_PIECES, _PIECE = 5, 8  # straight pieces of a walk, and environment steps in each
_HALVINGS = 24  # of the way from a goal to a start: the edge of the goal to a millionth
_ENCODED = 512  # states drawn and encoded at a time


@dataclass(frozen=True)
class Surroundings:
    """What is known around the goals of F tasks: K places each.

    Args:
        goals: latents `[F, P, D]`.
        places: latents `[F, K, P, D]`.
        ways: length of the true way from each place to its goal, in the world's own unit.
        radius: how far from a goal still counts as there, in a straight line, in the state's own unit.
        there: squared latent distance from each place to its goal; NaN for a place that is not at the goal, or is the
            goal itself.
    """

    goals: Float[Tensor, "F P D"]
    places: Float[Tensor, "F K P D"]
    ways: Float[Tensor, "F K"]
    radius: float
    there: Float[Tensor, "F K"]

    def at_goal(self, share: float) -> Float[Tensor, " F"]:
        """The latent distance below which this share of the places at each goal lies; 0 where no such place is known."""
        return self.there.nanquantile(share, dim=1).nan_to_num(0.0)


@torch.no_grad()
def surroundings(
    world: World, model: WorldModel, start: State, goal: State, trail: State, seed: int = 0
) -> Surroundings:
    """Walk around F tasks, and look.

    Args:
        world: where the tasks lie.
        model: encodes what is seen.
        start, goal: states of the tasks.
        trail: physical entries of the states an episode of each passed, `[F, L, ...]`; an expert is given as long.
        seed: of the walks.
    """
    known = _walked(world, start, goal, trail, Generator().manual_seed(seed))
    count = rows_in(start)
    aims = {name: values.repeat_interleave(rows_in(known) // count, dim=0) for name, values in goal.items()}
    goals, places = looks(world, model, goal), looks(world, model, known).unflatten(0, (count, -1))
    ways, radius = world.distance(known, aims).view(count, -1), _radius(world, start, goal)
    # The expert ends on the goal itself, which says nothing of how its surroundings look.
    there = world.reached(known, aims).view(count, -1) & (ways > radius / 100)
    apart = (places - goals[:, None]).square().mean(dim=(2, 3))
    return Surroundings(goals, places, ways, radius, apart.masked_fill(~there, torch.nan))


@torch.no_grad()
def looks(world: World, model: WorldModel, state: State) -> Float[Tensor, "rows P D"]:
    """Latents of what is seen in each row of a state."""
    parts = []
    for rows in torch.arange(rows_in(state)).split(_ENCODED):
        seen = world.observe(rows_of(state, rows))
        parts.append(model.encode({name: values[:, None] for name, values in seen.items()})[:, 0])
    return torch.cat(parts)


def _walked(world: World, start: State, goal: State, trail: State, generator: Generator) -> dict[str, Tensor]:
    """The places, F · K rows, those of one task next to each other."""
    length = next(iter(trail.values())).shape[1]
    way = [start]
    for _ in range(length - 1):
        way.append(world.step(way[-1], world.expert(way[-1], goal)))
    passed = [
        {**start, **{name: values[:, moment] for name, values in trail.items()}} for moment in _spread(length, _TRAIL)
    ]
    begun = [*(way[moment] for moment in _spread(length, _WAY)), *passed, *[goal] * _GOAL]
    moments: list[State] = [{name: torch.cat([state[name] for state in begun]) for name in start}]
    for _ in range(_PIECES):
        state = moments[-1]
        # Pieces of all lengths: what looks like the goal is decided near it.
        share = torch.rand(rows_in(state), 1, generator=generator)
        action = share * random_policy(world, rows_in(state), 1, generator)[:, 0]
        for _ in range(_PIECE):
            state = world.step(state, action)
        moments.append(state)
    count = rows_in(start)
    # In each moment the tasks follow each other anew, so they are stacked as [places, F] and turned round.
    stacked = {name: torch.cat([moment[name] for moment in moments]).unflatten(0, (-1, count)) for name in start}
    return {name: values.transpose(0, 1).flatten(0, 1) for name, values in stacked.items()}


def _spread(length: int, count: int) -> list[int]:
    """`count` evenly spaced moments of `length`, the first and the last among them."""
    return torch.linspace(0, length - 1, count).round().long().tolist()


def _radius(world: World, start: State, goal: State) -> float:
    """Where the straight line from each goal to its start leaves the goal; the median of all tasks."""
    vector = StateVector(world)
    far, near = vector.pack(start), vector.pack(goal)
    inside, outside = torch.zeros(len(far), 1), torch.ones(len(far), 1)
    for _ in range(_HALVINGS):
        share = (inside + outside) / 2
        there = world.reached({**goal, **vector.unpack(near + share * (far - near))}, goal)[:, None]
        inside, outside = torch.where(there, share, inside), torch.where(there, outside, share)
    return float((outside * (far - near)).norm(dim=1).median())
