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
_BATCH, _PAIRS = 512, 16_384
_RIDGE = 1e-6
_LEARNING_RATE = 3e-3
_FLOOR = 1e-12


class Readout(nn.Module):
    """Two latents `[..., P, D]` → how far each of n sensors is from the first to the second `[..., n]`, in its own unit.

    The best linear map, found exactly, and a network for what it leaves.

    Args:
        latent: P·D, numbers in one latent.
        scale: `[n]` a usual change of each sensor.
    """

    scale: Tensor
    linear: Tensor

    def __init__(self, latent: int, scale: Float[Tensor, " n"]) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clamp_min(_FLOOR))
        self.register_buffer("linear", torch.zeros(2 * latent + 1, len(scale)))
        self.network = nn.Sequential(
            nn.Linear(2 * latent, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, len(scale)),
        )
        nn.init.zeros_(self.network[-1].weight)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.network[-1].bias)  # pyright: ignore[reportArgumentType]

    def forward(self, now: Float[Tensor, "*rows P D"], then: Float[Tensor, "*rows P D"]) -> Float[Tensor, "*rows n"]:
        """The change from `now` to `then`."""
        pair = _paired(now, then)
        return (pair @ self.linear[:-1] + self.linear[-1] + self.network(pair)) * self.scale


def fit_readout(
    latents: Float[Tensor, "W T P D"], sensors: Float[Tensor, "W T n"], *, steps: int = 1000, seed: int = 0
) -> Readout:
    """Fit by least squares on pairs of frames of the same window, the earlier first.

    Args:
        latents: encoded windows of the training recordings.
        sensors: what the sensors read in them.
        steps: optimiser steps of the network, of 512 pairs each.
        seed: of the weights and of the pairs drawn.
    Raises:
        ShapeError: not one row of sensors a latent, or windows of a single frame.
        BadInput: `steps` is not positive.
    """
    count, length = latents.shape[:2]
    if sensors.shape[:2] != (count, length) or length < 2 or not count:
        raise ShapeError(
            f"latents {tuple(latents.shape)} and sensors {tuple(sensors.shape)} make no pairs; give windows of two frames "
            "or more, with a row of sensors for each latent."
        )
    if steps < 1:
        raise BadInput(f"steps={steps} must be at least 1; 1000 are a usual choice.")
    latents, generator = latents.detach(), Generator().manual_seed(seed)

    def drawn(pairs: int) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.randint(count, (pairs,), generator=generator)
        first, second = (
            torch.rand(pairs, length, generator=generator).topk(2, dim=1).indices.sort(dim=1).values.unbind(1)
        )
        return latents[rows, first], latents[rows, second], sensors[rows, second] - sensors[rows, first]

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        readout = Readout(latents[0, 0].numel(), drawn(_PAIRS)[2].square().mean(dim=0).sqrt())
    now, then, change = drawn(_PAIRS)
    readout.linear.copy_(_least_squares(_paired(now, then), change / readout.scale))
    optimiser = torch.optim.Adam(readout.parameters(), lr=_LEARNING_RATE)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        now, then, change = drawn(_BATCH)
        loss = ((readout(now, then) - change) / readout.scale).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        decay.step()
    return readout.eval()


def _paired(now: Tensor, then: Tensor) -> Float[Tensor, "*rows twice"]:
    return torch.cat([now.flatten(-2), (then - now).flatten(-2)], dim=-1)


def _least_squares(inputs: Float[Tensor, "pairs r"], wanted: Float[Tensor, "pairs n"]) -> Float[Tensor, "more n"]:
    """Weights of the inputs and last a constant, pulled a little towards 0."""
    rows = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1).double()
    moments = rows.T @ rows
    pull = _RIDGE * moments.diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
    return torch.linalg.solve(moments + pull, rows.T @ wanted.double()).float()
