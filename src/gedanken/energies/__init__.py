"""What planning minimises, as values: each energy is called with a rollout, a goal and the actions.

In: `Rollout` (latents `[B, N, H, P, D]`), `Goal` (latents `[B, P, D]`), actions `[B, N, H, A]`.
Out: energies `[B, N]`, lower is better, differentiable.
Open `goal.py` first. What *training* minimises is in `losses/`.
"""

from gedanken.energies.algebra import WeightedSum, weighted
from gedanken.energies.doubt import Doubt
from gedanken.energies.effort import Effort
from gedanken.energies.goal import GoalEnergy, TimeToGoal, calibrate_scale, squared_distance

__all__ = [
    "Doubt",
    "Effort",
    "GoalEnergy",
    "TimeToGoal",
    "WeightedSum",
    "calibrate_scale",
    "squared_distance",
    "weighted",
]
