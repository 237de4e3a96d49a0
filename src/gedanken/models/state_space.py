"""A linear system and a small network beside it, in a state of the latent and a few hidden numbers (neural state space).

    s = [z, h],    s' = s + L [s, a] + W tanh(V [s, a]),    h = reader(last latents and actions)

Machines are mostly linear, and what is not is mostly smooth: the linear part carries a speed into a place from the first
training step on, and the network learns the rest. The hidden numbers are read anew from the last few frames wherever a
prediction begins (the encoder of the subspace encoder network, arXiv:2012.07697), so a bad guess does not linger.
Each patch has hidden numbers of its own, and all patches share the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput
from gedanken.models.predictor import LONGEST_PAST, LatentState

_SMALL = 0.1
"""Of the usual size of first weights: a system that begins near standing still stays bounded however long it runs."""


@dataclass(frozen=True, kw_only=True)
class StateSpaceConfig:
    """How large the state and the network are.

    Args:
        kind: tells this predictor from the others in a file.
        hidden: numbers of the state beside the latent: what one frame does not tell.
        width: hidden units of the network.
        past: latents from which the hidden numbers are read; an agent keeps as many.
    """

    kind: Literal["state_space"] = "state_space"
    hidden: int = 8
    width: int = 128
    past: int = 4

    def __post_init__(self) -> None:
        if min(self.hidden, self.width) < 1 or not 1 <= self.past <= LONGEST_PAST:
            raise BadInput(
                f"hidden={self.hidden} and width={self.width} must be at least 1, past={self.past} between 1 and {LONGEST_PAST}."
            )


class _Small(nn.Linear):
    """A linear layer whose first weights are small."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        with torch.no_grad():
            self.weight.mul_(_SMALL)
            if self.bias is not None:
                self.bias.zero_()


class StateSpacePredictor(nn.Module):
    """Keeps the `Predictor` contract; its state is (latents `[..., P, D]`, hidden numbers `[..., P, hidden]`).

    Predictions end in no norm, so its encoder should have none.
    """

    def __init__(self, config: StateSpaceConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config = config
        self.past = config.past
        state, window = latent + config.hidden, config.past * latent + (config.past - 1) * action
        self.linear = _Small(state + action, state)
        self.into = nn.Linear(state + action, config.width)
        self.out = _Small(config.width, state)
        self.read_linear = nn.Linear(window, config.hidden)
        self.read_into = nn.Linear(window, config.width)
        self.read_out = _Small(config.width, config.hidden)

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows A"]:
        """Actions as they are."""
        return actions

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past A"]) -> LatentState:
        """The state at every frame; before the first frame the world is taken to have stood still."""
        before = self.past - 1
        seen = torch.cat([latents[:, :1].expand(-1, before, -1, -1), latents], dim=1)
        done = torch.cat([condition.new_zeros(len(condition), before, condition.shape[-1]), condition], dim=1)
        frames, patches = latents.shape[1:3]
        window = torch.cat(
            [
                *(seen[:, k : k + frames] for k in range(self.past)),
                *(done[:, k : k + frames, None].expand(-1, -1, patches, -1) for k in range(before)),
            ],
            dim=-1,
        )
        return latents, self.read_linear(window) + self.read_out(torch.tanh(self.read_into(window)))

    def step(self, state: LatentState, condition: Float[Tensor, "*rows A"]) -> LatentState:
        """The state one model step later."""
        latents, hidden = state
        actions = condition.unsqueeze(-2).expand(*latents.shape[:-1], -1)
        inputs = torch.cat([latents, hidden, actions.to(latents.dtype)], dim=-1)
        change = (self.linear(inputs) + self.out(torch.tanh(self.into(inputs)))).float()
        change, unseen = change.split([latents.shape[-1], hidden.shape[-1]], dim=-1)
        return latents + change, hidden + unseen
