"""What a `SensorForecast` looks like on a page: errors of each sensor in its own unit, and how they grow with time."""

from __future__ import annotations

from gedanken.evaluation.intervals import Interval
from gedanken.evaluation.report import Chart, Series, Table
from gedanken.evaluation.sensor_prediction import SensorForecast

NOTE = (
    "Root mean square errors on held-out windows. The model predicts latents; a read-out turns them into the change of the "
    "sensors from now on, and its own column is what it gets wrong on latents of the frames that came. The read-out and the "
    "linear model (ARX) were fitted on training windows only. An interval below 0 shows that the model errs less."
)


def sensor_table(forecast: SensorForecast, ahead: int, step_seconds: float | None = None) -> Table:
    """Every sensor, `ahead` model steps on (from 1): the three ways, and the model minus the linear one.

    Args:
        forecast: what was measured.
        ahead: model steps.
        step_seconds: how long a model step lasts; None where unknown.
    """
    ways = (forecast.model, forecast.copy_last, forecast.linear, forecast.read)
    columns = [forecast.rmse(errors, ahead).tolist() for errors in ways]
    against = _against_linear(forecast, ahead)
    labels = [f"{name} [{unit}]" if unit else name for name, unit in zip(forecast.names, forecast.units, strict=True)]
    rows = [
        (label, *(f"{value:.3g}" for value in values), difference)
        for label, *values, difference in zip([*labels, "all [deviations]"], *columns, against, strict=True)
    ]
    when = f"{ahead} model steps" if step_seconds is None else f"{ahead * step_seconds:.3g} s"
    return Table(
        f"Sensors on held-out recordings, {when} ahead",
        ("sensor", "model", "copy-last", f"ARX of order {forecast.order}", "read-out", "model − ARX [95 % interval]"),
        rows,
        note=NOTE,
    )


def sensor_chart(forecast: SensorForecast, step_seconds: float | None = None) -> Chart:
    """The error of all sensors together against time, in deviations of the training recordings."""
    steps = range(1, forecast.model.shape[1] + 1)
    ways = {
        "model": forecast.model,
        f"ARX of order {forecast.order}": forecast.linear,
        "copy-last": forecast.copy_last,
        "read-out of true latents": forecast.read,
    }
    times = [step * (step_seconds or 1.0) for step in steps]
    lines = [
        Series(name, times, [float(forecast.rmse(errors, step)[-1]) for step in steps]) for name, errors in ways.items()
    ]
    label = "model steps ahead" if step_seconds is None else "seconds ahead"
    return Chart("sensor error", lines, label, "training deviations", NOTE)


def _against_linear(forecast: SensorForecast, ahead: int) -> list[str]:
    """The model's errors minus the linear one's; without an interval where one block tells none."""
    if not forecast.has_spread:
        errors = (forecast.rmse(way, ahead) for way in (forecast.model, forecast.linear))
        return [f"{model - linear:+.3g} [one block]" for model, linear in zip(*errors, strict=True)]
    return [_signed(each) for each in forecast.difference(forecast.linear, ahead)]


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.3g} [{interval.low:+.3g}, {interval.high:+.3g}]"
