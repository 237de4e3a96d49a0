"""Keep latents from collapsing by matching random projections to a Gaussian (SIGReg, arXiv:2511.08544).

A cloud of latents is standard normal when each of its one-dimensional shadows is. A shadow is compared with N(0, 1) by their
characteristic functions (Epps and Pulley): N · ∫ exp(−t²/2) |mean exp(i·t·h) − exp(−t²/2)|² dt over its N values h.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.autograd.function import once_differentiable

from gedanken.collectives import batch_mean, batch_sum, processes
from gedanken.errors import BadInput, ShapeError

_SPACING = 3 / 16
"""The integral from −3 to 3, by symmetry twice that from 0, as a trapezoid sum over 17 knots."""


def sigreg(
    latents: Float[Tensor, "B T P D"], generator: Generator, slices: int = 256, chunk: int = 256
) -> Float[Tensor, ""]:
    """Mean Epps–Pulley statistic of the batch, over time steps, patches and random directions.

    Each time step and patch is a sample of its own, of B latents: change within a trajectory is left free (LeWM,
    arXiv:2603.19312). The statistic keeps its factor N = B, so a weight belongs to a batch size. A standard normal cloud gives
    about 1.06 whatever B, which is the floor; latents that are all zero give 0.402·B. Where several processes hold a part of
    the batch each, all of one size, the statistic is of the whole, and N counts them all; `generator` must be in the same
    state on each, or they would not look from the same directions.

    Args:
        latents: the head before must not end in a norm, which would hold them on a sphere.
        generator: draws the directions, fresh ones at each call.
        slices: directions.
        chunk: directions at a time, which bounds memory to a few times B·T·P·`chunk` numbers and changes nothing else.
    Raises:
        ShapeError: if there are fewer than two latents in the batch.
        BadInput: `slices` or `chunk` is not positive.
    """
    if latents.shape[0] < 2:
        raise ShapeError(f"SIGReg compares at least 2 latents of a batch; got B={latents.shape[0]}.")
    if min(slices, chunk) < 1:
        raise BadInput(f"slices={slices} and chunk={chunk} must each be at least 1.")
    directions = torch.randn(latents.shape[-1], slices, generator=generator, device=generator.device)
    directions = (directions / directions.norm(dim=0)).to(latents.device)
    return _EppsPulley.apply(latents.float(), directions, chunk)


class _EppsPulley(torch.autograd.Function):
    """The statistic and its gradient in one pass, since both are made of the same cosines and sines, the bulk of the work.

    With c = mean cos(t·h) − exp(−t²/2) and s = mean sin(t·h), a knot t of weight w adds w·N·(c² + s²) to the statistic, and
    2·w·t·(s·cos(t·h) − c·sin(t·h)) to its gradient in each h.
    """

    @staticmethod
    def forward(ctx: Any, latents: Tensor, directions: Tensor, chunk: int) -> Tensor:
        statistic, gradient = latents.new_zeros(()), torch.zeros_like(latents)
        with torch.autocast(latents.device.type, enabled=False):
            for some in directions.split(chunk, dim=1):
                part, pull = _statistic(latents @ some)
                statistic += part
                gradient += pull @ some.T
        terms = latents[0, ..., 0].numel() * directions.shape[1]
        ctx.save_for_backward(gradient / terms)
        return statistic / terms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        # Every process's loss holds the statistic, so all of them pull at these latents.
        return batch_sum(upstream[0]) * gradient, None, None


def _statistic(shadows: Float[Tensor, "B T P slices"]) -> tuple[Float[Tensor, ""], Float[Tensor, "B T P slices"]]:
    """The statistic over the batch, summed over all else, and its gradient in the shadows."""
    knots = _SPACING * torch.arange(17, dtype=torch.float64)
    normal = torch.exp(-knots.square() / 2)
    weights = 2 * _SPACING * normal
    weights[-1] /= 2
    total, pull = shadows.new_zeros(()), torch.zeros_like(shadows)
    # At the first knot, 0, every characteristic function is 1.
    for knot, target, weight in zip(knots.tolist()[1:], normal.tolist()[1:], weights.tolist()[1:], strict=True):
        angles = knot * shadows
        cosine, sine = angles.cos(), angles.sin()
        c, s = batch_mean(torch.stack([cosine.mean(dim=0), sine.mean(dim=0)]))
        c = c - target
        total += weight * processes() * len(shadows) * (c.square() + s.square()).sum()
        pull.addcmul_(s, cosine, value=2 * weight * knot).addcmul_(c, sine, value=-2 * weight * knot)
    return total, pull
