"""CSV and Parquet tables, looked at before they are read: what columns there are, and as much memory as the file justifies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gedanken.data.formats.packages import first_line
from gedanken.errors import BadEpisodeFile, MissingExtra

TABLES = (".csv", ".parquet")

_SMALL = 1 << 26
_MOST_PACKED = 1000
"""Bytes that one byte of a Parquet file may become; more is no recording but a trap."""


def arrow() -> Any:
    """The package `pyarrow` with its readers; raises `MissingExtra` where it is not installed."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("CSV and Parquet recordings need pyarrow: pip install 'gedanken[data]'") from error
    return pyarrow


@contextmanager
def refused(path: Path, kind: str = "a table") -> Iterator[None]:
    """Whatever pyarrow or the disk say against `path`, in one sentence."""
    try:
        yield
    except (arrow().ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        if isinstance(error, (BadEpisodeFile, MissingExtra)):
            raise
        raise BadEpisodeFile(f"{path.name} cannot be read as {kind}: {first_line(error)}.") from error


def schema(path: Path) -> Mapping[str, Any]:
    """The fields of the table at `path` by column name.

    Raises:
        BadEpisodeFile: not a CSV file with a header or a Parquet file, or two columns have one name.
    """
    fields = list(_csv(path).schema) if _is_csv(path) else _parquet_fields(path)
    names = [field.name for field in fields]
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise BadEpisodeFile(f"{path.name} has two columns {twice[0]!r}; rename one.")
    return {field.name: field for field in fields}


def read_columns(path: Path, names: Sequence[str]) -> Any:
    """The columns `names` as a `pyarrow.Table`, in that order; raises `BadEpisodeFile` where one is not there."""
    wanted = list(dict.fromkeys(names))
    table = _csv(path) if _is_csv(path) else None
    has_columns(path, wanted, None if table is None else table.column_names)
    if table is not None:
        return table.select(wanted)
    with refused(path, "Parquet"), arrow().parquet.ParquetFile(path) as file:
        check_size(path, file.metadata)
        return file.read(columns=wanted)


def has_columns(path: Path, names: Sequence[str], there: Sequence[str] | None = None) -> None:
    """Raise `BadEpisodeFile` where one of these columns is not there, or twice; the message lists the columns."""
    there = [field.name for field in _parquet_fields(path)] if there is None else list(there)
    missing = [name for name in names if there.count(name) != 1]
    if missing:
        raise BadEpisodeFile(f"{path.name} has no single column {missing[0]!r}; it has {', '.join(there)}.")


def is_numeric(kind: Any) -> bool:
    """Whether a column of this Arrow type holds one number a row."""
    types = arrow().types
    return any(each(kind) for each in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal))


def is_vector(kind: Any) -> bool:
    """Whether a column of this Arrow type holds a list of numbers a row."""
    types = arrow().types
    some = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(some) and is_numeric(kind.value_type)


def is_binary(kind: Any) -> bool:
    """Whether a column of this Arrow type holds bytes a row, bare or beside their path as Hugging Face keeps them."""
    types = arrow().types
    if types.is_struct(kind):
        return any(field.name == "bytes" and is_binary(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def is_moment(kind: Any) -> bool:
    """Whether a column of this Arrow type holds a date and time."""
    return arrow().types.is_timestamp(kind)


def numbers(path: Path, column: str, values: Any) -> np.ndarray:
    """A column as float64 `[n]`, an empty cell as NaN; raises `BadEpisodeFile` where it holds anything else."""
    if not is_numeric(values.type):
        raise BadEpisodeFile(f"column {column!r} of {path.name} is {values.type}; expected a number in every row.")
    with refused(path):
        return values.cast("float64", safe=False).to_numpy()


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _csv(path: Path) -> Any:
    csv = arrow().csv
    with refused(path, "CSV"):
        with path.open("rb") as file:
            header = file.readline(1 << 20)
        separator = max((b",", b";", b"\t"), key=header.count).decode()
        table = csv.read_csv(
            path,
            # In one block, so that a column's type is guessed from all of its rows.
            read_options=csv.ReadOptions(use_threads=False, block_size=min(max(path.stat().st_size, 1), 1 << 30)),
            parse_options=csv.ParseOptions(delimiter=separator),
            # NaN is a number that went wrong; only an empty cell is none at all.
            convert_options=csv.ConvertOptions(null_values=[""]),
        )
        if any(_is_a_number(name) for name in table.column_names):
            raise BadEpisodeFile(f"{path.name} begins with numbers; its first line must name the columns.")
        return table


def _is_a_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return name.lower() not in ("nan", "inf", "infinity")


def _parquet_fields(path: Path) -> list[Any]:
    with refused(path, "Parquet"), arrow().parquet.ParquetFile(path) as file:
        return list(file.schema_arrow)


def check_size(path: Path, metadata: Any) -> None:
    """Raise `BadEpisodeFile` where a Parquet file claims more numbers than its bytes may hold."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    values = sum(group.column(column).num_values for group in groups for column in range(group.num_columns))
    most = max(_SMALL, _MOST_PACKED * path.stat().st_size)
    if max(metadata.num_rows, values) * 8 > most:
        raise BadEpisodeFile(
            f"{path.name} claims {metadata.num_rows} rows and {values} values in {path.stat().st_size} bytes; it is not read."
        )
