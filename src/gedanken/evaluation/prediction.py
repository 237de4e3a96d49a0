"""How far ahead a model sees: open-loop prediction on recordings it never learned from, beside guesses that need no model.

A latent error alone says little, since a latent that hardly changes is easy to predict. So the same actions are also given
to the wrong windows, and each prediction has to find its true frame among others of the same few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from gedanken.contracts import Episodes, WorldModel
from gedanken.data.windows import stretches
from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.evaluation.intervals import Interval
from gedanken.types import Context

_FRAMES = 256  # encoded at a time
_WINDOWS = 32  # judged at a time: each brings the latents of all its candidates


@dataclass(frozen=True)
class Forecast:
    """How one way of guessing the future did, on W windows and k = 1 … K model steps ahead.

    Args:
        error: `[W, K]` squared latent error, mean over P and D.
        rank: `[W, K]` how many wrong candidates lay at least as near as the true frame; 0 where it was found.
    """

    error: Float[Tensor, "W K"]
    rank: Int[Tensor, "W K"]

    @property
    def found(self) -> Float[Tensor, "W K"]:
        """1 where the true frame was the nearest of the candidates, else 0."""
        return (self.rank == 0).float()


@dataclass(frozen=True)
class PredictionResult:
    """Four ways of guessing the same futures, each judged against the same candidates.

    Args:
        model: the rollout under the actions that were taken.
        shuffled: the rollout under the actions of another window; no worse means that actions are not used.
        copy_last: the window's first latent: nothing changes.
        mean: the mean latent of the recordings.
        blocks: `[W]` number of the block of time a window starts in, for `block_bootstrap`; a block is as long as a window.
        candidates: frames to find the true one among; chance finds one in so many.
    """

    model: Forecast
    shuffled: Forecast
    copy_last: Forecast
    mean: Forecast
    blocks: Int[Tensor, " W"]
    candidates: int


@torch.no_grad()
def evaluate_prediction(
    model: WorldModel,
    episodes: Episodes,
    horizon: int,
    *,
    within: int,
    candidates: int = 10,
    seed: int = 0,
) -> PredictionResult:
    """Roll out from every frame that leaves room for it, and compare with what came.

    Args:
        model: what predicts; it sees the first frame of each window alone.
        episodes: recordings it was not trained on.
        horizon: K, model steps ahead.
        within: wrong candidates are drawn from so many frames to either side of the true one, in the same stretch.
        candidates: the true frame and the wrong ones together.
        seed: of the wrong candidates and of the shuffle.
    Raises:
        BadInput: fewer than two windows fit, or there are too few frames around the true one.
        NonFinite: the model predicts something that is not a number.
    """
    if horizon < 1 or candidates < 2:
        raise BadInput(f"horizon={horizon} must be at least 1 and candidates={candidates} at least 2.")
    generator = Generator().manual_seed(seed)
    track = _encoded(model, episodes)
    reach = horizon * model.frame_skip
    starts = (torch.arange(len(track.last)) + reach <= track.last).nonzero()[:, 0]
    if len(starts) < 2:
        raise BadInput(
            f"fewer than two windows fit: {horizon} model steps of {model.frame_skip} frames need stretches of "
            f"{reach + 2} frames; shorten the horizon or hold out longer recordings."
        )
    actions = track.actions[starts[:, None] + torch.arange(reach)].reshape(len(starts), horizon, -1)
    shuffled = actions[_others(len(starts), generator)]
    judged = []
    for rows in torch.arange(len(starts)).split(_WINDOWS):
        ahead = starts[rows, None] + model.frame_skip * torch.arange(1, horizon + 1)
        options = torch.cat([ahead[..., None], _wrong(track, ahead, within, candidates - 1, generator)], dim=-1)
        guesses = _guesses(model, track, starts[rows], torch.stack([actions[rows], shuffled[rows]], dim=1))
        judged.append([_forecast(guess, track.latents[options]) for guess in guesses])
    true, wrong, copy, mean = (
        Forecast(torch.cat([each.error for each in parts]), torch.cat([each.rank for each in parts]))
        for parts in zip(*judged, strict=True)
    )
    block_starts = starts - (starts - track.first[starts]) % reach
    return PredictionResult(true, wrong, copy, mean, block_starts.unique(return_inverse=True)[1], candidates)


def block_bootstrap(values: Tensor, blocks: Tensor, *, draws: int = 10_000, seed: int = 0) -> Interval:
    """The mean and its 95 % interval by resampling whole blocks of time (Künsch 1989).

    Overlapping windows are hardly more evidence than one of them; resampled one by one they would claim certainty.

    Args:
        values: `[W]` one a window: errors, successes, or paired differences.
        blocks: `[W]` number of the block each belongs to.
        draws: bootstrap draws.
        seed: of the draws.
    Raises:
        ShapeError: not one block a value.
        BadInput: fewer than two blocks, or than two draws.
    """
    if values.shape != blocks.shape:
        raise ShapeError(f"{len(values)} values and {len(blocks)} blocks; each value needs one.")
    numbers, of = blocks.unique(return_inverse=True)
    if len(numbers) < 2 or draws < 2:
        raise BadInput(f"{len(numbers)} blocks in {draws} draws tell no spread; both must be at least 2.")
    sums = torch.zeros(len(numbers), dtype=torch.float64).index_add(0, of, values.double())
    taken = torch.randint(len(numbers), (draws, len(numbers)), generator=Generator().manual_seed(seed))
    means = sums[taken].sum(dim=1) / of.bincount()[taken].sum(dim=1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(values.double().mean().item(), low, high)


@dataclass(frozen=True)
class _Track:
    """All stretches of all recordings, one after the other.

    Args:
        latents: `[F, P, D]`.
        actions: of the environment step that leaves a frame `[F, width]`; zeros at a stretch's last frame.
        first: number of the first frame of a frame's own stretch `[F]`.
        last: number of the last.
    """

    latents: Float[Tensor, "F P D"]
    actions: Float[Tensor, "F width"]
    first: Int[Tensor, " F"]
    last: Int[Tensor, " F"]


def _encoded(model: WorldModel, episodes: Episodes) -> _Track:
    latents, actions, first, last, count = [], [], [], [], 0
    for number in range(len(episodes)):
        episode = episodes[number]
        for start, stop in stretches(episode):
            for begin in range(start, stop, _FRAMES):
                part = slice(begin, min(begin + _FRAMES, stop))
                seen = {name: torch.from_numpy(np.array(values[part])) for name, values in episode.streams.items()}
                latents.append(model.encode({name: values[:, None] for name, values in seen.items()})[:, 0].float())
            done = torch.from_numpy(np.array(episode.actions[start : stop - 1]))
            actions.append(torch.cat([done, torch.zeros(1, episode.action.width)]))
            first.append(torch.full((stop - start,), count))
            count += stop - start
            last.append(torch.full((stop - start,), count - 1))
    if not latents:
        raise BadInput("there are no recordings to predict; hold some out.")
    return _Track(torch.cat(latents), torch.cat(actions), torch.cat(first), torch.cat(last))


def _others(count: int, generator: Generator) -> Tensor:
    """For each of `count` windows another one: a random circle through all, so that none keeps its own actions."""
    order = torch.randperm(count, generator=generator)
    return torch.empty_like(order).scatter_(0, order, order.roll(1))


def _wrong(track: _Track, ahead: Tensor, within: int, count: int, generator: Generator) -> Tensor:
    """For each true frame `[B, K]` the numbers of `count` different frames near it, `[B, K, count]`."""
    offsets = torch.arange(-within, within + 1)
    places = ahead[..., None] + offsets
    allowed = (places >= track.first[ahead][..., None]) & (places <= track.last[ahead][..., None]) & (offsets != 0)
    if (fewest := int(allowed.sum(dim=-1).min())) < count:
        raise BadInput(
            f"only {fewest} frames lie within {within} of a true one, and {count} wrong candidates are asked for; "
            "widen `within`, take fewer candidates or hold out longer recordings."
        )
    lots = torch.rand(places.shape, generator=generator).masked_fill(~allowed, 2.0)
    return places.gather(-1, lots.topk(count, dim=-1, largest=False).indices)


def _guesses(model: WorldModel, track: _Track, starts: Tensor, actions: Float[Tensor, "B two K A"]) -> list[Tensor]:
    """The future latents `[B, K, P, D]` guessed in the four ways of `PredictionResult`, in its order."""
    now = track.latents[starts]
    rolled = model.rollout(Context(now[:, None], torch.zeros(len(starts), 0, actions.shape[3])), actions).latents
    true, shuffled = rolled.unbind(dim=1)
    return [true, shuffled, now[:, None].expand_as(true), track.latents.mean(dim=0).expand_as(true)]


def _forecast(guess: Float[Tensor, "B K P D"], options: Float[Tensor, "B K C P D"]) -> Forecast:
    """Distances to the candidates, the first of which is the true frame."""
    distances = (options - guess[:, :, None]).square().mean(dim=(-2, -1))
    if not torch.isfinite(distances).all():
        raise NonFinite("the model's latents are not finite; look for extreme actions or a broken model file.")
    # A tie counts against the guess, or a latent that says the same of every frame would find them all.
    return Forecast(distances[..., 0], (distances[..., 1:] <= distances[..., :1]).sum(dim=-1))
