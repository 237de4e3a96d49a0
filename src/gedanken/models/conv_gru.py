"""A memory for every place of a grid, which places tell their neighbours of: a convolutional GRU (arXiv:1511.06432).

What goes behind a curtain goes on in the memory: it moves from place to place there, and comes out in the prediction of the
frame that shows it again. Beside its neighbours each place hears the mean of all, since a curtain falls faster than
neighbours can tell each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput, ShapeError
from gedanken.models.predictor import LONGEST_PAST, LatentState

_KEEPS = 2.0
"""First bias of the keep gate, as a logit: of a memory 0.88 is kept at each step, and half of it for five."""


@dataclass(frozen=True, kw_only=True)
class ConvGRUConfig:
    """How much it can remember, and where.

    Args:
        kind: tells this predictor from the others in a file.
        grid: (h, w) of the latents' places, P = h·w.
        hidden: numbers remembered at each place.
        past: latents an agent keeps for it.
        forgets: whether the memory is emptied before every step, so that only the present latent counts (an ablation).
    """

    kind: Literal["conv_gru"] = "conv_gru"
    grid: tuple[int, int] = (8, 8)
    hidden: int = 48
    past: int = 16
    forgets: bool = False

    def __post_init__(self) -> None:
        if min(*self.grid, self.hidden) < 1 or not 1 <= self.past <= LONGEST_PAST:
            raise BadInput(
                f"grid={self.grid} and hidden={self.hidden} must be at least 1, and past={self.past} between 1 and "
                f"{LONGEST_PAST}."
            )


class ConvGRU(nn.Module):
    """Keeps the `Predictor` contract; its state is (latents `[..., P, D]`, memory `[..., P, hidden]`)."""

    def __init__(self, config: ConvGRUConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config = config
        self.past = config.past
        hidden = config.hidden
        self.from_latent = nn.Conv2d(latent, hidden, kernel_size=3, padding=1)
        # Each of these feeds the reset gate, the keep gate and the new memory, in this order.
        self.to_gates = nn.Conv2d(hidden, 3 * hidden, kernel_size=1)
        self.from_memory = nn.Conv2d(hidden, 3 * hidden, kernel_size=3, padding=1)
        assert self.from_memory.bias is not None
        with (
            torch.no_grad()
        ):  # begin by keeping: what is hidden for six steps is else forgotten before anything is learned
            self.from_memory.bias[hidden : 2 * hidden] = _KEEPS
        self.from_whole = nn.Linear(2 * hidden, 3 * hidden, bias=False)
        self.from_action = nn.Linear(action, 3 * hidden, bias=False)
        self.to_change = nn.Sequential(
            nn.Conv2d(2 * hidden, hidden, kernel_size=3, padding=1), nn.GELU(), nn.Conv2d(hidden, latent, kernel_size=1)
        )

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows gates"]:
        """What an action adds to the gates and the new memory, at every place."""
        return self.from_action(actions)

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past gates"]) -> LatentState:
        """The state at every frame: the memory there has read all frames and actions before it."""
        memory = latents.new_zeros(*latents[:, 0].shape[:-1], self.config.hidden)
        memories = [memory]
        for now, done in zip(latents[:, :-1].unbind(1), condition.unbind(1), strict=True):
            memory = self._placed(self._remembered(self._maps(now), self._maps(memory), done)[0], memory)
            memories.append(memory)
        return latents, torch.stack(memories, dim=1)

    def step(self, state: LatentState, condition: Float[Tensor, "*rows gates"]) -> LatentState:
        """The state one model step later: the present latent is read into the memory, which says what changes."""
        latents, memory = state
        read, seen = self._remembered(self._maps(latents), self._maps(memory), condition.flatten(0, -2))
        change = self.to_change(torch.cat((read, seen), dim=1))
        return latents + self._placed(change, latents).float(), self._placed(read, memory)

    def _remembered(self, latent: Tensor, memory: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """The new memory `[rows, hidden, h, w]`, and what was seen of the latent, likewise."""
        if self.config.forgets:
            memory = torch.zeros_like(memory)
        seen = nn.functional.gelu(self.from_latent(latent))
        whole = self.from_whole(torch.cat((seen, memory), dim=1).mean(dim=(2, 3)))
        inputs = self.to_gates(seen) + (whole + condition)[:, :, None, None]
        reset, keep, new = inputs.chunk(3, dim=1)
        old_reset, old_keep, old_new = self.from_memory(memory).chunk(3, dim=1)
        new = torch.tanh(new + torch.sigmoid(reset + old_reset) * old_new)
        return new + torch.sigmoid(keep + old_keep) * (memory - new), seen

    def _maps(self, places: Float[Tensor, "*rows P width"]) -> Float[Tensor, "n width h w"]:
        height, width = self.config.grid
        if places.shape[-2] != height * width:
            raise ShapeError(
                f"latents have P={places.shape[-2]} places; this predictor's grid of {height} × {width} asks for "
                f"{height * width}."
            )
        # Rows of places come as height × width × channels, which is what channels-last convolutions read.
        return places.reshape(-1, height, width, places.shape[-1]).permute(0, 3, 1, 2)

    @staticmethod
    def _placed(maps: Tensor, like: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1).reshape(*like.shape[:-1], maps.shape[1])
