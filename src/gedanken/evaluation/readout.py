"""What a latent says of the sensors: a small network fitted after the fact, on training recordings only.

The model predicts latents, and how wrong it is can be told in a sensor's own unit only through a read-out. It is fitted on
latents of frames and what the sensors read in the same frames, never on predicted ones: shown where a latent led to, it would
learn to predict by itself, and a model that stands still would look good. The model never learns from it.
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
_RIDGE = 1e-6


class Readout(nn.Module):
    """Latents `[..., P, D]` → what n sensors read `[..., n]`, in their own units.

    The best linear map, found exactly, and a network for what it leaves.

    Args:
        latent: P·D, numbers in one latent.
        mean: `[n]` of the sensors.
        scale: `[n]` deviation of the sensors.
    """

    mean: Tensor
    scale: Tensor
    linear: Tensor

    def __init__(self, latent: int, mean: Float[Tensor, " n"], scale: Float[Tensor, " n"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale.clamp_min(_FLOOR))
        self.register_buffer("linear", torch.zeros(latent + 1, len(scale)))
        last = nn.Linear(_HIDDEN, len(scale))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(
            nn.Linear(latent, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, _HIDDEN), nn.GELU(), last
        )

    def forward(self, latents: Float[Tensor, "*rows P D"]) -> Float[Tensor, "*rows n"]:
        """What the sensors would read."""
        flat = latents.flatten(-2)
        return self.mean + self.scale * (flat @ self.linear[:-1] + self.linear[-1] + self.network(flat))


def fit_readout(
    latents: Float[Tensor, "N P D"],
    sensors: Float[Tensor, "N n"],
    *,
    blur: Float[Tensor, "P D"] | None = None,
    steps: int = 1000,
    seed: int = 0,
) -> Readout:
    """Fit by least squares.

    Args:
        latents: of frames of the training recordings.
        sensors: what they read in the same frames, in their own units.
        blur: deviation of noise that latents are read through, such as the size of the errors of what is to be read later;
            none by default.
        steps: optimiser steps of the network, of 512 latents each.
        seed: of the weights, the latents drawn and the noise.
    Raises:
        ShapeError: there are no latents.
        BadInput: `steps` is not positive.
    """
    if not len(latents):
        raise ShapeError("a read-out needs at least one latent with what the sensors read there.")
    if steps < 1:
        raise BadInput(f"steps={steps} must be at least 1; 1000 are a usual choice.")
    latents = latents.detach()
    noise = torch.zeros_like(latents[0]) if blur is None else blur
    generator = Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        readout = Readout(latents[0].numel(), sensors.mean(dim=0), sensors.std(dim=0, correction=0))
    wanted = (sensors - readout.mean) / readout.scale
    readout.linear.copy_(_least_squares(latents.flatten(1), wanted, noise.flatten()))
    optimiser = torch.optim.Adam(readout.parameters(), lr=_LEARNING_RATE)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        rows = torch.randint(len(latents), (_BATCH,), generator=generator)
        blurred = latents[rows] + noise * torch.randn(_BATCH, *noise.shape, generator=generator)
        loss = ((readout(blurred) - sensors[rows]) / readout.scale).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        decay.step()
    return readout.eval()


def _least_squares(
    inputs: Float[Tensor, "N r"], wanted: Float[Tensor, "N n"], noise: Float[Tensor, " r"]
) -> Float[Tensor, "more n"]:
    """Weights of the inputs and last a constant, the best on average over the noise."""
    rows = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1).double()
    moments = rows.T @ rows
    pull = _RIDGE * moments.diagonal().mean() + len(rows) * torch.cat([noise, torch.zeros(1)]).double().square()
    return torch.linalg.solve(moments + pull.diag(), rows.T @ wanted.double()).float()
