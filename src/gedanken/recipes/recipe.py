"""Everything that decides a run, in one frozen value that can be compared, changed with `replace`, and written as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gedanken.agent import AgentConfig
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.errors import BadInput
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig
from gedanken.planners import MPPIConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.training import TrainConfig
from gedanken.types import ActionSpec


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
            agent = dict(values["agent"])
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


def _made(kind: type, values: dict[str, Any]) -> Any:
    """A dataclass from JSON, in which tuples have become lists."""
    known = {each.name for each in fields(kind)}
    if unknown := set(values) - known:
        raise BadInput(f"{kind.__name__} has no field {sorted(unknown)[0]!r}; it has {', '.join(sorted(known))}.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
