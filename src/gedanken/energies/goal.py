"""How far from the goal a rollout is, in latent space, and how long it takes to get there.

A sum of distances makes waiting behind a wall the cheapest plan when the way round leads away from the goal first, even
with a perfect model. `TimeToGoal` saturates: outside the goal's neighbourhood every step costs about 1, near or far, so
the sum counts the time to the goal, and a strong terminal term asks to have been there.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import Goal, Rollout

_TINY = 1e-12  # keeps the square root differentiable at the goal itself; far below any latent distance that matters


def squared_distance(rollout: Rollout, goal: Goal) -> Float[Tensor, "B N H"]:
    """Mean over P and D of (latent − goal)², for each step of each candidate.

    Args:
        rollout: latents `[B, N, H, P, D]`.
        goal: latents `[B, P, D]`.
    Returns:
        squared distances in float32 whatever the latents' type, as bf16 cannot tell near from at the goal.
    Raises:
        ShapeError: the goal has another number of problems, patches or latent width.
    """
    latents, aim = rollout.latents, goal.latents
    if latents.dim() != 5 or aim.shape != (latents.shape[0], *latents.shape[3:]):
        raise ShapeError(
            f"the goal has latents {tuple(aim.shape)} and the rollout {tuple(latents.shape)}; expected [B, P, D] and "
            "[B, N, H, P, D] with the same B, P and D. Encode the goal with the encoder the model was trained with."
        )
    # Squared in place: of many candidates the differences leave the cache, and memory taken anew costs more than the sum.
    return (latents.float() - aim.float()[:, None, None]).square_().mean(dim=(-2, -1))


@dataclass(frozen=True)
class GoalEnergy:
    """Latent distance to the goal: Σ_h d_h + terminal · d_H, with d the squared distance or its root.

    Args:
        weights: `sum` adds the distances of all steps, `last` reads only the last step.
        root: take the root of each squared distance, so that near the goal a plan still gains by coming nearer.
        terminal: how often the last step counts once more (≥ 0).
    """

    weights: Literal["sum", "last"] = "sum"
    root: bool = False
    terminal: float = 0.0

    def __post_init__(self) -> None:
        if self.weights not in ("sum", "last"):
            raise BadInput(f"weights={self.weights!r}; expected 'sum' (every step) or 'last' (only the last one).")
        if not 0 <= self.terminal < float("inf"):
            raise BadInput(f"terminal={self.terminal} must be a number of at least 0; 0 counts the last step once.")

    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`; see `squared_distance` for shapes and errors."""
        seen = Rollout(rollout.latents[:, :, -1:]) if self.weights == "last" else rollout
        distance = squared_distance(seen, goal)
        if self.root:
            distance = (distance + _TINY).sqrt()
        return distance.sum(dim=-1) + self.terminal * distance[..., -1]


@dataclass(frozen=True)
class TimeToGoal:
    """Σ_h [1 − exp(−e_h / scale)] + terminal · √e_H, with e_h the least squared latent distance to the goal up to step h.

    The least so far, since an agent holds at the goal instead of following its plan beyond. A model errs little in each step
    of rest, but by the end of a horizon it may imagine itself drifted away: then no place would look worse than the goal.

    Args:
        scale: squared latent distance at the edge of the goal's neighbourhood (> 0); `calibrate_scale` measures it.
        terminal: weight of the least distance (≥ 0); without it a plan may always postpone its arrival.
        absorbing: count a goal as reached for good; False asks the plan to stay there, for worlds that cannot stop at once.
    """

    scale: float
    terminal: float = 30.0
    absorbing: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise BadInput(f"scale={self.scale} must be a positive number; `calibrate_scale` gives one from latents.")
        if not 0 <= self.terminal < float("inf"):
            raise BadInput(f"terminal={self.terminal} must be a number of at least 0; 30 is a usual choice.")

    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`; see `squared_distance` for shapes and errors."""
        distance = squared_distance(rollout, goal)
        if self.absorbing:
            distance = distance.cummin(dim=-1).values
        running = -torch.expm1(-distance / self.scale)
        return running.sum(dim=-1) + self.terminal * (distance[..., -1] + _TINY).sqrt()


def calibrate_scale(latents: Float[Tensor, "B T P D"]) -> float:
    """A `TimeToGoal.scale` without labels: twice the median change of a latent in one step (mean square over P and D).

    Args:
        latents: `[B, T, P, D]` of ordinary data, one model step apart.
    Raises:
        ShapeError: other axes, or fewer than two frames.
        NonFinite: the latents hold NaN or infinity.
        BadInput: the median latent does not change at all.
    """
    if latents.dim() != 4 or latents.shape[1] < 2 or latents.numel() == 0:
        raise ShapeError(f"latents have shape {tuple(latents.shape)}; expected [B, T, P, D] with at least 2 frames.")
    change = latents.float().diff(dim=1).square().mean(dim=(-2, -1))
    if not torch.isfinite(change).all():
        raise NonFinite("the latents hold NaN or infinity; check the encoder and its normaliser.")
    median = float(change.median())
    if median <= 0:
        raise BadInput(
            "the median latent does not change in one step, so no scale follows from it; give data in which "
            "something moves, or check whether the encoder has collapsed."
        )
    return 2.0 * median
