"""Whether products in bfloat16 are faster here, and safe: what they round must be small beside what actions do to a latent.

A planner compares candidates, so an error matters in units of how far apart their latents are, and not in units of a latent.
Where actions hardly move latents, as in a model that is barely trained, rounding would choose the plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

LARGEST_ROUNDING = 0.03
"""Of the deviation between candidates' latents; with LeWM's sizes and drawn weights it is 1.3 %, and the ten best of a hundred
candidates were the same ten for either of two goals."""

_CANDIDATES, _HORIZON, _TIMED, _WORTHWHILE = 64, 5, 3, 0.8


@runtime_checkable
class Engine(Protocol):
    """Latents `[B, T, D]`, their normalised actions `[B, T-1, A]` and candidates' `[B, N, H, A]` → latents `[B, N, H, D]`.

    `latent` and `action` are D and A.
    """

    latent: int
    action: int

    def __call__(self, latents: Tensor, past: Tensor, actions: Tensor) -> Tensor: ...


def bfloat16_pays(exact: Engine, rounded: Engine) -> bool:
    """Whether `rounded` takes at most 0.8 of the time of `exact` here, and rounds at most 3 % of what actions do."""
    drawn = _drawn(exact)
    # In turns, and the best of each, so that another program on the machine decides nothing.
    times = [(_timed(lambda: exact(*drawn)), _timed(lambda: rounded(*drawn))) for _ in range(_TIMED)]
    faster = min(fast for _, fast in times) < _WORTHWHILE * min(slow for slow, _ in times)
    return faster and rounding(exact, rounded) <= LARGEST_ROUNDING


def rounding(exact: Engine, rounded: Engine) -> float:
    """Root mean square of what `rounded` gets wrong in the latents of drawn candidates, in units of the deviation between
    candidates; infinite where actions move nothing."""
    drawn = _drawn(exact)
    right = exact(*drawn)
    wrong = (rounded(*drawn) - right).square().mean().sqrt()
    spread = right.std(dim=1, correction=0).square().mean().sqrt()
    return float(wrong / spread) if spread > 0 else float("inf")


def _drawn(engine: Engine) -> tuple[Tensor, Tensor, Tensor]:
    """A latent and actions of deviation 1, the same every time, so that a choice depends on weights and chip alone."""
    generator = Generator().manual_seed(0)
    latents = torch.randn(1, 1, engine.latent, generator=generator)
    actions = torch.randn(1, _CANDIDATES, _HORIZON, engine.action, generator=generator)
    return latents, latents.new_zeros(1, 0, engine.action), actions


def _timed(work: Callable[[], Tensor]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
