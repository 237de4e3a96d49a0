"""The runs we ship for `two-rooms-v1`: recorded by a mixed random policy, trained by PLDM, planned by MPPI."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gedanken.contracts import EpisodeStore
from gedanken.data import EpisodeFolder
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

    def record(self, store: EpisodeStore, seed: int | None = None) -> None:
        """Record the training episodes into `store`; by default from the recipe's own seed."""
        world = TwoRooms()
        drawn = list(episodes_of(world, self.episodes, self.steps, self.recipe.train.seed if seed is None else seed))
        if isinstance(store, EpisodeFolder):
            store.extend(drawn)
        else:
            for each in drawn:
                store.append(each)


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
