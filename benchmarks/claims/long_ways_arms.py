"""The agents that a claim of long ways compares, and the walks that their landmarks are remembered from.

All plan with one model. A memory is made in each layout of walks by the same policy that training data came from, none of which
holds a whole route; what they cost is counted to whoever uses them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Generator, Tensor

from gedanken.agent import Agent
from gedanken.encoders import fingerprint
from gedanken.environments import DotWorld, random_policy, wander
from gedanken.errors import BadInput
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.policy import Choice
from gedanken.evaluation.true_state import rows_in, rows_of
from gedanken.memory import EpisodicMemory, LandmarkConfig, LandmarkGraph
from gedanken.planners import MPPIConfig
from gedanken.recipes import Loaded
from gedanken.recipes.long_ways import NEAR
from gedanken.types import Moment, Observation, State

ARMS = ("flat", "flat, 10x", "levels", "graph", "auto-depth", "random")
WALKS, WALK_STEPS = 80, 40
_MORE = 10 // 2
"""Candidates are as many times more for ten times the compute, rounds twice as many."""


@dataclass(frozen=True)
class Driven:
    """What came of one arm: success at the last step, core-seconds of planning and of remembering an episode."""

    success: Tensor
    planning: float
    remembering: float


class RandomWalker:
    """Acts by chance."""

    def __init__(self, world: DotWorld, seed: int) -> None:
        self.world, self.generator, self.count = world, Generator().manual_seed(seed), 0

    def begin(self, goal: Observation) -> None:
        """Look at nothing but how many goals there are."""
        self.count = len(next(iter(goal.values())))

    def act(self, observation: Observation) -> Choice:
        """One action, held for four steps."""
        return Choice(random_policy(self.world, self.count, 1, self.generator)[:, 0].repeat(1, 4))


def driven(arm: str, world: DotWorld, loaded: Loaded, pairs: tuple[State, State], steps: int, seed: int) -> Driven:
    """Drive all pairs by one arm, those of one layout side by side."""
    start, goal = pairs
    success = torch.zeros(rows_in(start), dtype=torch.bool)
    planning = remembering = 0.0
    for rows in _by_layout(start):
        some = rows_of(start, rows), rows_of(goal, rows)
        with TemporaryDirectory() as folder:
            began = time.process_time()
            policy, memory = _policy(arm, world, loaded, some[0], seed, Path(folder))
            remembering += time.process_time() - began
            try:
                result = evaluate_planning(world, policy, some, steps)
            finally:
                if memory is not None:
                    memory.close()
        success[rows] = result.success
        planning += result.core_seconds * len(rows)
    return Driven(success, planning / len(success), remembering / len(success))


def _policy(
    arm: str, world: DotWorld, loaded: Loaded, state: State, seed: int, folder: Path
) -> tuple[Agent | RandomWalker, EpisodicMemory | None]:
    if arm not in ARMS:
        raise BadInput(f"no arm {arm!r}; there are {', '.join(ARMS)}.")
    if arm == "random":
        return RandomWalker(world, seed), None
    config = loaded.recipe.agent
    near = replace(loaded, recipe=replace(loaded.recipe, agent=replace(config, near=NEAR)))
    if arm == "flat":
        return _alone(loaded.agent(seed)), None
    if arm == "levels":
        return near.agent(seed), None
    if arm == "flat, 10x":
        more = [
            replace(each, candidates=_MORE * each.candidates, rounds=2 * each.rounds)
            for each in (config.warm, config.cold)
            if isinstance(each, MPPIConfig)
        ]
        recipe = replace(loaded.recipe, agent=replace(config, warm=more[0], cold=more[1]))
        return _alone(replace(loaded, recipe=recipe).agent(seed)), None
    model = loaded.model
    assert model.reach_head is not None
    memory = EpisodicMemory.open(folder / "walks.db", fingerprint(model.encoder))
    ids = remember_walks(world, loaded, state, memory, seed)
    settings = LandmarkConfig(direct=0.0) if arm == "graph" else LandmarkConfig()
    graph = LandmarkGraph(memory, model.reach_head.steps, fingerprint(model.reach_head), settings)
    graph.propose(ids)
    agent = near.agent(seed) if arm == "auto-depth" else _alone(near.agent(seed))
    agent.landmarks = graph
    return agent, memory


def _alone(agent: Agent) -> Agent:
    """The agent without an upper level, which comes with the model."""
    agent.levels = None
    return agent


@torch.no_grad()
def remember_walks(
    world: DotWorld, loaded: Loaded, state: State, memory: EpisodicMemory, seed: int, walks: int = WALKS
) -> list[int]:
    """Walk the layout of a state's first row, and remember what was seen on the model's clock; the moments' ids."""
    walked = wander(world, walks, WALK_STEPS, Generator().manual_seed(seed + 77), layout=state)
    frames = world.render(walked.state, walked.positions[:, :: loaded.model.frame_skip])
    moments = []
    for walk, seen in enumerate(frames):
        latents = loaded.model.encode({"pixels": seen[None]})[0]
        moments += [Moment(latent, f"walk-{walk}", float(walk) + step / 100) for step, latent in enumerate(latents)]
    return memory.write(moments)


def _by_layout(state: State) -> list[Tensor]:
    """Rows of one layout each; physics but the position, and looks, are what a layout is."""
    parts = [values.reshape(rows_in(state), -1).double() for name, values in state.items() if name != "position"]
    _, which = torch.unique(torch.cat(parts, 1), dim=0, return_inverse=True)
    return [(which == each).nonzero()[:, 0] for each in range(int(which.max()) + 1)]
