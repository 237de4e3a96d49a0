"""A CSV or Parquet file with one number a column and row: what was done at each frame of a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gedanken.data.formats.arrow_file import read_as
from gedanken.data.formats.packages import data_package
from gedanken.errors import BadEpisodeFile, MissingValues

SUFFIXES = (".parquet", ".csv")


def read_number_table(path: Path, most_rows: int) -> dict[str, np.ndarray]:
    """The columns of numbers, by name, each `[rows]` float64; columns of another kind are left out.

    Args:
        path: a file that ends in .csv (with a line of names) or .parquet.
        most_rows: more are refused before they are read.
    Raises:
        BadEpisodeFile: not such a file, too many rows, or a number that is missing or not finite.
        MissingExtra: pyarrow is not installed.
    """
    with read_as("Parquet" if path.suffix == ".parquet" else "CSV", path):
        table = _parquet(path, most_rows) if path.suffix == ".parquet" else _csv(path, most_rows)
    columns = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        numbers = values.to_numpy() if len(values) else np.empty(0)  # without a row nothing tells of what kind they are
        if numbers.dtype.kind in "iufb":
            columns[name] = numbers.astype(np.float64)
    if len(set(table.column_names)) < table.num_columns:
        raise BadEpisodeFile(f"{path.name} has two columns of one name; it has {', '.join(table.column_names)}.")
    for name, numbers in columns.items():
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise MissingValues(
                f"column {name!r} of {path.name} has no finite number in row {row}; cut those rows, or name other columns."
            )
    return columns


def write_number_table(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns `[rows]` so that reading gives every number back exactly; the suffix says CSV or Parquet."""
    table = data_package("pyarrow").table(dict(columns))
    if path.suffix == ".parquet":
        data_package("pyarrow.parquet").write_table(table, path)
    else:
        data_package("pyarrow.csv").write_csv(table, path)


def _parquet(path: Path, most_rows: int):
    with data_package("pyarrow.parquet").ParquetFile(path) as file:
        if file.metadata.num_rows > most_rows:
            raise BadEpisodeFile(f"{path.name} has {file.metadata.num_rows} rows; its video has room for {most_rows}.")
        return file.read()


def _csv(path: Path, most_rows: int):
    table = data_package("pyarrow.csv").read_csv(path)
    if table.num_rows > most_rows:
        raise BadEpisodeFile(f"{path.name} has {table.num_rows} rows; its video has room for {most_rows}.")
    return table
