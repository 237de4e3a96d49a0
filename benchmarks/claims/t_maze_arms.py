"""How an episode of the T-maze is lived through: what is seen is kept, the wait is rested through, and then the agent plans.

**The wait is stepped at once, and nothing of it is left out of the memory.** While the gate is shut and nothing is done, every
frame is the same: so it is drawn and encoded once, and written as often as it was seen, one moment a model step with its own time
(`Agent.rest`). A wait of 100,000 environment steps puts 25,000 moments into the file, and the search compares all of them.
What a memory holds besides: moments of other worlds, and earlier visits, each with a cue and the walk to where it led.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Generator, Tensor

from gedanken.encoders import fingerprint
from gedanken.environments import TMaze
from gedanken.environments.t_maze_walks import VisitConfig, visits
from gedanken.errors import BadInput
from gedanken.evaluation.true_state import rows_in, rows_of
from gedanken.memory import EpisodicMemory
from gedanken.models import JEPA
from gedanken.recipes.keep import encoded
from gedanken.recipes.saved import Loaded
from gedanken.recipes.t_maze import strangers
from gedanken.types import Moment, State

ARMS = ("memory", "no memory", "gru", "transformer", "random")
MOST_STEPS = 30
"""Model steps that an agent has once the gate is open; the walk takes about eight."""
LIVES, STRANGERS = 3, 96
"""Earlier visits and moments of other worlds in each memory."""
_BEGAN = 1_000_000.0
_POOL = 24


@dataclass(frozen=True)
class Lived:
    """How each episode ended, and at what cost.

    Args:
        prize: down the right shaft `[B]`.
        pit: down the wrong one `[B]`; neither is an agent that did not arrive.
        moments: in a memory when the agent first planned.
        waiting: core-seconds an episode until the gate opened, what was written included.
        planning: core-seconds an episode after it.
    """

    prize: Tensor
    pit: Tensor
    moments: int
    waiting: float
    planning: float


def lived(arm: str, world: TMaze, loaded: Loaded, pairs: tuple[State, State], seed: int) -> Lived:
    """Live through the episodes of `pairs` by one arm.

    Raises:
        BadInput: there is no such arm.
    """
    if arm not in ARMS:
        raise BadInput(f"no arm {arm!r}; there are {', '.join(ARMS)}.")
    start, goal = ({name: _typed(name, values) for name, values in state.items()} for state in pairs)
    start = {**start, "delay": torch.full_like(start["clock"], world.delay)}
    count = rows_in(start)
    if arm != "memory":
        return _lived(arm, world, loaded, (start, goal), seed, None)
    found, past = list[Lived](), earlier(world, loaded.model, seed)
    for row in range(count):
        one = rows_of(start, slice(row, row + 1)), rows_of(goal, slice(row, row + 1))
        with TemporaryDirectory() as folder:
            path = Path(folder) / "life.db"
            with EpisodicMemory.open(path, fingerprint(loaded.model.encoder)) as memory:
                past.write(memory, Generator().manual_seed(1000 * seed + row))
                found.append(_lived(arm, world, loaded, one, seed + row, memory))
    return _together(found)


def _lived(
    arm: str, world: TMaze, loaded: Loaded, pairs: tuple[State, State], seed: int, memory: EpisodicMemory | None
) -> Lived:
    state, goal = pairs
    if arm == "random":
        pit = torch.tensor(world.config.pit)
        wrong = torch.rand(rows_in(state), 1, generator=Generator().manual_seed(seed)) < 0.5
        goal = {**goal, "position": torch.where(wrong, pit, goal["position"])}
    agent = loaded.agent(seed, memory)
    skip, now = loaded.model.frame_skip, _BEGAN
    agent.clock = lambda: now
    began = time.process_time()
    agent.begin(world.observe(goal))
    for steps in _stretches(world, skip):
        if arm != "random":
            agent.rest(world.observe(state), steps)
        state, now = world.rest(state, steps * skip), now + steps * skip / 10.0
    waiting, held = time.process_time() - began, 0 if memory is None else len(memory)
    began = time.process_time()
    for _ in range(MOST_STEPS):
        actions = [None] * skip if arm == "random" else agent.act(world.observe(state)).steps()
        for action in actions:
            # Chance is an arm drawn beforehand, and the expert's way there.
            state = world.step(state, world.expert(state, goal) if action is None else action)
            now += 0.1
    spent, count = time.process_time() - began, rows_in(state)
    y = state["position"][:, 1]
    prize, pit = y < world.config.rows[0], y > world.config.rows[6]
    return Lived(prize, pit, held, waiting / count, spent / count)


def _stretches(world: TMaze, skip: int) -> list[int]:
    """Model steps in which what is seen stays the same: with the cue, and without."""
    shown = -(-world.shown // skip)
    return [1] * shown + [world.delay // skip - shown]


@dataclass(frozen=True)
class Past:
    """What a memory holds of before: visits `[L, P, D]` each, and moments of other worlds `[n, P, D]`."""

    visits: Sequence[Tensor]
    others: Tensor

    def write(self, memory: EpisodicMemory, generator: Generator) -> None:
        """Write some visits, drawn anew for each memory, and all other moments; the last visit ended an hour ago."""
        drawn = torch.randperm(len(self.visits), generator=generator)[:LIVES]
        moments = [Moment(each, "elsewhere", _BEGAN - 50_000.0 + k) for k, each in enumerate(self.others)]
        for place, which in enumerate(drawn.tolist()):
            then = _BEGAN - 3600.0 * (LIVES - place)
            moments += [Moment(each, f"visit-{place}", then + 0.4 * k) for k, each in enumerate(self.visits[which])]
        memory.write(moments)


def earlier(world: TMaze, model: JEPA, seed: int) -> Past:
    """What memories hold of before: visits by those who took part in no other, and moments of other worlds."""
    short = TMaze(delay=world.shown, shown=world.shown)
    episodes = visits(short, _POOL, 112, 5_000_000 + seed, config=VisitConfig(restless=0.0, roaming=0.0))
    latents, _, _ = encoded(model, episodes)
    return Past(latents, strangers(model, STRANGERS, 7_000_000 + seed))


def _typed(name: str, values: Tensor) -> Tensor:
    return values.long() if name in ("cue", "clock", "delay") else values


def _together(parts: Sequence[Lived]) -> Lived:
    count = len(parts)
    return replace(
        parts[0],
        prize=torch.cat([each.prize for each in parts]),
        pit=torch.cat([each.pit for each in parts]),
        waiting=sum(each.waiting for each in parts) / count,
        planning=sum(each.planning for each in parts) / count,
    )
