"""What a model makes of a batch of windows: their latents, and its errors under the true and under other actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from gedanken.contracts import WorldModel
from gedanken.errors import NonFinite, ShapeError
from gedanken.types import Context, Windows

DECOYS = 9
"""Other windows' action sequences that each window's own is compared with: chance finds one in ten."""

_AT_ONCE = 32  # windows encoded and rolled out together


@dataclass(frozen=True)
class Predictions:
    """W windows of K model steps, predicted from their first frame alone; errors are squared, mean over P and D.

    Args:
        latents: `[W, T, P, D]`, T = K + 1.
        true: error under the actions that were taken `[W, K]`.
        decoys: the same under other windows' actions, mean over them `[W, K]`.
        copied: error of the first latent, kept `[W, K]`.
        ahead: how many decoys end at least as near to the true end as the true actions do `[W]`.
        expected: the error that the model expects of its first step, in step changes `[W]`; None where it says nothing.
    """

    latents: Float[Tensor, "W T P D"]
    true: Float[Tensor, "W K"]
    decoys: Float[Tensor, "W K"]
    copied: Float[Tensor, "W K"]
    ahead: Int[Tensor, " W"]
    expected: Float[Tensor, " W"] | None = None


@torch.no_grad()
def predictions(model: WorldModel, windows: Windows, generator: Generator) -> Predictions:
    """Encode windows, and roll out from each first frame under its own and under `DECOYS` other windows' actions.

    Raises:
        ShapeError: windows of one frame, or no more of them than decoys.
        NonFinite: the model returns something that is not a number.
    """
    count, steps = windows.actions.shape[:2]
    if count <= DECOYS or steps < 1:
        raise ShapeError(f"{count} windows of {steps + 1} frames; expected more than {DECOYS}, of at least 2 frames.")
    parts = [_predicted(model, windows, rows) for rows in _offers(count, generator).split(_AT_ONCE)]
    *measured, told = zip(*parts, strict=True)
    latents, errors, copied = map(torch.cat, measured)
    expected = None if any(each is None for each in told) else torch.cat(told)
    if not (torch.isfinite(latents).all() and torch.isfinite(errors).all()):
        raise NonFinite(
            "the model's latents are not finite on this data; look for extreme values or a broken model file."
        )
    # A tie counts against the model, or one that ignores its actions would rank every sequence first.
    ahead = (errors[:, 1:, -1] <= errors[:, :1, -1]).sum(dim=1)
    return Predictions(latents, errors[:, 0], errors[:, 1:].mean(dim=1), copied, ahead, expected)


def _offers(count: int, generator: Generator) -> Int[Tensor, "W N"]:
    """For each window itself and others: neighbours on a random circle through all, so that all are drawn alike."""
    order = torch.randperm(count, generator=generator)
    circles = torch.stack([order.roll(-turn) for turn in range(DECOYS + 1)], dim=1)
    return circles[order.argsort()]


def _predicted(
    model: WorldModel, windows: Windows, offers: Int[Tensor, "B N"]
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Latents `[B, T, P, D]`, errors `[B, N, K]`, those of copying `[B, K]`, and those expected of the first step `[B]`."""
    rows = offers[:, 0]
    latents = model.encode({name: values[rows] for name, values in windows.observations.items()}).float()
    now, came = latents[:, :1], latents[:, 1:]
    context = Context(now, torch.zeros(len(rows), 0, windows.actions.shape[2]))
    rolled = model.rollout(context, windows.actions[offers])
    errors = (rolled.latents - came[:, None]).square().mean(dim=(3, 4))
    expected = None if rolled.expected_error is None else rolled.expected_error[:, 0, 0]
    return latents, errors, (now - came).square().mean(dim=(2, 3)), expected
