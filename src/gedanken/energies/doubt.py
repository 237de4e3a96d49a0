"""How little a model trusts its own imagination: the energy that keeps a planner from what only looks possible."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput
from gedanken.types import Goal, Rollout


@dataclass(frozen=True)
class Doubt:
    """Σ_h max(0, log((1 + e_h) / (1 + tolerated))), with e the error that the model expects of each of its steps.

    The logarithm, since errors at a contact are hundreds of times those in the open: one such step is a reason to go another
    way, and not more of a reason than any distance.

    Args:
        tolerated: squared error that costs nothing, in step changes of the model (≥ 0); no model is exact anywhere.
    """

    tolerated: float = 0.65

    def __post_init__(self) -> None:
        if not 0 <= self.tolerated < float("inf"):
            raise BadInput(f"tolerated={self.tolerated} must be a number of at least 0; 0.65 is a usual choice.")

    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`.

        Raises:
            BadInput: the model that imagined this does not say what errors it expects.
        """
        if rollout.expected_error is None:
            raise BadInput(
                "this model does not say how wrong it expects to be, so doubt cannot be weighed; train it with a recipe that "
                "has an `error_head`, or plan with AgentConfig(doubt=0)."
            )
        errors = torch.log1p(rollout.expected_error)
        return (errors - torch.log1p(errors.new_tensor(self.tolerated))).clamp_min(0).sum(dim=-1)
