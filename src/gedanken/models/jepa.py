"""A joint-embedding predictive world model: an encoder, and a predictor that never leaves latent space."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.contracts import Encoder
from gedanken.errors import BadInput, ShapeError
from gedanken.models.residual_mlp import ResidualMLP
from gedanken.types import ActionSpec, Context, Observation, Rollout


class JEPA(nn.Module):
    """Encoder and predictor, with the statistics that turn an environment's units into theirs.

    Args:
        encoder: a module that keeps the `Encoder` contract.
        predictor: one model step in latent space.
        action: what one environment action is.
        frame_skip: environment steps in one model step, so A = frame_skip × action.width.
    """

    action_mean: Tensor
    action_std: Tensor
    step_change: Tensor

    def __init__(self, encoder: nn.Module, predictor: ResidualMLP, action: ActionSpec, frame_skip: int) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise BadInput(f"{type(encoder).__name__} has no `encode`; see gedanken.contracts.Encoder.")
        self.encoder = encoder
        self.predictor = predictor
        self.action = action
        self.frame_skip = frame_skip
        self.register_buffer("action_mean", torch.zeros(frame_skip * action.width))
        self.register_buffer("action_std", torch.ones(frame_skip * action.width))
        # Median squared latent change of one model step in the training data: the unit of every threshold in planning.
        self.register_buffer("step_change", torch.zeros(()))

    def set_statistics(self, statistics: Mapping[str, Tensor]) -> None:
        """Fix the normaliser: `pixel_mean`, `pixel_std`, `action_mean`, `action_std`, fitted on the training split only.

        Raises:
            ShapeError: if one of them has another length than the model's buffer of that name.
        """
        buffers = {name.rpartition(".")[2]: buffer for name, buffer in self.named_buffers()}
        for name, value in statistics.items():
            if name not in buffers or buffers[name].shape != value.shape:
                expected = tuple(buffers[name].shape) if name in buffers else f"one of {sorted(buffers)}"
                raise ShapeError(f"statistic {name!r} has shape {tuple(value.shape)}; the model expects {expected}.")
            buffers[name].copy_(value)

    def normalised(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows A"]:
        """Actions in the environment's units → z-scores."""
        return (actions - self.action_mean) / self.action_std

    def encode(self, observations: Observation) -> Float[Tensor, "B T P D"]:
        """Streams `[B, T, ...]` → latents `[B, T, P, D]`."""
        return self.encoder.encode(observations)  # pyright: ignore[reportCallIssue]

    def rollout(self, context: Context, actions: Float[Tensor, "B N H A"]) -> Rollout:
        """Latents predicted for candidate actions in the environment's own units, one latent an action.

        Raises:
            ShapeError: if the actions' width is not frame_skip × the environment's, or batches differ.
        """
        batch, candidates, horizon, width = actions.shape
        if width != self.action_mean.numel() or batch != context.latents.shape[0]:
            raise ShapeError(
                f"actions are {tuple(actions.shape)}; expected [B={context.latents.shape[0]}, N, H, "
                f"A={self.action_mean.numel()}] (A = frame_skip {self.frame_skip} × width {self.action.width})."
            )
        condition = self.predictor.condition(self.normalised(actions))
        latents = context.latents[:, -1:].expand(-1, candidates, -1, -1)
        steps: list[Tensor] = []
        for step in range(horizon):
            latents = self.predictor(latents, condition[:, :, step])
            steps.append(latents)
        return Rollout(torch.stack(steps, dim=2))
