"""The runs we ship for `two-rooms-v1`: recorded by a mixed random policy, trained by PLDM, planned by MPPI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gedanken.contracts import EpisodeStore
from gedanken.encoders import ConvEncoderConfig
from gedanken.environments import TwoRooms, episodes_of
from gedanken.models import ResidualMLPConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.recipes.recipe import Recipe
from gedanken.training import TrainConfig


@dataclass(frozen=True, kw_only=True)
class TwoRoomsRun:
    """A recipe and the recordings it asks for.

    Args:
        recipe: what is trained.
        episodes: how many to record.
        steps: environment steps in each.
    """

    recipe: Recipe
    episodes: int = 1200
    steps: int = 72

    def record(self, store: EpisodeStore, tell: Callable[[float], None] = lambda share: None) -> None:
        """Record the training episodes, drawn by the recipe's seed; `tell` is called with the share done."""
        drawn = episodes_of(TwoRooms(), self.episodes, self.steps, self.recipe.train.seed)
        for number, episode in enumerate(drawn, start=1):
            store.append(episode)
            tell(number / self.episodes)


def two_rooms_demo(seed: int = 0) -> TwoRoomsRun:
    """What `gedanken demo` trains: minutes on two cores."""
    recipe = Recipe(
        name="two-rooms-demo",
        encoder=ConvEncoderConfig(width=16),
        predictor=ResidualMLPConfig(hidden=256),
        objective=PLDMConfig(),
        train=TrainConfig(steps=800, batch=64, learning_rate=1.5e-3, seed=seed),
    )
    return TwoRoomsRun(recipe=recipe)


def two_rooms_fixed(seed: int = 0) -> TwoRoomsRun:
    """The same for as many steps as ten core-minutes allow."""
    run = two_rooms_demo(seed)
    train = replace(run.recipe.train, steps=1600)
    return replace(run, recipe=replace(run.recipe, name="two-rooms-fixed", train=train))
