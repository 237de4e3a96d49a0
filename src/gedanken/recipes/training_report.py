"""What a run on own recordings shows for itself: how far ahead it sees on what it never learned from."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import torch

from gedanken import __version__
from gedanken.data.windows import stretches
from gedanken.errors import BadInput
from gedanken.evaluation.prediction import evaluate_prediction
from gedanken.evaluation.prediction_report import prediction_charts, prediction_figures, prediction_table
from gedanken.evaluation.report import Chart, Figure, ReportData, Table
from gedanken.evaluation.sensor_prediction import evaluate_sensors
from gedanken.evaluation.sensor_report import sensor_chart, sensor_table
from gedanken.recipes.choice import rate_of
from gedanken.recipes.fit import Fitted
from gedanken.recipes.held_out import Split
from gedanken.recipes.parts import streams_of
from gedanken.recipes.recipe import Recipe
from gedanken.training import RunFolder
from gedanken.types import Episode

_HORIZON = 8
_WITHIN_SECONDS, _WITHIN_FRAMES = 2.0, 20
_CANDIDATES = 5


def training_report(
    fitted: Fitted, recipe: Recipe, split: Split, run: RunFolder, data: str, why: Sequence[str] = ()
) -> ReportData:
    """The held-out block: sensors in their own units against copying and a linear model; pictures by their latents.

    What cannot be measured, as on recordings too short for it, is said among the limits.

    Args:
        fitted: the trained model.
        recipe: it was trained by.
        split: the episodes it was trained on, and those held out.
        run: whose metrics are shown.
        data: what to call the recordings.
        why: how the recipe was chosen, in sentences.
    """
    reads = streams_of(recipe.encoder)
    sensors = [name for name in reads if name != "pixels"]
    episode = split.episodes[split.training[0]]
    rate = rate_of(episode, reads)
    step = None if rate is None else recipe.frame_skip / rate
    tables: list[Table] = []
    charts: list[Chart] = []
    figures: list[Figure] = []
    limits: list[str] = []
    horizon = min(_HORIZON, recipe.objective.ahead)
    training, held_out = split.part(split.training), split.part(split.held_out)
    if sensors:
        order = min(fitted.model.past, recipe.window - 1)
        longest = min(_longest(part, recipe.frame_skip) for part in (training, held_out))
        try:
            found = evaluate_sensors(
                fitted.model,
                training,
                held_out,
                reads=reads,
                sensors=sensors,
                horizon=min(horizon, longest - order),
                order=order,
                seed=recipe.train.seed,
            )
            tables += [sensor_table(found, ahead, step) for ahead in sorted({1, found.model.shape[1]})]
            charts.append(sensor_chart(found, step))
            if not found.has_spread:
                limits.append("One held-out block tells no spread; hold out more or longer recordings for an interval.")
        except BadInput as error:
            limits.append(f"Sensors were not judged: {error}")
    if "pixels" in reads:
        try:
            within = _WITHIN_FRAMES if rate is None else max(_CANDIDATES, round(_WITHIN_SECONDS * rate))
            seen = evaluate_prediction(fitted.model, held_out, horizon, within=within, candidates=_CANDIDATES)
            tables.append(prediction_table(seen, horizon))
            charts += prediction_charts(seen, step)
            figures += prediction_figures(seen, horizon)
        except BadInput as error:
            limits.append(f"Pictures were not judged: {error}")
    trained = fitted.trained
    return ReportData(
        title=recipe.name,
        subtitle=f"Trained on {data}; judged on recordings it never learned from",
        figures=figures,
        tables=tables,
        charts=charts,
        metrics=run.read_metrics(),
        limits=[*limits, *trained.warnings],
        facts={
            "data": data,
            "split": split.told,
            "chosen": " ".join(why) or "by the run's configuration",
            "training": f"{trained.steps} steps, {trained.core_seconds:.0f} core-s, {trained.dtype}",
            "versions": f"gedanken {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        },
    )


def _longest(episodes: Sequence[Episode], skip: int) -> int:
    """Frames, one a model step, in the longest stretch."""
    return max((stop - start - 1) // skip + 1 for episode in episodes for start, stop in stretches(episode))
