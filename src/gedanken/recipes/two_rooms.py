"""The runs we ship for `two-rooms-v1`: recorded by a mixed policy, trained by PLDM, planned by MPPI.

The mixture (`ExploreConfig`) is random but for two kinds that know the true state: about a third of the trajectories are led
through the door by the scripted expert, and some pushes are aimed at the wall and the door's jambs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from gedanken.agent import AgentConfig
from gedanken.contracts import EpisodeStore
from gedanken.encoders import ConvEncoderConfig, KeypointEncoderConfig
from gedanken.environments import ExploreConfig, TwoRooms, episodes_of
from gedanken.models import ResidualMLPConfig
from gedanken.planners import MPPIConfig, TreeConfig
from gedanken.recipes.error_head import ErrorHeadConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.recipes.recipe import Recipe
from gedanken.recipes.refine import RefineConfig
from gedanken.training import TrainConfig
from gedanken.types import Episode

_FRESH_SEEDS = 1_000_000
"""Added to the seed of the first recordings, so that none is drawn twice."""


@dataclass(frozen=True, kw_only=True)
class TwoRoomsRun:
    """A recipe and the recordings it asks for.

    Args:
        recipe: what is trained.
        episodes: how many to record.
        steps: environment steps in each.
        wall: layout of the worlds they are recorded in.
        explore: the mixture of trajectories.
        fresh: how many more episodes the predictor is refined on, where the recipe says so; drawn anew and not kept.
        fresh_steps: environment steps in each of these.
        fresh_explore: their mixture.
    """

    recipe: Recipe
    episodes: int = 1200
    steps: int = 72
    wall: Literal["fixed", "random"] = "fixed"
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    fresh: int = 0
    fresh_steps: int = 48
    fresh_explore: ExploreConfig = field(default_factory=ExploreConfig)

    def draw_fresh(self) -> Iterator[Episode] | None:
        """The episodes to refine the predictor on, or None where there are none of their own."""
        seed = _FRESH_SEEDS + self.recipe.train.seed
        world = TwoRooms(self.wall)
        return episodes_of(world, self.fresh, self.fresh_steps, seed, config=self.fresh_explore) if self.fresh else None

    def record(self, store: EpisodeStore, tell: Callable[[float], None] = lambda share: None) -> None:
        """Record the training episodes, drawn by the recipe's seed; `tell` is called with the share done."""
        world, seed = TwoRooms(self.wall), self.recipe.train.seed
        drawn = episodes_of(world, self.episodes, self.steps, seed, config=self.explore)
        for number, episode in enumerate(drawn, start=1):
            store.append(episode)
            tell(number / self.episodes)


# Weighed more than in EB-JEPA (12): a latent that changes slowly has distances that still tell near from far at 40 px, where
# with a weight of 1 they are saturated at 15 px, and a planner has nothing to follow (docs/decisions/0007).
_OBJECTIVE = PLDMConfig(temporal_similarity=25.0)


# One fixed wall is an easy search: a third of the usual candidates loses half a point, at most 1.5 (claim plan-default).
_QUICK = AgentConfig(warm=MPPIConfig(candidates=64, rounds=2), cold=MPPIConfig(candidates=256, rounds=1))


def two_rooms_demo(seed: int = 0) -> TwoRoomsRun:
    """What `gedanken demo` trains: about a minute on two cores."""
    recipe = Recipe(
        name="two-rooms-demo",
        encoder=ConvEncoderConfig(width=16),
        # From a window's first frame alone and at a high rate: as good in half of the time (docs/decisions/0008, point 7).
        objective=replace(_OBJECTIVE, starts=1),
        train=TrainConfig(steps=600, learning_rate=3e-3, beta2=0.95, seed=seed),
        agent=_QUICK,
    )
    return TwoRoomsRun(recipe=recipe)


def two_rooms_fixed(seed: int = 0) -> TwoRoomsRun:
    """The same from every frame, at a lower rate and for more steps, within ten core-minutes; its agent searches thoroughly."""
    run = two_rooms_demo(seed)
    train = TrainConfig(steps=1500, learning_rate=1.5e-3, seed=seed)
    recipe = replace(run.recipe, name="two-rooms-fixed", objective=_OBJECTIVE, train=train, agent=AgentConfig())
    return replace(run, recipe=recipe)


# A few minutes of joint training show the encoder what there is to see, if it reads places off the picture: a dense layer
# places the door twice as badly. The predictor then needs most of the budget, and as many layouts as it can get: with 5,000 of
# them it imagined a third of all long pushes to end behind the wall. Contacts are at full step length, as a planner's are, and
# the temporal term is light: with a heavy one the walls, which never change, are all that a latent keeps (docs/decisions/0008).
_CONTACTS = ExploreConfig(push=0.5, door=0.4, still=0.03, full=0.6)


def two_rooms_random_wall(seed: int = 0) -> TwoRoomsRun:
    """Wall and door in another place in every episode: within half a core-hour."""
    recipe = two_rooms_demo(seed).recipe
    train = replace(recipe.train, steps=2500, learning_rate=4e-3, beta2=0.95)
    refine, errors = RefineConfig(components=40, fresh=True), ErrorHeadConfig()
    recipe = replace(
        recipe,
        name="two-rooms-random-wall",
        encoder=KeypointEncoderConfig(keypoints=16),
        predictor=ResidualMLPConfig(hidden=384),
        objective=replace(_OBJECTIVE, temporal_similarity=1.0, starts=1),
        train=train,
        refine=replace(refine, train=replace(refine.train, steps=27_000, seed=seed)),
        error_head=replace(errors, train=replace(errors.train, seed=seed)),
        agent=AgentConfig(
            horizon=20,
            warm=MPPIConfig(candidates=128, rounds=3),
            cold=MPPIConfig(candidates=256, rounds=3),
            patience=3,
            tree=TreeConfig(trusted=3.3),
            idle=5,
            doubt=1.0,
            hold=1.4,
            surprise=4.5,
            apart=5.5,
        ),
    )
    return TwoRoomsRun(
        recipe=recipe,
        episodes=5000,
        wall="random",
        explore=ExploreConfig(push=0.3, door=0.45, full=0.3),
        fresh=100_000,
        fresh_explore=_CONTACTS,
    )
