"""How wrong a prediction will be, predicted: a model that knows where it is not to be trusted.

A planner looks for the plan of least energy, and finds the places where the model errs in its favour. Where it errs can be
learned from the same data: the head sees a latent, an action and the latent predicted, and says how far the truth will lie
from it. It is trained on errors of its own model after that model is done (`recipes/error_head.py`).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class ErrorHead(nn.Module):
    """Latents before and as predicted `[..., P, D]` and the action between, in z-scores `[..., A]` → `[...]`: the expected
    logarithm of 1 + squared error of the prediction, in step changes of the model.

    Args:
        latent: D.
        action: A.
        hidden: units of both hidden layers.
    """

    def __init__(self, latent: int, action: int, hidden: int) -> None:
        super().__init__()
        self.from_latent = nn.Linear(latent, hidden)
        self.from_action = nn.Linear(action, hidden, bias=False)
        self.to_latent = nn.Linear(latent, hidden)
        self.body = nn.Sequential(nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(
        self,
        before: Float[Tensor, "*rows P D"],
        actions: Float[Tensor, "*rows A"],
        predicted: Float[Tensor, "*rows P D"],
    ) -> Float[Tensor, "*rows"]:
        """log(1 + error), mean over P."""
        inner = self.from_latent(before) + self.to_latent(predicted) + self.from_action(actions).unsqueeze(-2)
        return self.body(inner)[..., 0].mean(dim=-1)
