"""How large the actions are: the energy that makes two equally good plans differ."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, ShapeError
from gedanken.types import Goal, Rollout


@dataclass(frozen=True)
class Effort:
    """Mean over H and A of (action / scale)²; 1 where every number of every action is as large as its scale.

    Args:
        scale: size of a large action in the environment's own units (> 0): one number for all, or one for each number
            of an environment action.
    """

    scale: float | tuple[float, ...]

    def __post_init__(self) -> None:
        if not self._scales or not all(0 < scale < float("inf") for scale in self._scales):
            raise BadInput(f"scale={self.scale} must hold positive numbers; the action's high bound is a usual choice.")

    @property
    def _scales(self) -> tuple[float, ...]:
        return self.scale if isinstance(self.scale, tuple) else (self.scale,)

    def __call__(self, rollout: Rollout, goal: Goal, actions: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N"]:
        """Energies `[B, N]` of the actions alone.

        Raises:
            ShapeError: the actions are not `[B, N, H, A]`, or A is no multiple of the number of scales.
        """
        width = len(self._scales)
        if actions.dim() != 4 or actions.shape[-1] % width:
            raise ShapeError(
                f"actions have shape {tuple(actions.shape)}; expected [B, N, H, A] with A a multiple of the {width} "
                "scales, one for each number of an environment action."
            )
        # A model step is a block of environment steps, and each of them has the same scales.
        scales = torch.tensor(self._scales, dtype=actions.dtype, device=actions.device)
        return (actions.unflatten(-1, (-1, width)) / scales).square().mean(dim=(-3, -2, -1))
