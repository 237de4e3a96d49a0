"""Energies are values: they add and weigh, and the sum is again an energy."""

from dataclasses import dataclass
from math import isfinite

from jaxtyping import Float
from torch import Tensor

from gedanken.contracts import Energy
from gedanken.errors import BadInput
from gedanken.types import Goal, Rollout


@dataclass(frozen=True, repr=False)
class WeightedSum:
    """Σ weight · energy; made by `weighted`.

    Args:
        terms: weights and energies.
    """

    terms: tuple[tuple[float, Energy], ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise BadInput("a sum of no energies; give at least one (weight, energy) pair.")
        for weight, energy in self.terms:
            if not isfinite(weight):
                raise BadInput(f"the weight of {energy!r} is {weight}; give a finite number.")

    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`, the terms' shapes and errors."""
        (weight, energy), *others = self.terms
        total = weight * energy(rollout, goal, actions)
        for weight, energy in others:
            total = total + weight * energy(rollout, goal, actions)
        return total

    def __repr__(self) -> str:
        return " + ".join(f"{weight:g}·{_named(energy)}" for weight, energy in self.terms)


def weighted(*terms: tuple[float, Energy]) -> WeightedSum:
    """The weighted sum of energies: `weighted((1.0, TimeToGoal(0.03)), (0.1, Effort(1.8)))`.

    Raises:
        BadInput: no terms, or a weight that is not finite.
    """
    return WeightedSum(terms)


def _named(energy: Energy) -> str:
    # A plain function's own repr is an address; a sum within a sum needs its brackets.
    if isinstance(energy, WeightedSum):
        return f"({energy!r})"
    return getattr(energy, "__name__", None) or repr(energy)
