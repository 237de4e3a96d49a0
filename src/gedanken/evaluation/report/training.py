"""What `metrics.jsonl` tells: the loss and its terms as small charts, and the readings of the collapse meter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gedanken.evaluation.report.data import Chart, Figure, Series
from gedanken.evaluation.report.numerals import number

_NOT_TERMS = frozenset({"step", "learning_rate", "frames_per_second", "health", "warnings"})
_SMOOTH = 15
"""The smoothed line averages over a fifteenth of the run to either side."""

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Reading:
    """What the collapse meter said: figures at the end, charts over the run, warnings `now` and those of `before`."""

    figures: Sequence[Figure]
    charts: Sequence[Chart]
    now: Sequence[str]
    before: Sequence[tuple[str, str]]


def training_curves(rows: Rows) -> list[Chart]:
    """One chart for the loss and one for each of its terms, in the order in which they were written."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in _NOT_TERMS))
    return [_curve(name, rows) for name in names if any(_is_number(row.get(name)) for row in rows)]


def collapse_meter(rows: Rows) -> Reading | None:
    """The readings, or None where there was none."""
    read = [row for row in rows if row.get("health")]
    if not read:
        return None
    steps = [float(row["step"]) for row in read]
    last = read[-1]

    def series(key: str, name: str) -> Series:
        return Series(name, steps, [_value(row["health"].get(key)) for row in read])

    charts = [
        Chart("effective rank", [series("effective_rank", "effective rank")], "step", log_y=False),
        Chart(
            "deviation of the latent",
            [series("std_batch", "over frames"), series("std_batch_min", "least"), series("std_time", "in time")],
            "step",
            log_y=False,
        ),
        Chart(
            "action sensitivity",
            [series("action_sensitivity", "action sensitivity")],
            "step",
            note="How far other actions move the prediction, in units of one step's change.",
            log_y=False,
        ),
        Chart(
            "one-step error",
            [series("error_over_copy", "over copy-last"), series("error_over_mean", "over batch mean")],
            "step",
            note="Below 1: better than the guess.",
            mark=(1.0, "the guess itself"),
        ),
    ]
    now: list[str] = list(last.get("warnings") or ())
    return Reading(_figures(last["health"]), charts, now, _earlier(read[:-1], now))


def _figures(health: Mapping[str, Any]) -> list[Figure]:
    wanted = {
        "effective_rank": "effective rank",
        "std_batch": "deviation over frames",
        "std_time": "deviation in time",
        "action_sensitivity": "action sensitivity",
        "error_over_copy": "error over copy-last",
    }
    return [Figure(name, number(_value(health.get(key)))) for key, name in wanted.items() if key in health]


def _earlier(read: Rows, now: list[str]) -> list[tuple[str, str]]:
    """Each kind of warning of earlier readings that ended: when it was given, and how it read last."""
    seen: dict[str, list[tuple[int, str]]] = {}
    for row in read:
        for warning in row.get("warnings") or ():
            seen.setdefault(_kind(warning), []).append((int(row["step"]), warning))
    ended = seen.keys() - {_kind(warning) for warning in now}
    return [(_when([step for step, _ in given]), given[-1][1]) for kind, given in seen.items() if kind in ended]


def _kind(warning: str) -> str:
    """A warning opens with what is wrong; the numbers after that change from reading to reading."""
    return warning.split(":")[0].split("(")[0]


def _when(steps: list[int]) -> str:
    return f"Earlier, at step {steps[0]}:" if len(steps) == 1 else f"Earlier, from step {steps[0]} to {steps[-1]}:"


def _curve(name: str, rows: Rows) -> Chart:
    steps = [float(row["step"]) for row in rows]
    values = [_value(row.get(name)) for row in rows]
    title = name.replace("_", " ")
    return Chart(
        title, [Series("as logged", steps, values, faint=True), Series("smoothed", steps, _smoothed(values))], "step"
    )


def _smoothed(values: list[float]) -> list[float]:
    """A centred mean, near values weighing more, so that the line does not lag; blind to what is not finite."""
    reach, count, out = max(1, len(values) // _SMOOTH), len(values), []
    for index in range(count):
        near = min(reach, index, count - 1 - index)  # both sides alike, or the ends would be pulled inwards
        around = [(values[index + shift], near + 1 - abs(shift)) for shift in range(-near, near + 1)]
        seen = [(value, weight) for value, weight in around if math.isfinite(value)]
        out.append(
            sum(value * weight for value, weight in seen) / sum(weight for _, weight in seen) if seen else math.nan
        )
    return out


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
