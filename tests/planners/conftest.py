"""Worlds in which the best plan is known exactly."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from gedanken.types import Search


@dataclass(frozen=True)
class QuadraticWorld:
    """Linear dynamics and a quadratic energy: x' = F x + G a, energy = Σ xᵀx + effort·aᵀa + 10·|x_H|².

    Args:
        positions: `[B, S]` states to start from.
        forward: `[S, S]`.
        push: `[S, A]`.
    """

    positions: Tensor
    forward: Tensor
    push: Tensor
    horizon: int
    effort: float = 1.0

    def energy_of(self, actions: Tensor) -> Tensor:
        state = self.positions[:, None].expand(-1, actions.shape[1], -1)
        energy = self.effort * actions.square().sum(dim=(-2, -1))
        for step in range(self.horizon):
            state = state @ self.forward.T + actions[:, :, step] @ self.push.T
            energy = energy + state.square().sum(dim=-1)
        return energy + 10 * state.square().sum(dim=-1)

    def optimum(self) -> Tensor:
        """The best actions `[B, H, A]`, by the backward Riccati recursion in float64."""
        forward, push = self.forward.double(), self.push.double()
        identity = torch.eye(len(forward), dtype=torch.float64)
        effort = self.effort * torch.eye(push.shape[1], dtype=torch.float64)
        value, gains = 11 * identity, []
        for _ in range(self.horizon):
            gain = torch.linalg.solve(effort + push.T @ value @ push, push.T @ value @ forward)
            gains.append(gain)
            value = identity + forward.T @ value @ (forward - push @ gain)
        state, actions = self.positions.double(), []
        for gain in reversed(gains):
            actions.append(-state @ gain.T)
            state = state @ forward.T + actions[-1] @ push.T
        return torch.stack(actions, dim=1).float()

    def start(self, std: float = 1.0) -> Search:
        shape = (len(self.positions), self.horizon, self.push.shape[1])
        return Search(torch.zeros(shape), torch.full(shape, std), -10.0, 10.0)


@pytest.fixture
def double_integrator() -> QuadraticWorld:
    """Two problems with a mass on a line: position and speed, pushed by one force, 6 steps."""
    forward, push = torch.tensor([[1.0, 0.5], [0.0, 1.0]]), torch.tensor([[0.125], [0.5]])
    return QuadraticWorld(torch.tensor([[2.0, 0.0], [-1.0, 1.0]]), forward, push, horizon=6)


@pytest.fixture
def many_masses() -> QuadraticWorld:
    """Four masses pushed at once over 12 steps: 48 numbers, too many to hit by chance."""
    return QuadraticWorld(torch.tensor([[2.0, -2.0, 1.0, -1.0]]), torch.eye(4), 0.3 * torch.eye(4), horizon=12)
