"""A gated recurrent memory beside the latent (GRU, arXiv:1406.1078): h' = GRU([z, a], h), z' = norm(z + W h').

The memory carries what the present latent does not show: a velocity, or a thing that went out of sight. Each patch has a
memory of its own, and all patches share the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput
from gedanken.models.predictor import LONGEST_PAST, LatentState


@dataclass(frozen=True, kw_only=True)
class GRUPredictorConfig:
    """How much it can remember.

    Args:
        kind: tells this predictor from the others in a file.
        hidden: width of the memory.
        past: latents an agent keeps for it. It reads all it is given, but what lies further back than the windows it was
            trained on it never learned to use.
        norm: whether predictions end in a LayerNorm, as the latents of an encoder with one do.
    """

    kind: Literal["gru"] = "gru"
    hidden: int = 256
    past: int = 8
    norm: bool = True

    def __post_init__(self) -> None:
        if self.hidden < 1 or not 1 <= self.past <= LONGEST_PAST:
            raise BadInput(
                f"hidden={self.hidden} must be at least 1, and past={self.past} between 1 and {LONGEST_PAST}."
            )


class GRUPredictor(nn.Module):
    """Keeps the `Predictor` contract; its state is (latents `[..., P, D]`, memory `[..., P, hidden]`)."""

    def __init__(self, config: GRUPredictorConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config = config
        self.past = config.past
        # Each of the three feeds the reset gate, the keep gate and the new memory, in this order.
        self.from_latent = nn.Linear(latent, 3 * config.hidden)
        self.from_action = nn.Linear(action, 3 * config.hidden, bias=False)
        self.from_memory = nn.Linear(config.hidden, 3 * config.hidden)
        self.to_change = nn.Linear(config.hidden, latent)
        self.norm = nn.LayerNorm(latent) if config.norm else nn.Identity()

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows gates"]:
        """What an action adds to the gates and the new memory."""
        return self.from_action(actions)

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past gates"]) -> LatentState:
        """The state at every frame: the memory there has read all frames and actions before it."""
        inputs = self.from_latent(latents[:, :-1]) + condition.unsqueeze(-2)
        memories = [latents.new_zeros(*latents[:, 0].shape[:-1], self.config.hidden)]
        for now in inputs.unbind(1):
            memories.append(self._remembered(memories[-1], now))
        return latents, torch.stack(memories, dim=1)

    def step(self, state: LatentState, condition: Float[Tensor, "*rows gates"]) -> LatentState:
        """The state one model step later: the present latent is read into the memory, which says what changes."""
        latents, memory = state
        memory = self._remembered(memory, self.from_latent(latents) + condition.unsqueeze(-2))
        return self.norm(latents + self.to_change(memory).float()), memory

    def carry(
        self,
        memory: Float[Tensor, "B P hidden"] | None,
        latents: Float[Tensor, "B P D"],
        condition: Float[Tensor, "B gates"],
    ) -> Float[Tensor, "B P hidden"]:
        """The memory after one more latent and the action that left it, as `starts` would have made it."""
        if memory is None:
            memory = latents.new_zeros(*latents.shape[:-1], self.config.hidden)
        return self._remembered(memory, self.from_latent(latents) + condition.unsqueeze(-2))

    def carried_on(self, latents: Float[Tensor, "B P D"], memory: Float[Tensor, "B P hidden"]) -> LatentState:
        """The state of a latent with a memory of all before it."""
        return latents[:, None], memory[:, None]

    def _remembered(
        self, memory: Float[Tensor, "*rows hidden"], inputs: Float[Tensor, "*rows gates"]
    ) -> Float[Tensor, "*rows hidden"]:
        reset, keep, new = inputs.chunk(3, dim=-1)
        old_reset, old_keep, old_new = self.from_memory(memory).chunk(3, dim=-1)
        new = torch.tanh(new + torch.sigmoid(reset + old_reset) * old_new)
        return new + torch.sigmoid(keep + old_keep) * (memory - new)
