"""Ask an energy function for energies, and accept nothing but one finite number for each candidate."""

import torch
from torch import Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import NonFinite, ShapeError


def scored(energy_of: EnergyOf, actions: Tensor, number: int) -> Tensor:
    """Energies `[B, N]` of actions `[B, N, H, A]`.

    Args:
        energy_of: the function a planner was given.
        actions: candidates in the environment's own units.
        number: which round of the search asks, counted from 1; named in the error.
    Raises:
        ShapeError: not one energy for each candidate.
        NonFinite: some energies are NaN or infinite; a plan chosen among them would mean nothing.
    """
    energies = energy_of(actions)
    expected = tuple(actions.shape[:2])
    if tuple(energies.shape) != expected:
        raise ShapeError(
            f"energy_of returned {tuple(energies.shape)} for actions {tuple(actions.shape)}; "
            f"expected [B, N] = {expected}, one energy for each candidate."
        )
    wrong = int((~torch.isfinite(energies)).sum())
    if wrong:
        raise NonFinite(
            f"{wrong} of {energies.numel()} energies are NaN or infinite in round {number} of the search; "
            "check the model's rollout and the goal for non-finite latents, or narrow the search's bounds."
        )
    return energies
