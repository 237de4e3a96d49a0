"""The next latent as a small correction of this one: z' = norm(z + MLP([z, a])).

Enough where one frame tells the whole state; `gru.py` and `causal_transformer.py` are for worlds where it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput
from gedanken.models.predictor import LatentState

_DEEPEST = 64
"""Layers cost memory even where no weight is allocated, and a model file may ask for any number of them."""


@dataclass(frozen=True, kw_only=True)
class ResidualMLPConfig:
    """How large the predictor is: `hidden` units in each of `depth` hidden layers.

    Args:
        kind: tells this predictor from the others in a file.
        hidden: units of a hidden layer.
        depth: hidden layers.
        norm: whether predictions end in a LayerNorm, as the latents of an encoder with one do.
    """

    kind: Literal["residual_mlp"] = "residual_mlp"
    hidden: int = 256
    depth: int = 2
    norm: bool = True

    def __post_init__(self) -> None:
        if self.hidden < 1 or not 1 <= self.depth <= _DEEPEST:
            raise BadInput(f"hidden={self.hidden} must be at least 1, and depth={self.depth} between 1 and {_DEEPEST}.")


class ResidualMLP(nn.Module):
    """One model step from the present latent alone: latents `[..., P, D]` and actions `[..., A]` → latents `[..., P, D]`."""

    past = 1

    def __init__(self, config: ResidualMLPConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config = config
        self.from_latent = nn.Linear(latent, config.hidden)
        self.from_action = nn.Linear(action, config.hidden, bias=False)
        layers: list[nn.Module] = []
        for _ in range(config.depth - 1):
            layers += [nn.GELU(), nn.Linear(config.hidden, config.hidden)]
        self.body = nn.Sequential(*layers, nn.GELU(), nn.Linear(config.hidden, latent))
        self.norm = nn.LayerNorm(latent) if config.norm else nn.Identity()

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows hidden"]:
        """What an action adds to the first layer."""
        return self.from_action(actions)

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past hidden"]) -> LatentState:
        """The latents themselves: nothing is remembered."""
        return (latents,)

    def step(self, state: LatentState, condition: Float[Tensor, "*rows hidden"]) -> LatentState:
        """The state one model step later."""
        return (self(state[0], condition),)

    def forward(
        self, latents: Float[Tensor, "*rows P D"], condition: Float[Tensor, "*rows hidden"]
    ) -> Float[Tensor, "*rows P D"]:
        """The latents one model step later, given `condition(actions)`."""
        change = self.body(self.from_latent(latents) + condition.unsqueeze(-2))
        return self.norm(latents + change.float())
