"""The energy over actions: what the planner sees when it asks where to go first.

One environment action is held for a few model steps, then nothing is done; two of its numbers span a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gedanken.contracts import Energy, WorldModel
from gedanken.errors import BadInput, NonFinite
from gedanken.types import ActionSpec, Context, Goal


@dataclass(frozen=True)
class Landscape:
    """Energies over a grid of actions, in the environment's own units.

    Args:
        x: `[X]` values of the first number of the action.
        y: `[Y]` values of the second.
        energy: `[Y, X]`; NaN where the action's norm allows none.
        minimum: (x, y) of least energy.
        true: (x, y) of the action an expert would take, or None.
        unit: of the actions.
    """

    x: np.ndarray
    y: np.ndarray
    energy: np.ndarray
    minimum: tuple[float, float]
    true: tuple[float, float] | None = None
    unit: str = ""


@torch.no_grad()
def action_landscape(
    model: WorldModel,
    energy: Energy,
    context: Context,
    goal: Goal,
    *,
    hold: int = 4,
    horizon: int | None = None,
    points: int = 41,
    true: Sequence[float | int] | Tensor | None = None,
    axes: tuple[int, int] = (0, 1),
) -> Landscape:
    """The energy of holding each action of a grid.

    Args:
        model: what imagines.
        energy: what planning minimises.
        context: of one problem, B = 1.
        goal: of one problem, B = 1.
        hold: model steps for which the action is held.
        horizon: H, model steps in all, with zero actions after `hold`; by default nothing follows.
        points: grid points along each axis.
        true: an expert's action, `width` numbers, to be marked.
        axes: the two numbers of the action that are varied; the others are 0.
    Raises:
        BadInput: more than one problem, an action of fewer than two numbers, or impossible counts.
        NonFinite: an energy is not finite.
    """
    action, horizon = model.action, hold if horizon is None else horizon
    if len(context.latents) != 1 or len(goal.latents) != 1:
        raise BadInput(
            f"a landscape is of one problem; got {len(context.latents)} contexts, {len(goal.latents)} goals."
        )
    if not 1 <= hold <= horizon or points < 2:
        raise BadInput(f"hold={hold} must lie between 1 and horizon={horizon}, and points={points} be at least 2.")
    if axes[0] == axes[1] or not all(0 <= axis < action.width for axis in axes):
        raise BadInput(f"axes={axes} must be two different numbers of an action of width {action.width}.")
    x, y = (torch.linspace(action.low[axis], action.high[axis], points) for axis in axes)
    grid = torch.zeros(points * points, action.width)
    grid[:, axes[0]], grid[:, axes[1]] = x.repeat(points), y.repeat_interleave(points)
    blocks = torch.zeros(1, len(grid), horizon, model.frame_skip * action.width)
    blocks[:, :, :hold] = grid.repeat(1, model.frame_skip)[None, :, None]
    values = energy(model.rollout(context, blocks), goal, blocks)[0].float()
    if not torch.isfinite(values).all():
        raise NonFinite(
            "the energy of some action is not finite; check the model and the energy with contracts.check_energy."
        )
    values = torch.where(_allowed(grid, action), values, torch.nan)
    lowest = grid[int(torch.where(values.isnan(), torch.inf, values).argmin())]
    return Landscape(
        x.numpy(),
        y.numpy(),
        values.view(points, points).numpy(),
        minimum=_pair(lowest, axes),
        true=None if true is None else _pair(torch.as_tensor(true), axes),
        unit=action.unit,
    )


def _allowed(actions: Tensor, spec: ActionSpec) -> Tensor:
    if spec.norm is None:
        return torch.ones(len(actions), dtype=torch.bool)
    return actions.norm(dim=-1) <= spec.norm * (1 + 1e-5)


def _pair(action: Tensor, axes: tuple[int, int]) -> tuple[float, float]:
    return float(action[axes[0]]), float(action[axes[1]])
