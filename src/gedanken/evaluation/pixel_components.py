"""Prediction errors in a yardstick no model chose: the first principal components of the pixels.

A latent error is measured in the model's own space, which training may shrink. The components are fitted on training frames
and then fixed; a linear map, fitted on the same frames, carries latents to them, so what the latent never kept counts as
error. Copying the last frame is judged in the components directly, without the map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.contracts import WorldModel
from gedanken.data.windows import stretches
from gedanken.errors import BadInput
from gedanken.types import Context, Episode

_RIDGE = 1e-3
"""Of the linear map, as a share of the latents' mean square: latents of few frames are nearly collinear."""
_FRAMES = 256


@torch.no_grad()
def component_errors(
    model: WorldModel,
    training: Sequence[Episode],
    held_out: Sequence[Episode],
    horizon: int,
    *,
    components: int = 32,
    seed: int = 0,
) -> dict[str, Float[Tensor, "W K"]]:
    """Squared errors, summed over the components, of each window and 1 … `horizon` model steps ahead.

    Args:
        model: what predicts, from the first frame of each window alone.
        training: recordings with a `pixels` stream, on which components and map are fitted.
        held_out: recordings whose windows are predicted; all that leave room, in their order.
        horizon: K, model steps ahead.
        components: of the pixels, the ones of largest variance.
        seed: of the shuffle.
    Returns:
        by the names `model`, `shuffled` (actions of another window) and `copy_last`.
    Raises:
        BadInput: too few training frames for the components, or no window fits.
    """
    frames, latents, _, _ = _joined(model, training)
    if len(frames) <= components:
        raise BadInput(f"{len(frames)} training frames give no {components} components; record more or ask for fewer.")
    mean = frames.mean(dim=0)
    _, _, axes = torch.pca_lowrank(frames - mean, q=components, center=False, niter=4)
    read = _LinearMap(latents, (frames - mean) @ axes)

    frames, latents, actions, last = _joined(model, held_out)
    truth, skip = (frames - mean) @ axes, model.frame_skip
    starts = (torch.arange(len(last)) + horizon * skip <= last).nonzero()[:, 0]
    if len(starts) < 2:
        raise BadInput(f"fewer than two windows of {horizon} model steps fit; shorten the horizon.")
    taken = actions[starts[:, None] + torch.arange(horizon * skip)].reshape(len(starts), horizon, -1)
    order = torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed))
    shuffled = torch.empty_like(taken)
    shuffled[order] = taken[order.roll(1)]
    future = truth[starts[:, None] + skip * torch.arange(1, horizon + 1)]
    context = Context(latents[starts, None], torch.zeros(len(starts), 0, taken.shape[2]))
    rolled = model.rollout(context, torch.stack([taken, shuffled], dim=1)).latents
    guesses = {
        "model": read(rolled[:, 0]),
        "shuffled": read(rolled[:, 1]),
        "copy_last": truth[starts, None].expand_as(future),
    }
    return {name: (guess - future).square().sum(dim=-1) for name, guess in guesses.items()}


class _LinearMap:
    """Ridge regression from latents `[F, P, D]` to components `[F, C]`."""

    def __init__(self, latents: Tensor, components: Tensor) -> None:
        flat = _with_one(latents.flatten(1).double())
        ridge = _RIDGE * flat.square().mean() * len(flat) * torch.eye(flat.shape[1], dtype=torch.float64)
        self.weights = torch.linalg.solve(flat.T @ flat + ridge, flat.T @ components.double())

    def __call__(self, latents: Float[Tensor, "*rows P D"]) -> Tensor:
        return (_with_one(latents.flatten(-2).double()) @ self.weights).float()


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones_like(rows[..., :1])], dim=-1)


def _joined(model: WorldModel, episodes: Sequence[Episode]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All stretches one after the other: pixels `[F, pixels]` in 0 … 1, latents `[F, P, D]`, actions, last frames."""
    pixels, latents, actions, last, count = [], [], [], [], 0
    for episode in episodes:
        for start, stop in stretches(episode):
            seen = torch.from_numpy(np.array(episode.streams["pixels"][start:stop]))
            pixels.append(seen.flatten(1).float() / 255)
            latents += [model.encode({"pixels": part[:, None]})[:, 0].float() for part in seen.split(_FRAMES)]
            done = torch.from_numpy(np.array(episode.actions[start : stop - 1]))
            actions.append(torch.cat([done, torch.zeros(1, episode.action.width)]))
            count += stop - start
            last.append(torch.full((stop - start,), count - 1))
    return torch.cat(pixels), torch.cat(latents), torch.cat(actions), torch.cat(last)
