"""The rows of sensor tables as episodes on one clock, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken import __version__
from gedanken.data.clock import Track, on_one_clock, silence_limit, usual_rate
from gedanken.data.formats import arrow
from gedanken.data.formats.bounds import bounded_actions, joined_units
from gedanken.data.formats.sensor_columns import TIME_UNITS
from gedanken.data.formats.sensor_config import SensorTableConfig
from gedanken.data.lag import lagged
from gedanken.data.recorded import AsRecorded
from gedanken.errors import BadEpisodeFile, BadInput, MissingValues
from gedanken.types import ActionSpec, Episode, Provenance

SENSORS = "sensors"


@dataclass(frozen=True)
class Part:
    """Where one episode lies: a file, the value of its episode column, and the ending of its columns."""

    path: Path
    episode: Any = None
    ending: str = ""


class SensorTables:
    """The episodes of one or more tables, each read when it is asked for; `config` says every column."""

    def __init__(self, paths: Sequence[Path], config: SensorTableConfig) -> None:
        self.config = config
        self._read: tuple[Path, Any] | None = None
        self._noted: dict[Path, dict[str, float]] = {}
        self._parts = [part for path in paths for part in self._parts_of(path)]

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> Episode:
        return self._episode(self._parts[index])

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    @cached_property
    def rate_hz(self) -> float | None:
        """Frames a second of the clock; None where neither tables nor configuration say."""
        if self.config.rate_hz is not None or not (self.config.time or self.config.period):
            return self.config.rate_hz
        return min(usual_rate(self._times(part, self._rows(part))) for part in self._parts)

    @cached_property
    def action(self) -> ActionSpec:
        """What one action is, in every episode."""
        lowest, highest = np.inf, -np.inf
        for part in self._parts:
            values, _ = self._values(part, self._rows(part), self.config.actions)
            values = np.where(np.isfinite(values), values, np.nan).astype(np.float32)
            lowest, highest = np.fmin(lowest, np.fmin.reduce(values)), np.fmax(highest, np.fmax.reduce(values))
        if not np.isfinite([lowest, highest]).all():
            raise BadEpisodeFile(f"an action of {self._parts[0].path.name} has no number at all; cut that column.")
        unit = joined_units([self._unit(name) for name in self.config.actions])
        return bounded_actions(
            self.config.actions, np.asarray(lowest), np.asarray(highest), self.config.bounds, unit=unit
        )

    def as_recorded(self, index: int) -> AsRecorded:
        """The times of an episode's rows, and what its file notes once for all of them."""
        part = self._parts[index]
        notes = self._notes(part.path)
        if not self.config.time:
            return AsRecorded(notes=notes)
        times = self._times(part, self._rows(part))
        return AsRecorded(times, silence_limit(times, self.rate_hz or 1.0, self.config.longest_gap), notes=notes)

    def _parts_of(self, path: Path) -> list[Part]:
        config = self.config
        if not config.episode:
            return [Part(path, None, ending) for ending in config.records or ("",)]
        values = self._table(path).column(config.episode)
        if values.null_count:
            raise BadEpisodeFile(
                f"column {config.episode!r} of {path.name} has empty cells; each row needs its episode."
            )
        return [Part(path, value, ending) for value in values.unique() for ending in config.records or ("",)]

    def _table(self, path: Path) -> Any:
        # Episodes are asked for one after the other, and many may lie in one file.
        if self._read is None or self._read[0] != path:
            config = self.config
            columns = [
                name + end for name in (*config.actions, *(config.sensors or ())) for end in config.records or ("",)
            ]
            others = [name for name in (config.time, config.period, config.episode, config.reset) if name]
            self._read = path, arrow.read_columns(path, [*columns, *others])
        return self._read[1]

    def _notes(self, path: Path) -> dict[str, float]:
        """Numbers that stand in a single row of columns that are not read."""
        if path not in self._noted:
            config = self.config
            read = {
                name + end for name in (*config.actions, *(config.sensors or ())) for end in config.records or ("",)
            }
            read |= {config.time, config.period, config.episode, config.reset}
            fields = arrow.schema(path)
            others = [name for name, each in fields.items() if name not in read and arrow.is_numeric(each.type)]
            table = arrow.read_columns(path, others)
            once = [name for name in others if table.num_rows - table.column(name).null_count == 1]
            self._noted[path] = {name: float(np.nansum(arrow.numbers(path, name, table.column(name)))) for name in once}
        return self._noted[path]

    def _rows(self, part: Part) -> Any:
        table = self._table(part.path)
        if part.episode is not None:
            table = table.filter(arrow.arrow().compute.equal(table.column(self.config.episode), part.episode))
        if table.num_rows < 2:
            raise BadEpisodeFile(f"{_name(part)} has {table.num_rows} rows; an episode needs at least 2.")
        return table

    def _times(self, part: Part, rows: Any) -> np.ndarray:
        config = self.config
        if not config.time:
            return np.arange(rows.num_rows) * self._seconds_a_row(part, rows)
        values = rows.column(config.time)
        if values.null_count:
            raise BadEpisodeFile(f"column {config.time!r} of {_name(part)} has empty cells; each row needs its time.")
        if not arrow.is_moment(values.type):
            return arrow.numbers(part.path, config.time, values) * TIME_UNITS[config.time_unit or "s"]
        counts = values.cast("int64").to_numpy()
        # Before it becomes a float, which has not the digits for nanoseconds since 1970.
        return (counts - counts[0]) * TIME_UNITS[values.type.unit]

    def _seconds_a_row(self, part: Part, rows: Any) -> float:
        if not self.config.period:
            return 1 / (self.config.rate_hz or 1.0)
        seconds = arrow.numbers(part.path, self.config.period, rows.column(self.config.period))[0]
        if not 0 < seconds < np.inf:
            raise BadEpisodeFile(
                f"column {self.config.period!r} of {_name(part)} begins with {seconds}; expected seconds."
            )
        return float(seconds)

    def _values(self, part: Part, rows: Any, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The columns as float64 `[n, columns]`, and where their cells are empty."""
        there = [(name, rows.column(name + part.ending)) for name in columns]
        values = np.stack([arrow.numbers(part.path, name + part.ending, column) for name, column in there], axis=1)
        return values, np.stack([column.is_null().to_numpy() for _, column in there], axis=1)

    def _episode(self, part: Part) -> Episode:
        config, rows = self.config, self._rows(part)
        times = self._times(part, rows)
        try:
            episode = on_one_clock(
                {SENSORS: self._tracks(part, rows, times, config.sensors or (), config.how)},
                self._tracks(part, rows, times, config.actions, config.hold),
                self.rate_hz or 1.0,
                self.action,
                longest_gap=config.longest_gap,
                resets=self._resets(part, rows, times),
                provenance=Provenance(_name(part), config.licence, self._note(), f"gedanken {__version__}"),
            )
            episode = lagged(episode, config.action_lag)
        except BadEpisodeFile:
            raise
        except BadInput as error:
            raise BadEpisodeFile(f"{_name(part)} cannot be an episode: {error}") from error
        if self.rate_hz is not None:
            return episode
        specs = {name: replace(spec, rate_hz=None) for name, spec in episode.specs.items()}
        return replace(episode, specs=specs, action=replace(episode.action, rate_hz=None))

    def _tracks(
        self, part: Part, rows: Any, times: np.ndarray, columns: Sequence[str], how: Literal["nearest", "area", "hold"]
    ) -> list[Track]:
        values, empty = self._values(part, rows, columns)
        if columns == self.config.actions:
            # The last row of an episode has no action: it leaves no frame.
            last = len(values) - 1 if empty[-1].all() else len(values)
            values, empty, times = values[:last], empty[:last], times[:last]
        for column in np.flatnonzero(~(np.isfinite(values) | empty).all(axis=0)):
            row = int(np.argmin(np.isfinite(values[:, column]) | empty[:, column]))
            raise MissingValues(
                f"column {columns[int(column)]!r} of {_name(part)} is {values[row, column]} in row {row}; cut or mend it."
            )
        if not self.config.sparse and empty.any():
            row, column = (int(place[0]) for place in np.nonzero(empty))
            raise MissingValues(
                f"column {columns[column]!r} of {_name(part)} is empty in row {row}; mend it, or say sparse=True where an "
                "empty cell means that nothing was sampled then."
            )
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
        if not np.isfinite(values[~empty]).all():
            raise BadEpisodeFile(f"a number of {_name(part)} is too large for float32; use another unit.")
        units = [self._unit(name) for name in columns]
        if not self.config.sparse:
            return [Track(times, values, how, joined_units(units), tuple(columns))]
        if empty.all(axis=0).any():
            raise BadEpisodeFile(f"column {columns[int(empty.all(axis=0).argmax())]!r} of {_name(part)} is all empty.")
        filled = [~empty[:, place] for place in range(len(columns))]
        return [
            Track(times[there], values[there, place : place + 1], how, units[place], (columns[place],))
            for place, there in enumerate(filled)
        ]

    def _resets(self, part: Part, rows: Any, times: np.ndarray) -> list[float]:
        if not self.config.reset:
            return []
        marks = arrow.numbers(part.path, self.config.reset, rows.column(self.config.reset))
        return times[np.nan_to_num(marks) != 0].tolist()

    def _unit(self, column: str) -> str:
        return self.config.units.get(column, "")

    def _note(self) -> str:
        config = self.config
        clock = (
            f"clock {self.rate_hz:g} Hz, sensors {config.how}, actions {config.hold}" if self.rate_hz else "no clock"
        )
        return f"{clock}; action_lag={config.action_lag}"


def _name(part: Part) -> str:
    mark = f"{part.ending}" if part.episode is None else f"episode {part.episode}{part.ending and ' ' + part.ending}"
    return f"{part.path.name}{mark and f' ({mark})'}"
