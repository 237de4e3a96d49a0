"""The run we ship for `table-v1`: a grid of latents that remember, trained with parts covered; and what it is held against.

All three see the same clips in the same order, for as many steps. A model of pixels shows what latents gain, and one that
forgets what memory does, without which every property is a matter of chance (docs/physics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gedanken.contracts import EpisodeStore
from gedanken.encoders import GridEncoderConfig, PatchesConfig
from gedanken.environments.table import possible_clips
from gedanken.models import ConvGRUConfig
from gedanken.recipes.covered import CoveredConfig
from gedanken.recipes.recipe import Recipe
from gedanken.recipes.usual import UsualConfig
from gedanken.training import TrainConfig
from gedanken.types import Episode

_FRESH = 1_000_000
"""Number of the first clip that a model is calibrated on: none that it was trained on."""


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """A recipe and the possible clips it asks for.

    Args:
        recipe: what is trained.
        episodes: how many clips it learns from; all seeds learn from the same.
    """

    recipe: Recipe
    episodes: int = 6000

    def record(self, store: EpisodeStore, tell: Callable[[float], None] = lambda share: None) -> None:
        """Record the training clips; `tell` is called with the share done."""
        for number, episode in enumerate(possible_clips(self.episodes), start=1):
            store.append(episode)
            tell(number / self.episodes)

    def usual(self) -> Iterator[Episode]:
        """Possible clips to calibrate on, as many as the recipe asks for."""
        asked = self.recipe.usual or UsualConfig()
        return possible_clips(asked.whiten + asked.windows, first=_FRESH)


def table(seed: int = 0) -> TableRun:
    """Spatial latents with a memory: about forty core-minutes."""
    recipe = Recipe(
        name="table",
        window=16,
        frame_skip=2,
        encoder=GridEncoderConfig(width=32, latent=32),
        predictor=ConvGRUConfig(hidden=48),
        objective=CoveredConfig(),
        train=TrainConfig(steps=8000, batch=16, learning_rate=2e-3, beta2=0.95, seed=seed, dtype="float32"),
        usual=UsualConfig(),
    )
    return TableRun(recipe=recipe)


def table_pixels(seed: int = 0) -> TableRun:
    """The baseline: the same predictor on pixels, with as many weights."""
    run = table(seed)
    recipe = replace(
        run.recipe,
        name="table-pixels",
        encoder=PatchesConfig(),
        predictor=ConvGRUConfig(hidden=_PIXELS_HIDDEN),
        objective=CoveredConfig(whiteness=0.0),
    )
    return replace(run, recipe=recipe)


def table_forgetful(seed: int = 0) -> TableRun:
    """The ablation: the same model, its memory emptied before every step."""
    run = table(seed)
    return replace(
        run, recipe=replace(run.recipe, name="table-forgetful", predictor=ConvGRUConfig(hidden=48, forgets=True))
    )


_PIXELS_HIDDEN = 41
"""Numbers remembered at each place that bring the pixel predictor nearest to the weights of `table`."""
