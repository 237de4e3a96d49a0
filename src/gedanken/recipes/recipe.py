"""Everything that decides a run, in one frozen value that can be compared, changed with `replace`, and written as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gedanken.agent import AgentConfig
from gedanken.contracts import EpisodeStore
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.errors import BadInput
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig
from gedanken.planners import MPPIConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.training import TrainConfig
from gedanken.types import ActionSpec, Episode

MODEL_STEP_SECONDS = 0.4
"""What one model step lasts where a recording says its rate: long enough for an action to show."""

_LARGEST = 2**63
"""Integers beyond fit no tensor size and no seed."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained and how it plans.

    Args:
        name: of the run.
        window: T, frames in a training window, one a model step.
        frame_skip: environment steps in one model step.
        encoder: pixels to latent.
        predictor: latent and action to the next latent.
        objective: the weighted losses.
        train: how long and how hard.
        agent: how to plan with the result.
    """

    name: str
    window: int = 9
    frame_skip: int = 4
    encoder: ConvEncoderConfig = field(default_factory=ConvEncoderConfig)
    predictor: ResidualMLPConfig = field(default_factory=ResidualMLPConfig)
    objective: PLDMConfig = field(default_factory=PLDMConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)

    def __post_init__(self) -> None:
        if self.frame_skip < 1:
            raise BadInput(f"frame_skip={self.frame_skip} must be at least 1 environment step.")
        if self.window <= self.objective.ahead:
            raise BadInput(
                f"window={self.window} is too short to predict ahead={self.objective.ahead} steps; "
                f"make it at least {self.objective.ahead + 1}."
            )

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """The recipe that `as_dict` wrote.

        Raises:
            BadInput: a field is missing, unknown, or out of its range.
        """
        parts = {
            "encoder": ConvEncoderConfig,
            "predictor": ResidualMLPConfig,
            "objective": PLDMConfig,
            "train": TrainConfig,
        }
        try:
            agent = {**values["agent"]}
            agent |= {name: _made(MPPIConfig, agent[name]) for name in ("warm", "cold")}
            made = {name: _made(kind, values[name]) for name, kind in parts.items()}
            return _made(cls, {**values, **made, "agent": _made(AgentConfig, agent)})
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"this is not a recipe's configuration: {type(error).__name__} at {error}.") from error


def build(recipe: Recipe, action: ActionSpec) -> JEPA:
    """An untrained model of the recipe's shape; seed torch first for the same weights again."""
    encoder = ConvEncoder(recipe.encoder)
    predictor = ResidualMLP(recipe.predictor, recipe.encoder.latent, recipe.frame_skip * action.width)
    return JEPA(encoder, predictor, action, recipe.frame_skip)


def for_episodes(episodes: EpisodeStore | Sequence[Episode], steps: int = 1000) -> Recipe:
    """A sane recipe for recordings of one kind: the encoder fits their frames, the frame skip their rate.

    Args:
        episodes: recordings with a `pixels` stream.
        steps: optimiser steps to train for.
    Raises:
        BadInput: there are no episodes, or they have no `pixels` of a size the encoder takes.
    """
    if not len(episodes):
        raise BadInput("there are no episodes to train on; record some first.")
    spec = episodes[0].specs.get("pixels")
    if spec is None or len(spec.shape) != 3:
        raise BadInput(
            f"training needs a stream 'pixels' (height, width, channels); there is {sorted(episodes[0].specs)}."
        )
    height, width, channels = spec.shape
    skip = max(1, round((spec.rate_hz or 10.0) * MODEL_STEP_SECONDS))
    encoder = ConvEncoderConfig(size=(height, width), channels=channels, width=24)
    return Recipe(name="own-data", frame_skip=skip, encoder=encoder, train=TrainConfig(steps=steps))


def _made(kind: type, values: dict[str, Any]) -> Any:
    """A dataclass from JSON, in which tuples have become lists; every field must be of its annotated type."""
    known = get_type_hints(kind)
    if unknown := set(values) - set(known):
        raise BadInput(f"{kind.__name__} has no field {sorted(unknown)[0]!r}; it has {', '.join(sorted(known))}.")
    made = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    for name, value in made.items():
        if not _fits(value, known[name]):
            raise BadInput(f"{kind.__name__}.{name} is {str(value)[:40]!r}, which is no {known[name]}.")
    return kind(
        **{
            name: float(value) if known[name] is float and isinstance(value, int) else value
            for name, value in made.items()
        }
    )


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation says; a bool is no number, and an int may stand for a float."""
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return value in parts
    if get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = parts[:1] * len(value) if parts[-1] is ... else parts
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    if isinstance(value, bool):
        return hint is bool
    if isinstance(value, int):
        return hint in (int, float) and abs(value) <= _LARGEST
    return isinstance(value, hint)
