"""Working memory: the last few latents and the actions between them, which is what a prediction starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gedanken.errors import BadInput, ShapeError
from gedanken.types import Context


@dataclass(frozen=True)
class RecentLatents:
    """The last `length` latents of a batch of worlds, oldest first. Writing returns a new memory.

    Args:
        length: latents kept, at least 1; before so many were written, the context is shorter.
        action_width: A, the numbers in one model step's action.
        latents: `[B, T, P, D]` kept so far, or None before the first.
        actions: `[B, T-1, A]` between them, or None before the first.
    """

    length: int
    action_width: int
    latents: Tensor | None = None
    actions: Tensor | None = None

    def __post_init__(self) -> None:
        if self.length < 1 or self.action_width < 1:
            raise BadInput(f"length={self.length} and action_width={self.action_width} must both be at least 1.")

    def __len__(self) -> int:
        return 0 if self.latents is None else self.latents.shape[1]

    def write(self, latent: Tensor, action: Tensor | None = None) -> RecentLatents:
        """The memory after one more moment.

        Args:
            latent: `[B, P, D]`, what is seen now.
            action: `[B, A]` in the environment's own units, what was done since the latent before; None for the first.
        Raises:
            ShapeError: a latent or an action that does not fit what was written before.
            BadInput: an action before the first latent, or none between two.
        """
        if self.latents is None or self.actions is None:
            return self._first(latent, action)
        if action is None:
            raise BadInput("no action was given, but a latent was written before; say what was done in between.")
        batch, _, *shape = self.latents.shape
        if latent.shape != (batch, *shape) or action.shape != (batch, self.action_width):
            raise ShapeError(
                f"latent {tuple(latent.shape)} and action {tuple(action.shape)} do not follow what was written; "
                f"expected [B, P, D] = {(batch, *shape)} and [B, A] = {(batch, self.action_width)}."
            )
        latents = torch.cat([self.latents, latent[:, None]], dim=1)[:, -self.length :]
        actions = torch.cat([self.actions, action[:, None]], dim=1)
        # One action fewer than latents; counted from the end, "the last none" cannot be written as a slice.
        return replace(self, latents=latents, actions=actions[:, actions.shape[1] - latents.shape[1] + 1 :])

    def context(self) -> Context:
        """What is remembered, as the start of a prediction.

        Raises:
            BadInput: nothing was written yet.
        """
        if self.latents is None or self.actions is None:
            raise BadInput("nothing was written yet; write the first latent before asking for a context.")
        return Context(self.latents, self.actions)

    def clear(self) -> RecentLatents:
        """An empty memory of the same length."""
        return RecentLatents(self.length, self.action_width)

    def _first(self, latent: Tensor, action: Tensor | None) -> RecentLatents:
        if action is not None:
            raise BadInput("an action came with the first latent, but it leads from nowhere; give None.")
        if latent.dim() != 3:
            raise ShapeError(f"the latent has shape {tuple(latent.shape)}; expected [B, P, D].")
        actions = torch.zeros(len(latent), 0, self.action_width, device=latent.device)
        return replace(self, latents=latent[:, None], actions=actions)
