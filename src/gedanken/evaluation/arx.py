"""The linear model that a learned one has to beat on sensors: ARX, fitted by least squares (Ljung, System Identification, 1999).

    y(t+1) = Σ A_i y(t−i) + Σ B_i u(t−i) + c,    i = 0 … order−1

where y is what the sensors read and u(t) the action that leaves frame t. Fitted to one step ahead and run on its own output
for more, which is what is usually meant by a linear baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, NonFinite, ShapeError

_TINY = 1e-12


@dataclass(frozen=True)
class ARX:
    """A fitted model; it reads `order` frames and the actions that leave them, in their own units.

    Args:
        weights: `[n, order·n + order·m + 1]` float64: of the outputs, newest first, of the inputs, newest first, and 1.
        order: frames it reads.
    """

    weights: Float[Tensor, "n regressors"]
    order: int

    def predict(self, outputs: Float[Tensor, "W T n"], inputs: Float[Tensor, "W steps m"]) -> Float[Tensor, "W K n"]:
        """What comes after the last of `outputs`, run on its own predictions.

        Args:
            outputs: `[W, T, n]` frames up to now, T ≥ order; the last `order` are read.
            inputs: `[W, T-1+K, m]` actions from the first of these frames on; the last K leave frames yet to come or now.
        Returns:
            `[W, K, n]` outputs 1 … K steps ahead.
        Raises:
            ShapeError: fewer than `order` frames, no step to predict, or other widths than it was fitted to.
        """
        ahead = inputs.shape[1] - outputs.shape[1] + 1
        width = self.order * (outputs.shape[2] + inputs.shape[2]) + 1
        if outputs.shape[1] < self.order or ahead < 1 or self.weights.shape != (outputs.shape[2], width):
            raise ShapeError(
                f"{tuple(outputs.shape)} outputs with {tuple(inputs.shape)} inputs do not fit an ARX of order {self.order} "
                f"with weights {tuple(self.weights.shape)}; give at least {self.order} frames, and an action for each "
                "frame that is left."
            )
        seen = outputs.double()
        for _ in range(ahead):
            now = seen.shape[1]
            known = inputs[:, now - self.order : now].double()
            seen = torch.cat([seen, (_regressors(seen[:, -self.order :], known) @ self.weights.T)[:, None]], dim=1)
        return seen[:, outputs.shape[1] :]

    def simulate(self, outputs: Float[Tensor, "T n"], inputs: Float[Tensor, "steps m"]) -> Float[Tensor, "L n"]:
        """A whole record from its first frames and all its actions: `[L, n]`, L = actions + 1; see `predict`."""
        return torch.cat([outputs.double(), self.predict(outputs[None], inputs[None])[0]])


def fit_arx(
    outputs: Float[Tensor, "W T n"], inputs: Float[Tensor, "W past m"], order: int, *, ridge: float = 0.0
) -> ARX:
    """Least squares over all steps of all windows.

    Args:
        outputs: `[W, T, n]` windows of what the sensors read, T > order; a whole record is one window.
        inputs: `[W, T-1, m]` actions between the frames.
        order: frames that the prediction reads.
        ridge: pull of all weights but the constant towards 0, as a share of the mean square of a regressor brought to
            deviation 1; 0 is plain least squares, of which the shortest solution is taken where there are many.
    Raises:
        BadInput: `order` or `ridge` is out of range.
        ShapeError: windows too short for the order, or not one action less than frames.
        NonFinite: NaN or infinity in the recordings.
    """
    if order < 1 or ridge < 0:
        raise BadInput(f"order={order} must be at least 1, and ridge={ridge} at least 0.")
    count, length, _ = outputs.shape
    if length <= order or not count or inputs.shape[:2] != (count, length - 1):
        raise ShapeError(
            f"{tuple(outputs.shape)} outputs with {tuple(inputs.shape)} inputs cannot fit an ARX of order {order}; windows "
            f"need at least {order + 1} frames, and one action less than frames."
        )
    if not (torch.isfinite(outputs).all() and torch.isfinite(inputs).all()):
        raise NonFinite("an ARX needs finite recordings; cut or mend the frames with NaN or infinity.")
    seen, done = outputs.double(), inputs.double()
    steps = range(order, length)
    rows = torch.cat([_regressors(seen[:, t - order : t], done[:, t - order : t]) for t in steps])
    wanted = torch.cat([seen[:, t] for t in steps])
    # Brought to one scale, or a small unit would weigh more in the rank that is decided on; the constant takes up the means.
    mean, scale = rows.mean(dim=0), rows.std(dim=0, correction=0)
    mean[-1], scale[-1] = 0.0, 1.0
    scale = torch.where(scale > _TINY * (1 + mean.abs()), scale, 1.0)
    normal = (rows - mean) / scale
    if ridge:
        pull = (ridge * len(normal)) ** 0.5 * torch.eye(normal.shape[1], dtype=torch.float64)[:-1]
        normal, wanted = torch.cat([normal, pull]), torch.cat([wanted, wanted.new_zeros(len(pull), wanted.shape[1])])
    solved = torch.linalg.lstsq(normal, wanted, driver="gelsd").solution / scale[:, None]
    solved[-1] -= mean @ solved
    return ARX(solved.T.contiguous(), order)


def _regressors(outputs: Float[Tensor, "W order n"], inputs: Float[Tensor, "W order m"]) -> Float[Tensor, "W r"]:
    """Outputs and inputs, each newest first, and 1."""
    return torch.cat([outputs.flip(1).flatten(1), inputs.flip(1).flatten(1), outputs.new_ones(len(outputs), 1)], dim=1)
