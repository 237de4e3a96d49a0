"""How far ahead a model sees on sensors, in the sensors' own units, beside copying and beside a linear model of the same order.

All three are given the same frames and the same actions of the same held-out windows. The linear model (`arx.py`) and the
read-out that turns the model's latents into sensor values (`readout.py`) are fitted on training windows only; the
read-out sees no predicted latent, only how large the errors of predicted latents are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from gedanken.contracts import Episodes, WorldModel
from gedanken.data import WindowSampler
from gedanken.errors import BadInput, NonFinite
from gedanken.evaluation.arx import fit_arx
from gedanken.evaluation.intervals import Interval
from gedanken.evaluation.readout import fit_readout
from gedanken.types import Context, Episode, Windows

_RIDGE = 1e-6
"""Of the linear model: enough that numbers that always go together do not make it explode."""
_FITTED_ON = 4096
_JUDGED = 4096
_AT_ONCE = 512
_BLOCKS = 8
"""Held-out episodes that are enough to be resampled whole; fewer are cut into so many blocks of time each."""


@dataclass(frozen=True)
class SensorForecast:
    """W held-out windows, predicted 1 … K model steps ahead by three ways and read by n sensors.

    Args:
        model, copy_last, linear: `[W, K, n]` prediction minus what came, in the sensors' own units.
        read: `[W, K, n]` the same of the true latents read out: what the read-out alone gets wrong.
        scale: `[n]` deviation of each sensor in the training windows.
        names, units: of the n sensors.
        blocks: `[W]` number of the block each window belongs to.
        order: frames that each way was given.
        dropped: windows left out because a sensor was missing.
    """

    model: Float[Tensor, "W K n"]
    copy_last: Float[Tensor, "W K n"]
    linear: Float[Tensor, "W K n"]
    read: Float[Tensor, "W K n"]
    scale: Float[Tensor, " n"]
    names: tuple[str, ...]
    units: tuple[str, ...]
    blocks: Int[Tensor, " W"]
    order: int
    dropped: int

    @property
    def has_spread(self) -> bool:
        """Whether there are blocks enough for an interval."""
        return len(self.blocks.unique()) > 1

    def rmse(self, errors: Float[Tensor, "W K n"], ahead: int) -> Float[Tensor, " more"]:
        """Root mean square error of each sensor `ahead` model steps on; last that of all, in deviations: `[n + 1]`."""
        return _squares(self, errors, ahead).mean(dim=0).sqrt()

    def difference(
        self, other: Float[Tensor, "W K n"], ahead: int, *, draws: int = 4000, seed: int = 0
    ) -> list[Interval]:
        """The model's root mean square error minus that of another way, as `rmse`, with 95 % intervals over blocks.

        Raises:
            BadInput: fewer than two blocks.
        """
        numbers, of = self.blocks.unique(return_inverse=True)
        if not self.has_spread:
            raise BadInput("one block tells no spread; hold out more or longer recordings.")
        taken = torch.randint(len(numbers), (draws, len(numbers)), generator=Generator().manual_seed(seed))
        counts = of.bincount().double()[taken].sum(dim=1, keepdim=True)
        point, drawn = [], []
        for errors in (self.model, other):
            squares = _squares(self, errors, ahead)
            sums = torch.zeros(len(numbers), squares.shape[1], dtype=torch.float64).index_add(0, of, squares)
            point.append(squares.mean(dim=0).sqrt())
            drawn.append((sums[taken].sum(dim=1) / counts).sqrt())
        low, high = torch.quantile(drawn[0] - drawn[1], torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
        rows = zip((point[0] - point[1]).tolist(), low.tolist(), high.tolist(), strict=True)
        return [Interval(mean, below, above) for mean, below, above in rows]


@torch.no_grad()
def evaluate_sensors(
    model: WorldModel,
    training: Episodes,
    held_out: Episodes,
    *,
    reads: Sequence[str],
    sensors: Sequence[str],
    horizon: int,
    order: int,
    seed: int = 0,
    readout_steps: int = 1000,
) -> SensorForecast:
    """Predict held-out windows in open loop.

    Args:
        model: what predicts.
        training: recordings it was trained on; the read-out and the linear model are fitted on them.
        held_out: recordings that none of the three has seen.
        reads: streams the model encodes.
        sensors: those of them to be predicted, of numbers.
        horizon: K, model steps ahead.
        order: frames each way is given, at least 1.
        seed: of the training windows drawn and of the read-out.
        readout_steps: optimiser steps of the read-out.
    Raises:
        BadInput: no window of order + horizon frames fits, or sensors are missing in all of them.
        NonFinite: the model predicts something that is not a number.
    """
    if horizon < 1 or order < 1 or not sensors:
        raise BadInput(f"horizon={horizon} and order={order} must be at least 1, and there must be a sensor.")
    length, skip = order + horizon, model.frame_skip
    drawn = WindowSampler(training, length, skip, streams=reads).sample(_FITTED_ON, Generator().manual_seed(seed))
    drawn, known, _ = _whole(drawn, sensors)
    judged, blocks = _held_out(held_out, length, skip, reads)
    judged, came, there = _whole(judged, sensors)
    seen, true, rolled = _imagined(model, drawn, order)
    blur = (rolled - true).square().mean(dim=(0, 1)).sqrt()
    with torch.enable_grad():
        readout = fit_readout(
            seen.flatten(0, 1), known.flatten(0, 1).float(), blur=blur, steps=readout_steps, seed=seed
        )
    linear = fit_arx(known, drawn.actions, order, ridge=_RIDGE).predict(came[:, :order], judged.actions)
    seen, true, rolled = _imagined(model, judged, order)
    now, then = came[:, order - 1 : order], came[:, order:]
    # What is read now is known to all three, so the model too is asked for the change from there.
    offset = now - readout(seen[:, order - 1 : order]).double()
    predicted = offset + readout(rolled).double()
    if not torch.isfinite(predicted).all():
        raise NonFinite("the model's predictions are not finite; look for extreme values or a broken model file.")
    names, units = _told(held_out[0], sensors)
    return SensorForecast(
        model=predicted - then,
        copy_last=now - then,
        linear=linear - then,
        read=offset + readout(true).double() - then,
        scale=known.flatten(0, 1).std(dim=0),
        names=names,
        units=units,
        blocks=blocks[there],
        order=order,
        dropped=int((~there).sum()),
    )


def _squares(forecast: SensorForecast, errors: Float[Tensor, "W K n"], ahead: int) -> Float[Tensor, "W more"]:
    """Squared errors of each sensor in its own unit, and last their mean in deviations, in float64."""
    squares = errors[:, ahead - 1].double().square()
    # A sensor that never moved in training has no deviation to be measured by.
    moves = forecast.scale > 0
    shares = squares[:, moves] / forecast.scale[moves].double().square()
    every = shares.mean(dim=1, keepdim=True) if bool(moves.any()) else squares.mean(dim=1, keepdim=True)
    return torch.cat([squares, every], dim=1)


def _held_out(episodes: Episodes, length: int, skip: int, streams: Sequence[str]) -> tuple[Windows, Int[Tensor, " W"]]:
    """Windows spread evenly over all held-out recordings, and the block of each."""
    samplers = list(_samplers(episodes, length, skip, streams))
    if not samplers:
        raise BadInput(
            f"no held-out recording is long enough for windows of {length} model steps of {skip} frames; hold out longer "
            "ones, or look less far ahead."
        )
    stride = max(1, sum(map(len, samplers)) // _JUDGED)
    parts, blocks, first = [], [], 0
    for sampler in samplers:
        places = torch.arange(0, len(sampler), stride)
        parts.append(sampler.take(places))
        # Neighbouring windows overlap and are hardly more evidence than one: a block is at least as long as a window.
        pieces = 1 if len(samplers) >= _BLOCKS else max(1, min(_BLOCKS, len(sampler) // (length * skip)))
        blocks.append(first + places * pieces // len(sampler))
        first += pieces
    seen = {name: torch.cat([part.observations[name] for part in parts]) for name in parts[0].observations}
    return Windows(seen, torch.cat([part.actions for part in parts])), torch.cat(blocks)


def _samplers(episodes: Episodes, length: int, skip: int, streams: Sequence[str]) -> Iterator[WindowSampler]:
    """One for each episode that is long enough."""
    for number in range(len(episodes)):
        try:
            yield WindowSampler(episodes, length, skip, streams=streams, episodes=[number])
        except BadInput:
            continue


def _whole(windows: Windows, sensors: Sequence[str]) -> tuple[Windows, Float[Tensor, "W T n"], Bool[Tensor, " all"]]:
    """The windows in which no sensor is missing, what the sensors read in them, and which they are."""
    numbers = torch.cat([windows.observations[name].double().reshape(*_axes(windows), -1) for name in sensors], dim=-1)
    there = torch.isfinite(numbers).flatten(1).all(dim=1)
    if not bool(there.any()):
        raise BadInput("some sensor is missing in every window; leave it out, or fill what is missing.")
    seen = {name: values[there] for name, values in windows.observations.items()}
    return Windows(seen, windows.actions[there]), numbers[there], there


def _axes(windows: Windows) -> tuple[int, int]:
    return windows.actions.shape[0], windows.actions.shape[1] + 1


def _imagined(model: WorldModel, windows: Windows, order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Latents of all frames `[W, T, P, D]`, of those after the first `order`, and these as imagined `[W, K, P, D]`."""
    parts = []
    for rows in torch.arange(len(windows.actions)).split(_AT_ONCE):
        latents = model.encode({name: values[rows] for name, values in windows.observations.items()}).float()
        actions = windows.actions[rows]
        context = Context(latents[:, :order], actions[:, : order - 1])
        rolled = model.rollout(context, actions[:, None, order - 1 :]).latents[:, 0].float()
        parts.append((latents, latents[:, order:], rolled))
    seen, true, imagined = (torch.cat(each) for each in zip(*parts, strict=True))
    return seen, true, imagined


def _told(episode: Episode, sensors: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A name and a unit for each number."""
    names, units = [], []
    for stream in sensors:
        spec = episode.specs[stream]
        width = episode.streams[stream][0].size
        given = tuple(getattr(spec, "names", ()) or ())
        names += (
            list(given) if len(given) == width else [stream if width == 1 else f"{stream} {i}" for i in range(width)]
        )
        units += [spec.unit] * width
    return tuple(names), tuple(units)
