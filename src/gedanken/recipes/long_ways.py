"""Runs for `four-rooms-v1` and `maze-v1`: recorded on short walks, trained by PLDM, and taught what lies within reach.

No recording holds a whole route (`environments/wander.py`); whoever arrives goes by landmarks, or plans very far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gedanken.contracts import EpisodeStore
from gedanken.encoders import ConvEncoderConfig, KeypointEncoderConfig
from gedanken.environments import WORLDS, DotWorld, ExploreConfig, episodes_of
from gedanken.errors import BadInput
from gedanken.models import ResidualMLPConfig
from gedanken.recipes.levels import LevelsConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.recipes.reachability import ReachConfig
from gedanken.recipes.recipe import Recipe
from gedanken.training import TrainConfig

NEAR = 6
"""Model steps searched for a landmark on the way: landmarks lie a step or two apart."""
_WALKS = ExploreConfig(push=0.2, door=0.0, full=0.35)


@dataclass(frozen=True, kw_only=True)
class LongWaysRun:
    """A recipe and the recordings it asks for.

    Args:
        recipe: what is trained.
        world: id of the world they are recorded in.
        options: what it is made with.
        episodes: how many to record.
        steps: environment steps in each.
        explore: the mixture of trajectories.
    """

    recipe: Recipe
    world: str
    options: Mapping[str, str | int] = field(default_factory=dict)
    episodes: int = 1200
    steps: int = 40
    explore: ExploreConfig = _WALKS

    def made(self) -> DotWorld:
        """The world to record in."""
        world = WORLDS[self.world](**self.options)
        if not isinstance(world, DotWorld):
            raise BadInput(f"{self.world!r} is no world of a dot; walks are recorded in those alone.")
        return world

    def record(self, store: EpisodeStore, tell: Callable[[float], None] = lambda share: None) -> None:
        """Record the training episodes, drawn by the recipe's seed; `tell` is called with the share done."""
        drawn = episodes_of(self.made(), self.episodes, self.steps, self.recipe.train.seed, config=self.explore)
        for number, episode in enumerate(drawn, start=1):
            store.append(episode)
            tell(number / self.episodes)


def four_rooms(seed: int = 0) -> LongWaysRun:
    """Fixed walls and doors: a few minutes on one core."""
    return LongWaysRun(recipe=_fixed("four-rooms", seed), world="four-rooms-v1", options={"wall": "fixed"})


def maze_fixed(seed: int = 0) -> LongWaysRun:
    """One maze of 5 by 5 cells: a few minutes on one core."""
    return LongWaysRun(recipe=_fixed("maze-fixed", seed), world="maze-v1", options={"cells": 5, "layouts": "fixed"})


def maze(seed: int = 0) -> LongWaysRun:
    """Mazes of 13 by 13 cells, another in every episode; what is learned is to be of use in mazes never seen. Not tuned yet."""
    recipe = _fixed("maze", seed)
    recipe = replace(
        recipe,
        encoder=KeypointEncoderConfig(keypoints=16),
        predictor=ResidualMLPConfig(hidden=384),
        objective=replace(recipe.objective, temporal_similarity=1.0),
        train=TrainConfig(steps=8000, learning_rate=4e-3, beta2=0.95, seed=seed),
    )
    options: dict[str, str | int] = {"cells": 13, "layouts": "train"}
    return LongWaysRun(recipe=recipe, world="maze-v1", options=options, episodes=8000)


def _fixed(name: str, seed: int) -> Recipe:
    """As for Two Rooms (`recipes/two_rooms.py`), with a head for what lies within reach and a slower clock."""
    reach, levels = ReachConfig(), LevelsConfig()
    return Recipe(
        name=name,
        encoder=ConvEncoderConfig(width=16),
        objective=PLDMConfig(temporal_similarity=25.0, starts=1),
        train=TrainConfig(steps=1200, learning_rate=3e-3, beta2=0.95, seed=seed),
        reach=replace(reach, train=replace(reach.train, seed=seed)),
        levels=replace(levels, train=replace(levels.train, seed=seed)),
    )
