"""PLDM: predict in latent space, hold the latents up by VICReg, and by asking which action was taken (arXiv:2502.14819).

The weights are EB-JEPA's scale (arXiv:2602.03604: 16 variance, 8 covariance, 12 temporal similarity), with all frames as samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Generator, Tensor, nn

from gedanken.energies.losses import (
    InverseDynamics,
    covariance,
    open_loop_errors,
    temporal_similarity,
    time_variance,
    variance,
)
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.types import Windows


@dataclass(frozen=True, kw_only=True)
class PLDMConfig:
    """How the terms are weighed, each in its paper's own scale.

    Args:
        ahead: steps predicted in open loop.
        starts: frames of a window to predict from, its first ones; 0 takes every frame, at several times the predictor's cost.
        prediction, variance, covariance, temporal_similarity, inverse_dynamics, time_variance: weights; 0 leaves out.
    """

    ahead: int = 8
    starts: int = 0
    prediction: float = 1.0
    variance: float = 16.0
    covariance: float = 8.0
    temporal_similarity: float = 12.0
    inverse_dynamics: float = 4.0
    time_variance: float = 0.0

    def __post_init__(self) -> None:
        if self.ahead < 1 or self.starts < 0:
            raise BadInput(f"ahead={self.ahead} must be at least 1 step, and starts={self.starts} at least 0.")
        weights = {name: value for name, value in vars(self).items() if name not in ("ahead", "starts")}
        if wrong := [name for name, value in weights.items() if value < 0]:
            raise BadInput(f"the weights {', '.join(wrong)} are negative; 0 leaves a term out.")


class PLDM(nn.Module):
    """The objective: weighted terms of one batch. Its inverse-dynamics head is trained along and then dropped."""

    def __init__(self, config: PLDMConfig, latent: int, width: int, frame_skip: int) -> None:
        super().__init__()
        self.config = config
        self.inverse_dynamics = InverseDynamics(latent, width, frame_skip)

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        """Weighted terms by name."""
        weigh = self.config
        latents = model.encode(windows.observations)
        samples = latents.flatten(2).flatten(0, 1)

        terms = {
            "prediction": (
                weigh.prediction,
                lambda: open_loop_errors(
                    model.open_loop(latents, windows.actions, weigh.ahead, weigh.starts or None), latents
                ).mean(),
            ),
            "variance": (weigh.variance, lambda: variance(samples)),
            "covariance": (weigh.covariance, lambda: covariance(samples)),
            "temporal_similarity": (weigh.temporal_similarity, lambda: temporal_similarity(latents)),
            "inverse_dynamics": (
                weigh.inverse_dynamics,
                lambda: self.inverse_dynamics(latents, model.normalised(windows.actions)),
            ),
            "time_variance": (weigh.time_variance, lambda: time_variance(latents)),
        }
        return {name: weight * term() for name, (weight, term) in terms.items() if weight}
