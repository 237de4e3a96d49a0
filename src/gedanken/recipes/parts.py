"""What a recipe can be made of: for each role a table from kind to configuration and builder, one line a part.

Others' parts come through the same door, by entry points of the groups named below. An entry point holds a `Part`: the
class of the configuration, a frozen dataclass whose field `kind` is the entry point's name, and what builds the part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from gedanken.encoders import (
    ConvEncoder,
    ConvEncoderConfig,
    FusionEncoder,
    FusionEncoderConfig,
    GridEncoder,
    GridEncoderConfig,
    KeypointEncoder,
    KeypointEncoderConfig,
    Patches,
    PatchesConfig,
    SensorEncoder,
    SensorEncoderConfig,
    ViTEncoder,
    ViTEncoderConfig,
)
from gedanken.errors import BadInput, unknown_name
from gedanken.models import (
    CausalTransformer,
    CausalTransformerConfig,
    ConvGRU,
    ConvGRUConfig,
    GRUPredictor,
    GRUPredictorConfig,
    Recalling,
    RecallingConfig,
    ResidualMLP,
    ResidualMLPConfig,
    StateSpaceConfig,
    StateSpacePredictor,
    WindowTransformer,
    WindowTransformerConfig,
)
from gedanken.recipes.configuration import made, of_kind
from gedanken.recipes.covered import Covered, CoveredConfig
from gedanken.recipes.lewm import LeWM, LeWMConfig
from gedanken.recipes.pldm import PLDM, PLDMConfig


@runtime_checkable
class PartConfig(Protocol):
    """Any configuration of a part: a frozen dataclass of plain values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@runtime_checkable
class EncoderConfig(PartConfig, Protocol):
    """What the rest of a recipe must know of its encoder; one that reads other streams than pixels has also `streams`."""

    @property
    def latent(self) -> int:
        """D, the latent's width."""
        ...


@runtime_checkable
class ObjectiveConfig(PartConfig, Protocol):
    """What the rest of a recipe must know of its objective."""

    @property
    def ahead(self) -> int:
        """Steps predicted from a frame; windows must be longer."""
        ...


class Part(NamedTuple):
    """A configuration's class, and what builds from one; `Role` says what the builder is given.

    `read` makes the configuration from JSON, where some of its fields are configurations themselves.
    """

    config: type
    build: Callable[..., Any]
    read: Callable[[Mapping[str, Any]], Any] | None = None


@dataclass(frozen=True)
class Role:
    """One place in a recipe, and the parts that can take it.

    Args:
        name: of the role, for messages.
        ours: parts that ship with gedanken, by kind.
        usual: kind of a configuration that names none, as in files from before there was a choice.
        group: entry points by which other packages add theirs.
    """

    name: str
    ours: Mapping[str, Part]
    usual: str
    group: str

    def named(self, kind: str) -> Part:
        """The part of this kind; ours win over others' of the same name.

        Raises:
            UnknownName: there is none; the message lists what there is.
        """
        if kind in self.ours:
            return self.ours[kind]
        others = {entry.name: entry for entry in entry_points(group=self.group)}
        if kind not in others:
            raise unknown_name(self.name, kind, [*self.ours, *others])
        return Part(*others[kind].load())

    def of(self, config: PartConfig) -> Part:
        """The part that `config` configures.

        Raises:
            UnknownName: no part is of its kind.
            BadInput: it is not of the class registered with its kind.
        """
        kind = getattr(config, "kind", self.usual)
        part = self.named(kind)
        if not isinstance(config, part.config):
            raise BadInput(
                f"a {type(config).__name__} is no configuration of the {self.name} {kind!r}, which takes a "
                f"{part.config.__name__}; give each class a field `kind` with the name it is registered under."
            )
        return part

    def read(self, values: Mapping[str, Any]) -> Any:
        """A configuration from JSON; see `of_kind` for what is refused."""
        return of_kind(values, self.named, self.usual)


def streams_of(config: EncoderConfig) -> tuple[str, ...]:
    """Names of the streams that an encoder of this configuration reads."""
    return tuple(getattr(config, "streams", ("pixels",)))


def _fusion(config: FusionEncoderConfig) -> FusionEncoder:
    return FusionEncoder(config, ENCODERS.of(config.pixels).build(config.pixels))


def _read_fusion(values: Mapping[str, Any]) -> FusionEncoderConfig:
    parts = {name: ENCODERS.read(values[name]) for name in ("pixels", "sensors")}
    return made(FusionEncoderConfig, {**values, **parts})


ENCODERS = Role(
    "encoder",
    {
        "conv": Part(ConvEncoderConfig, ConvEncoder),
        "fusion": Part(FusionEncoderConfig, _fusion, _read_fusion),
        "grid": Part(GridEncoderConfig, GridEncoder),
        "keypoints": Part(KeypointEncoderConfig, KeypointEncoder),
        "patches": Part(PatchesConfig, Patches),
        "sensors": Part(SensorEncoderConfig, SensorEncoder),
        "vit": Part(ViTEncoderConfig, ViTEncoder),
    },
    usual="conv",
    group="gedanken.encoders",
)
"""Builders are given the configuration."""

PREDICTORS = Role(
    "predictor",
    {
        "causal_transformer": Part(CausalTransformerConfig, CausalTransformer),
        "conv_gru": Part(ConvGRUConfig, ConvGRU),
        "gru": Part(GRUPredictorConfig, GRUPredictor),
        "recalling": Part(RecallingConfig, Recalling),
        "residual_mlp": Part(ResidualMLPConfig, ResidualMLP),
        "state_space": Part(StateSpaceConfig, StateSpacePredictor),
        "window_transformer": Part(WindowTransformerConfig, WindowTransformer),
    },
    usual="residual_mlp",
    group="gedanken.models",
)
"""Builders are given the configuration, the latent's width D, and A, the width of a model step's action."""

OBJECTIVES = Role(
    "objective",
    {
        "covered": Part(CoveredConfig, Covered),
        "lewm": Part(LeWMConfig, LeWM),
        "pldm": Part(PLDMConfig, PLDM),
    },
    usual="pldm",
    group="gedanken.objectives",
)
"""Builders are given the configuration, the latent's width D, an environment action's width, and the frame skip."""
