"""Tables of sensors and actuators in CSV or Parquet: one file, or a folder with an episode a file.

Each row is a moment. The sensors become one float32 stream `sensors` `[L, n]` that keeps the columns' names; the actions are
the commands in force. Where there is a time column, everything is brought onto one even clock (`gedanken.data.clock`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken.data.formats import arrow
from gedanken.data.formats.aside import written_aside
from gedanken.data.formats.sensor_config import SensorTableConfig, completed
from gedanken.data.formats.sensor_rows import SENSORS, SensorTables
from gedanken.errors import BadEpisodeFile, BadInput, GedankenError
from gedanken.types import Episode

_VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm")


def detect_sensor_table(path: Path) -> bool:
    """Whether `path` is a CSV or Parquet file with a column of numbers, or a folder of such files without videos."""
    try:
        if any(each.suffix.lower() in _VIDEOS for each in (path.iterdir() if path.is_dir() else ())):
            return False
        return any(arrow.is_numeric(each.type) for each in arrow.schema(_tables(path)[0]).values())
    except (GedankenError, OSError):
        return False


def open_sensor_table(path: Path, config: SensorTableConfig) -> SensorTables:
    """The episodes at `path`; `.config` says what every column was taken for.

    Raises:
        BadEpisodeFile: not CSV or Parquet, or a column or number is missing.
        BadInput: the names do not tell which columns are actions.
    """
    paths = _tables(path)
    episodes = SensorTables(paths, completed(config, paths))
    # Looked at now, so that a table that cannot be used is refused at the door.
    _ = episodes.rate_hz, episodes.action
    return episodes


def write_sensor_table(
    path: Path,
    episodes: Iterable[Episode],
    config: SensorTableConfig,
    if_exists: Literal["refuse", "append", "overwrite"],
) -> None:
    """Write episodes into one `.csv` or `.parquet` file, a row a frame; the last row of an episode has no action.

    Columns are named as in `config`, or as the streams and their components are; times are written where a rate or times are
    known. A Parquet file keeps units.

    Raises:
        BadInput: a stream of images, episodes of several kinds, no episode, or another file name.
    """
    if path.suffix.lower() not in arrow.TABLES:
        raise BadInput(f"{path.name} must end in {' or '.join(arrow.TABLES)}; a sensor table is one file.")
    old = arrow.read_columns(path, list(arrow.schema(path))) if if_exists == "append" and path.exists() else None
    first = 0 if old is None else _next_number(path, old)
    tables = [_table(number, episode, config) for number, episode in enumerate(episodes, first)]
    if not tables:
        raise BadInput("there are no episodes to write.")
    tables = tables if old is None else [old, *tables]
    names = [set(table.column_names) for table in tables]
    if any(each != names[0] for each in names):
        odd = sorted(set.union(*names) - set.intersection(*names))
        raise BadInput(f"the episodes do not all have the columns {', '.join(odd)}; one table needs one kind.")
    pyarrow = arrow.arrow()
    with written_aside(path, "overwrite" if old is not None else if_exists) as aside:
        whole = pyarrow.concat_tables(
            [table.select(tables[0].column_names) for table in tables], promote_options="permissive"
        )
        write = pyarrow.csv.write_csv if path.suffix.lower() == ".csv" else pyarrow.parquet.write_table
        write(whole, aside)


def _tables(path: Path) -> list[Path]:
    paths = [path]
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if each.suffix.lower() in arrow.TABLES and each.name[0] != ".")
    if not paths or not all(each.is_file() and each.suffix.lower() in arrow.TABLES for each in paths):
        raise BadEpisodeFile(f"{path} holds no CSV or Parquet file.")
    return paths


def _next_number(path: Path, table: Any) -> int:
    if "episode" not in table.column_names or not table.num_rows:
        raise BadInput(f"{path.name} has no column 'episode', so that none can be added; write another file.")
    return int(np.nanmax(arrow.numbers(path, "episode", table.column("episode")))) + 1


def _table(number: int, episode: Episode, config: SensorTableConfig) -> Any:
    pyarrow, length = arrow.arrow(), len(episode)
    columns: dict[str, Any] = {"episode": np.full(length, number)}
    rate = next((spec.rate_hz for spec in episode.specs.values()), None)
    if episode.times is not None or rate is not None:
        columns["time"] = episode.times if episode.times is not None else np.arange(length) / (rate or 1.0)
    measured = {name: value for stream in episode.specs for name, value in _components(stream, episode).items()}
    columns |= _renamed(measured, config.sensors or ())
    given = {f"action_{place}": each for place, each in enumerate(episode.actions.T)}
    commands = _renamed(given, config.actions)
    columns |= {name: pyarrow.array([*each, None], "float32") for name, each in commands.items()}
    units = dict(zip(_renamed(measured, config.sensors or ()), _units(episode), strict=True))
    units |= dict(zip(commands, _each(episode.action.unit, episode.action.width), strict=True)) | dict(config.units)
    columns["reset"] = np.isin(np.arange(length), episode.resets)
    fields = [
        pyarrow.field(name, pyarrow.array(each).type, metadata={"unit": units[name]} if units.get(name) else None)
        for name, each in columns.items()
    ]
    return pyarrow.table([pyarrow.array(each) for each in columns.values()], schema=pyarrow.schema(fields))


def _components(stream: str, episode: Episode) -> dict[str, np.ndarray]:
    spec, values = episode.specs[stream], np.asarray(episode.streams[stream])
    if len(spec.shape) > 1:
        raise BadInput(
            f"stream {stream!r} holds {spec.dtype} {spec.shape}; a sensor table keeps numbers and vectors only."
        )
    if not spec.shape:
        return {stream: values}
    names = spec.names or tuple(f"{stream}_{place}" for place in range(spec.shape[0]))
    return dict(zip(names, values.T, strict=True))


def _units(episode: Episode) -> list[str]:
    units: list[str] = []
    for spec in episode.specs.values():
        units += _each(spec.unit, spec.shape[0] if spec.shape else 1)
    return units


def _each(unit: str, width: int) -> list[str]:
    """The unit of each component: one each where there are as many, and otherwise one for all."""
    units = unit.split(", ")
    return units if len(units) == width else [unit] * width


def _renamed(columns: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    if names and len(names) != len(columns):
        raise BadInput(f"{len(names)} names {names} were given for the {len(columns)} columns {', '.join(columns)}.")
    return dict(zip(names, columns.values(), strict=True)) if names else columns


__all__ = [
    "SENSORS",
    "SensorTableConfig",
    "SensorTables",
    "detect_sensor_table",
    "open_sensor_table",
    "write_sensor_table",
]
