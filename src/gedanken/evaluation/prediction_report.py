"""What a `PredictionResult` looks like on a page: charts against time, differences with intervals, strips of frames.

Latent errors have no unit of their own, so they are given in shares of the error that guessing the mean latent makes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from gedanken.contracts import WorldModel
from gedanken.data import WindowSampler
from gedanken.evaluation.decoder import FrameBank, InspectionDecoder, nearest_frames
from gedanken.evaluation.prediction import Forecast, PredictionResult, block_bootstrap
from gedanken.evaluation.report import Chart, Figure, Filmstrip, Series, Table
from gedanken.evaluation.report.numerals import interval, percent
from gedanken.types import Context

_NOTE = "Band: 95 % interval over blocks of time. Shuffled: the model, given the actions of another window."


def prediction_charts(result: PredictionResult, step_seconds: float | None) -> list[Chart]:
    """Latent error and share of true frames found, against time.

    Args:
        result: what was measured.
        step_seconds: how long a model step lasts; None where unknown.
    """
    ways = {"model": result.model, **_others(result)}
    errors = {name: _relative(each, result) for name, each in ways.items() if each is not result.mean}
    found = {name: each.found for name, each in ways.items()}
    drawn = (
        ("latent error", errors, "shares of the mean latent's error", (1.0, "mean latent")),
        ("true frame found", found, "share of windows", (1 / result.candidates, "chance")),
    )
    label = "model steps ahead" if step_seconds is None else "seconds ahead"
    return [
        Chart(title, _lines(values, result.blocks, step_seconds or 1.0), label, unit, _NOTE, log_y=False, mark=mark)
        for title, values, unit, mark in drawn
    ]


def prediction_figures(result: PredictionResult, ahead: int) -> list[Figure]:
    """The headline, `ahead` model steps ahead (from 1): how often the true frame is found, and errors as ratios."""
    found = block_bootstrap(result.model.found[:, ahead - 1], result.blocks)
    told = f"among {result.candidates}, chance {percent(1 / result.candidates)}; 95 % interval {interval(found.low, found.high)}"
    return [
        Figure("true frame found", percent(found.mean), told),
        *[
            Figure(f"error over {name}", f"{_ratio(result.model, other, ahead):.2f}", "below 1: the model errs less")
            for name, other in _others(result).items()
        ],
    ]


def prediction_table(result: PredictionResult, ahead: int) -> Table:
    """The model minus each other guess, `ahead` model steps ahead (from 1), paired by window."""
    rows: list[tuple[str, str, str]] = []
    for name, other in _others(result).items():
        error = (_relative(result.model, result) - _relative(other, result))[:, ahead - 1]
        found = (result.model.found - other.found)[:, ahead - 1]
        rows.append((name, str(block_bootstrap(error, result.blocks)), str(block_bootstrap(found, result.blocks))))
    return Table(
        f"The model against other guesses, {ahead} model steps ahead",
        ("model minus", "error [95 % interval]", "true frame found [95 % interval]"),
        rows,
        note="Better is an error below 0 and a share above 0; an interval that holds 0 shows no difference.",
    )


@torch.no_grad()
def prediction_strips(
    model: WorldModel,
    windows: WindowSampler,
    numbers: Int[Tensor, " B"],
    bank: FrameBank,
    decoder: InspectionDecoder,
    step_seconds: float,
) -> list[Filmstrip]:
    """Windows as they came, above what was imagined from their first frame and their actions alone.

    Args:
        model: what imagines.
        windows: with a stream `pixels`.
        numbers: which of them, one strip each.
        bank: frames to find the nearest in.
        decoder: fitted on the bank.
        step_seconds: how long a model step lasts.
    """
    taken = windows.take(numbers)
    pixels = taken.observations["pixels"]
    now = model.encode({name: values[:, :1] for name, values in taken.observations.items()})
    context = Context(now, torch.zeros(len(numbers), 0, taken.actions.shape[2]))
    latents = torch.cat([now, model.rollout(context, taken.actions[:, None]).latents[:, 0]], dim=1)
    rows = {
        "what came": pixels,
        "imagined: nearest known frame": nearest_frames(latents, bank),
        "imagined: drawn by a decoder fitted for looking": decoder.decode(latents),
    }
    columns = ["now", *(f"+{step * step_seconds:.1f} s" for step in range(1, pixels.shape[1]))]
    return [
        Filmstrip(f"Window {number}", [(label, frames[row].numpy()) for label, frames in rows.items()], columns)
        for row, number in enumerate(numbers.tolist())
    ]


def _others(result: PredictionResult) -> Mapping[str, Forecast]:
    return {"shuffled actions": result.shuffled, "copy-last": result.copy_last, "mean latent": result.mean}


def _relative(forecast: Forecast, result: PredictionResult) -> Tensor:
    return forecast.error / result.mean.error.mean()


def _ratio(one: Forecast, other: Forecast, ahead: int) -> float:
    return (one.error[:, ahead - 1].mean() / other.error[:, ahead - 1].mean()).item()


def _lines(values: Mapping[str, Tensor], blocks: Tensor, step_seconds: float) -> list[Series]:
    """Values `[W, K]` by name, averaged over windows, with their intervals."""
    lines: list[Series] = []
    for name, each in values.items():
        spread = [block_bootstrap(column, blocks) for column in each.unbind(dim=1)]
        means, lows, highs = zip(*((one.mean, one.low, one.high) for one in spread), strict=True)
        lines.append(Series(name, [step_seconds * k for k in range(1, len(spread) + 1)], means, lows, highs))
    return lines
