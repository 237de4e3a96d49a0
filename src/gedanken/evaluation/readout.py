"""What a latent says of the sensors: a small network fitted after the fact, on training windows only.

The model predicts latents, and how wrong it is can be told in a sensor's own unit only through a read-out. It is asked for
the change of each sensor from one latent to another, since what the sensors read now is known to whoever predicts. The model
never learns from it, and it never sees a predicted latent while it is fitted.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from gedanken.errors import BadInput, ShapeError

_HIDDEN = 128
_BATCH = 512
_LEARNING_RATE = 3e-3
_FLOOR = 1e-12


class Readout(nn.Module):
    """Two latents `[..., P, D]` → how far each of n sensors is from the first to the second `[..., n]`, in its own unit.

    Args:
        latent: P·D, numbers in one latent.
        scale: `[n]` a usual change of each sensor.
    """

    scale: Tensor

    def __init__(self, latent: int, scale: Float[Tensor, " n"]) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clamp_min(_FLOOR))
        self.linear = nn.Linear(2 * latent, len(scale))
        self.network = nn.Sequential(
            nn.Linear(2 * latent, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, len(scale)),
        )

    def forward(self, now: Float[Tensor, "*rows P D"], then: Float[Tensor, "*rows P D"]) -> Float[Tensor, "*rows n"]:
        """The change from `now` to `then`."""
        pair = torch.cat([now.flatten(-2), (then - now).flatten(-2)], dim=-1)
        return (self.linear(pair) + self.network(pair)) * self.scale


def fit_readout(
    latents: Float[Tensor, "W T P D"], sensors: Float[Tensor, "W T n"], *, steps: int = 1000, seed: int = 0
) -> Readout:
    """Fit by least squares on pairs of frames of the same window, the earlier first.

    Args:
        latents: encoded windows of the training recordings, detached.
        sensors: what the sensors read in them.
        steps: optimiser steps of 512 pairs each.
        seed: of the weights and of the pairs drawn.
    Raises:
        ShapeError: not one row of sensors a latent, or windows of a single frame.
        BadInput: `steps` is not positive.
    """
    if latents.shape[:2] != sensors.shape[:2] or latents.shape[1] < 2 or not len(latents):
        raise ShapeError(
            f"latents {tuple(latents.shape)} and sensors {tuple(sensors.shape)} make no pairs; give windows of two frames "
            "or more, with a row of sensors for each latent."
        )
    if steps < 1:
        raise BadInput(f"steps={steps} must be at least 1; 1000 are a usual choice.")
    changes = (sensors[:, 1:] - sensors[:, :1]).flatten(0, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        readout = Readout(latents[0, 0].numel(), changes.square().mean(dim=0).sqrt())
    optimiser = torch.optim.Adam(readout.parameters(), lr=_LEARNING_RATE)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.1)
    generator = Generator().manual_seed(seed)
    count, length = latents.shape[:2]
    for _ in range(steps):
        rows = torch.randint(count, (_BATCH,), generator=generator)
        frames = torch.rand(_BATCH, length, generator=generator).topk(2, dim=1).indices.sort(dim=1).values
        first, second = frames.unbind(dim=1)
        told = readout(latents[rows, first], latents[rows, second])
        loss = ((told - (sensors[rows, second] - sensors[rows, first])) / readout.scale).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        decay.step()
    return readout.eval()
