"""Is the latent still alive? Numbers that catch a collapse while the loss looks healthy, and what to try, in words.

A JEPA can drive its loss down by saying nothing: the same latent for every frame (collapse), the same latent all through
an episode (slow features, arXiv:2211.10831), or a future that does not depend on the action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.types import Windows


@dataclass(frozen=True)
class Health:
    """What the meter reads from one batch; all but the deviations are free of scale.

    Args:
        effective_rank: exp of the entropy of the latents' singular values; from 1 to D.
        std_batch: median over dimensions of the deviation over all frames.
        std_batch_min: the smallest of them.
        std_time: median over dimensions of the deviation inside a window.
        action_sensitivity: how far a swapped action moves the prediction after it, in units of the change one step makes.
        error_over_copy: one-step error against predicting no change; 1 means no better than copy-last.
        error_over_mean: one-step error against predicting the batch mean.
    """

    effective_rank: float
    std_batch: float
    std_batch_min: float
    std_time: float
    action_sensitivity: float
    error_over_copy: float
    error_over_mean: float


@torch.no_grad()
def measure(
    latents: Float[Tensor, "B T P D"], predict: Callable[[Tensor, Tensor], Tensor], actions: Float[Tensor, "B past A"]
) -> Health:
    """Read the meter.

    Args:
        latents: encoded windows `[B, T, P, D]`, B ≥ 2 and T ≥ 3.
        predict: (latents `[B, S, P, D]` in their order, actions `[B, S, A]` that leave them) → latents one model step later.
        actions: `[B, T-1, A]`.
    """
    flat = latents.float().flatten(2)
    centred = flat.flatten(0, 1) - flat.mean(dim=(0, 1))
    shares = torch.linalg.svdvals(centred)
    shares = shares / shares.sum().clamp_min(1e-12)
    deviations = centred.std(dim=0)
    now, following = latents[:, :-1], latents[:, 1:]
    # Only the last action is swapped: whoever remembers would else be shown another past, and move for that alone.
    others = torch.cat([actions[:, :-1], actions[:, -1:].roll(1, dims=0)], dim=1)
    predicted, swapped = predict(now, actions), predict(now, others)
    moved = (predicted - swapped)[:, -1].square().mean()
    change = (following - now).square().mean().clamp_min(1e-12)
    error = (predicted - following).square().mean()
    return Health(
        effective_rank=torch.special.entr(shares).sum().exp().item(),
        std_batch=deviations.median().item(),
        std_batch_min=deviations.min().item(),
        std_time=flat.std(dim=1).mean(dim=0).median().item(),
        action_sensitivity=(moved / change).sqrt().item(),
        error_over_copy=(error / change).item(),
        error_over_mean=(error / centred.square().mean().clamp_min(1e-12)).item(),
    )


def findings(health: Health) -> list[str]:
    """What is wrong, one sentence each with what to try; empty where nothing is."""
    said: list[str] = []
    if health.std_batch < 0.05 or health.effective_rank < 1.5:
        said.append(
            f"Collapsed: different frames get nearly the same latent (deviation {health.std_batch:.3f}, effective rank "
            f"{health.effective_rank:.1f}); raise the variance weight or lower the learning rate."
        )
    elif health.std_time < 0.2 * health.std_batch:
        said.append(
            f"Slow features: latents differ between episodes but hardly within one (deviation in time "
            f"{health.std_time:.3f} against {health.std_batch:.3f} over all); raise the inverse-dynamics or time-variance weight."
        )
    if health.action_sensitivity < 0.2:
        said.append(
            f"Actions hardly matter: swapping them moves the prediction by {health.action_sensitivity:.2f} of one step's "
            "change; check the pairing and units of the actions, or raise the inverse-dynamics weight."
        )
    if health.error_over_copy >= 1.0:
        said.append(
            f"Prediction is no better than copying the last frame ({health.error_over_copy:.2f} of its error); train "
            "longer, or use a larger frame skip so that more changes in a step."
        )
    return said


class CollapseMeter:
    """Reads the meter on one fixed batch of windows at chosen moments of a run.

    Args:
        probe: windows that stay the same for the whole run.
        steps: length of the run; the first reading is at a twentieth, then every twentieth.
    """

    def __init__(self, probe: Windows, steps: int) -> None:
        self.probe = probe
        self._every = max(1, steps // 20)

    def due(self, done: int) -> bool:
        """Whether to read after `done` steps; the first twentieth is left to the warm-up."""
        return done > 0 and done % self._every == 0
