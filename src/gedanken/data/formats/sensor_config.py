"""What the columns of a sensor table are: stated, or told by their names, or asked for in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken.data.formats import arrow
from gedanken.data.formats.sensor_columns import (
    EPISODES,
    PERIODS,
    TIME_UNITS,
    likely_actions,
    likely_sensors,
    likely_time,
    named,
    side_by_side,
)
from gedanken.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class SensorTableConfig:
    """What the columns of a table are; what is left out is told by the columns' names, or refused.

    Args:
        actions: columns with commands, in the order of the action's numbers.
        sensors: columns with measurements; by default all other numeric columns that every file has, but counters and
            what was only wished for (`…_des`, `…_ref`).
        time: column with the time; "" for none.
        time_unit: of a numeric time column: s, ms, us or ns.
        period: column whose first value is the seconds between two rows, where there is no time column; "" for none.
        episode: column that tells episodes apart; "" for none. Each file has its own episodes.
        reset: column that is true in rows that start afresh; "" for none.
        records: endings of columns that lay records side by side: with ("Est", "Val") the action "u" is `uEst` in one episode
            and `uVal` in the next.
        rate_hz: frames a second of the clock that everything is brought onto; by default the usual rate of the slowest
            episode. Without a time or period column it is the rate of the rows, and nothing is resampled.
        how: what a frame holds of its sensors, "nearest" or "area"; see `gedanken.data.clock`.
        hold: how commands are taken, "hold" or "area"; likewise.
        longest_gap: seconds of silence after which frames start afresh; by default 5 intervals.
        sparse: whether an empty cell means that nothing was sampled then, as where each column has its own rate; otherwise
            it is refused.
        action_lag: frames that pass until a command shows.
        units: physical unit of each column; by default what a Parquet file says.
        bounds: lowest and highest value of each action; by default those that occur in all episodes.
        licence: SPDX name of the recording's licence, if known.
    """

    kind: Literal["sensor-table"] = "sensor-table"
    actions: tuple[str, ...] = ()
    sensors: tuple[str, ...] | None = None
    time: str | None = None
    time_unit: str | None = None
    period: str | None = None
    episode: str | None = None
    reset: str | None = None
    records: tuple[str, ...] | None = None
    rate_hz: float | None = None
    how: Literal["nearest", "area"] = "nearest"
    hold: Literal["hold", "area"] = "hold"
    longest_gap: float | None = None
    sparse: bool = False
    action_lag: int = 0
    units: Mapping[str, str] = field(default_factory=dict)
    bounds: tuple[tuple[float, float], ...] | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        if self.rate_hz is not None and not 0 < self.rate_hz < np.inf:
            raise BadInput(f"rate_hz={self.rate_hz} must be above 0; leave it out to take the table's own.")
        if self.time_unit is not None and self.time_unit not in TIME_UNITS:
            raise BadInput(f"time_unit={self.time_unit!r} must be one of {', '.join(TIME_UNITS)}.")
        if self.sensors == ():
            raise BadInput("sensors=() leaves nothing to see; name columns, or leave it out for all.")


def completed(config: SensorTableConfig, paths: list[Path]) -> SensorTableConfig:
    """The configuration with every column named; what it leaves open is told by the names of the columns in all files.

    Raises:
        BadInput: no column is known to be an action, or none is left to be seen; the message lists the columns.
    """
    fields = arrow.schema(paths[0])
    for path in paths[1:]:
        others = arrow.schema(path)
        fields = {name: each for name, each in fields.items() if name in others}
    names, numeric = list(fields), [name for name, each in fields.items() if name and arrow.is_numeric(each.type)]
    time, time_unit = likely_time([name for name in names if name in numeric or arrow.is_moment(fields[name].type)])
    time = config.time if config.time is not None else time
    # `t` may count steps; only numbers with a fraction, or dates, are times by that name.
    if config.time is None and time == "t" and not _tells_time(fields["t"].type):
        time = None
    periods = config.period if config.period is not None or time else named(numeric, PERIODS)
    config = replace(
        config,
        time=time or "",
        time_unit=config.time_unit or (time_unit if time else "s"),
        period=periods or "",
        episode=config.episode if config.episode is not None else named(names, EPISODES) or "",
        reset=config.reset if config.reset is not None else named(names, {"reset"}) or "",
        units={**{name: unit for name, each in fields.items() if (unit := _unit(each))}, **config.units},
    )
    others = (config.time, config.period, config.episode, config.reset)
    if config.records is None:
        endings = {} if config.actions else side_by_side(numeric)
        config = replace(config, records=tuple(endings))
        numeric = list(next(iter(endings.values()))) if endings else numeric
    actions = config.actions or likely_actions([name for name in numeric if name not in others])
    sensors = config.sensors or likely_sensors(numeric, (*others, *actions))
    if config.sensors is None and not config.records:
        sensors = _measured(paths[0], sensors)
    if not actions or not sensors:
        raise BadInput(_question(paths, likely_sensors(numeric, others), actions))
    return replace(config, actions=actions, sensors=sensors)


def _tells_time(kind: Any) -> bool:
    return arrow.is_moment(kind) or arrow.arrow().types.is_floating(kind)


def _unit(column: Any) -> str:
    return (column.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")[:80]


def _measured(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that have more than one value: what stands in a single row is a note about the recording, not a sensor."""
    table = arrow.read_columns(path, names)
    return tuple(name for name in names if table.column(name).null_count < max(1, table.num_rows - 1))


def _question(paths: list[Path], names: tuple[str, ...], actions: tuple[str, ...]) -> str:
    file = paths[0].name if len(paths) == 1 else f"the {len(paths)} files of {paths[0].parent.name}"
    if len(names) < 2:
        return (
            f"{file} share {len(names)} columns of numbers; a sensor table needs commands and measurements in columns."
        )
    if set(names) == {*actions}:
        return f"all columns of {file} seem to be commands ({', '.join(names)}); name the sensors in SensorTableConfig."
    return (
        f"which columns of {file} are commands is not told by their names ({', '.join(names)}); say it: "
        f"SensorTableConfig(actions=({names[0]!r},), sensors={tuple(names[1:])!r})."
    )
