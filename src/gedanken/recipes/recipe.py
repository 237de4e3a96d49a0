"""Everything that decides a run, in one frozen value that can be compared, changed with `replace`, and written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from gedanken.agent import AgentConfig
from gedanken.encoders import ConvEncoderConfig
from gedanken.errors import BadInput
from gedanken.models import JEPA, ResidualMLPConfig
from gedanken.planners import TreeConfig, planner_named
from gedanken.recipes.configuration import made, of_kind
from gedanken.recipes.error_head import ErrorHeadConfig, head_of
from gedanken.recipes.levels import LevelsConfig, slow_clock_of
from gedanken.recipes.parts import ENCODERS, OBJECTIVES, PREDICTORS, EncoderConfig, ObjectiveConfig, PartConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.recipes.reachability import ReachConfig, reach_head_of
from gedanken.recipes.refine import RefineConfig
from gedanken.recipes.usual import UsualConfig, usual_of
from gedanken.training import TrainConfig
from gedanken.types import ActionSpec

_USUAL_PLANNER = "mppi"
"""Of an agent's search that names none, as in files from before there was a choice."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained and how it plans. What can be chosen for each part stands in `parts.py`.

    Args:
        name: of the run.
        window: T, frames in a training window, one a model step.
        frame_skip: environment steps in one model step.
        encoder: pixels, numbers or both to latent; one of `ENCODERS`.
        predictor: latent and action to the next latent; one of `PREDICTORS`.
        objective: the weighted losses; one of `OBJECTIVES`.
        train: how long and how hard.
        refine: how the predictor then goes on alone, on kept latents; None leaves this out.
        error_head: how the model then learns what errors to expect of itself; None leaves this out.
        reach: how the model then learns what lies within reach of what; None leaves this out.
        levels: how the model then learns a slower clock, to plan in levels when `reach` says far; None leaves this out.
        usual: how the model then learns what errors are usual, so that it can be surprised; None leaves this out.
        agent: how to plan with the result.
    """

    name: str
    window: int = 9
    frame_skip: int = 4
    encoder: EncoderConfig = field(default_factory=ConvEncoderConfig)
    predictor: PartConfig = field(default_factory=ResidualMLPConfig)
    objective: ObjectiveConfig = field(default_factory=PLDMConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    refine: RefineConfig | None = None
    error_head: ErrorHeadConfig | None = None
    reach: ReachConfig | None = None
    levels: LevelsConfig | None = None
    usual: UsualConfig | None = None
    agent: AgentConfig = field(default_factory=AgentConfig)

    def __post_init__(self) -> None:
        if self.frame_skip < 1:
            raise BadInput(f"frame_skip={self.frame_skip} must be at least 1 environment step.")
        if self.window <= self.objective.ahead:
            raise BadInput(
                f"window={self.window} is too short to predict ahead={self.objective.ahead} steps; "
                f"make it at least {self.objective.ahead + 1}."
            )
        if self.reach is not None and self.window <= self.reach.farthest:
            raise BadInput(
                f"window={self.window} is too short to show frames farthest={self.reach.farthest} steps apart; make it at least "
                f"{self.reach.farthest + 1}."
            )
        if self.levels is not None and (self.reach is None or self.window <= self.levels.stride):
            raise BadInput(
                f"levels with stride={self.levels.stride} need `reach`, and a window longer than that; window={self.window} here."
            )

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """The recipe that `as_dict` wrote.

        Raises:
            UnknownName: a part is of a kind that is neither ours nor installed.
            BadInput: a field is missing, unknown, or out of its range.
        """
        try:
            parts = {
                "encoder": ENCODERS.read(values["encoder"]),
                "predictor": PREDICTORS.read(values["predictor"]),
                "objective": OBJECTIVES.read(values["objective"]),
                "train": made(TrainConfig, values["train"]),
                "refine": _trained(RefineConfig, values.get("refine")),
                "error_head": _trained(ErrorHeadConfig, values.get("error_head")),
                "reach": _trained(ReachConfig, values.get("reach")),
                "levels": _trained(LevelsConfig, values.get("levels")),
                "usual": None if values.get("usual") is None else made(UsualConfig, values["usual"]),
                "agent": _agent(values["agent"]),
            }
            return made(cls, {**values, **parts})
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"this is not a recipe's configuration: {type(error).__name__} at {error}.") from error


def build(recipe: Recipe, action: ActionSpec) -> JEPA:
    """An untrained model of the recipe's shape; seed torch first for the same weights again."""
    encoder = ENCODERS.of(recipe.encoder).build(recipe.encoder)
    width = recipe.frame_skip * action.width
    predictor = PREDICTORS.of(recipe.predictor).build(recipe.predictor, recipe.encoder.latent, width)
    head = recipe.error_head and head_of(recipe.error_head, recipe.encoder.latent, width)
    reach = recipe.reach and reach_head_of(recipe.reach, recipe.encoder.latent)
    slow = recipe.levels and slow_clock_of(recipe.levels, recipe.encoder.latent, width)
    usual = recipe.usual and usual_of(recipe.usual, recipe.encoder)
    return JEPA(encoder, predictor, action, recipe.frame_skip, head, reach, slow, usual)


def build_objective(recipe: Recipe, action: ActionSpec) -> nn.Module:
    """The recipe's objective, as `gedanken.training.train` takes it, with weights of its own where it has any."""
    part = OBJECTIVES.of(recipe.objective)
    return part.build(recipe.objective, recipe.encoder.latent, action.width, recipe.frame_skip)


def _trained(config: type, values: Mapping[str, Any] | None) -> Any:
    """A configuration with a `train` in it, or None."""
    return None if values is None else made(config, {**values, "train": made(TrainConfig, values["train"])})


def _agent(values: Mapping[str, Any]) -> AgentConfig:
    searches = {name: of_kind(values[name], planner_named, _USUAL_PLANNER) for name in ("warm", "cold")}
    tree = values.get("tree")
    return made(AgentConfig, {**values, **searches, "tree": None if tree is None else made(TreeConfig, tree)})
