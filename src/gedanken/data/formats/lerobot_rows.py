"""The rows of one LeRobot episode, out of a Parquet file that may hold many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from gedanken.data.formats.arrow_file import read_as
from gedanken.data.formats.lerobot_meta import Place, check_rows
from gedanken.data.formats.packages import data_package
from gedanken.errors import BadEpisodeFile, MissingValues

_BATCH = 65536


def read_rows(place: Place, columns: Sequence[str]) -> Any:
    """The episode's rows as an Arrow table of these columns, in the order of its frames."""
    path, wanted = place.data, ["frame_index", *columns]
    with read_as("Parquet", path):
        with data_package("pyarrow.parquet").ParquetFile(path) as file:
            check_rows(path, file.metadata.num_rows)
            missing = [name for name in wanted if name not in file.schema_arrow.names]
            if missing:
                raise BadEpisodeFile(f"{path.name} has no column {missing[0]!r}; meta/info.json names it.")
        own = [("episode_index", "=", place.index)]
        table = data_package("pyarrow.parquet").read_table(path, columns=wanted, filters=own, partitioning=None)
    frames = numbers(table.column("frame_index"), (), f"frame_index of {path.name}", np.dtype("int64"))
    if len(frames) != place.length or (frames != np.arange(len(frames))).any():
        raise BadEpisodeFile(
            f"episode {place.index} has {len(frames)} rows in {path.name}, not frames 0 to {place.length - 1} in order as "
            "meta/ tells; fetch the dataset again."
        )
    return table


def read_column(path: Path, column: str, width: int) -> Iterator[np.ndarray]:
    """A column of vectors, all rows of the file, in batches `[rows, width]`."""
    with read_as("Parquet", path), data_package("pyarrow.parquet").ParquetFile(path) as file:
        check_rows(path, file.metadata.num_rows)
        if column not in file.schema_arrow.names:
            raise BadEpisodeFile(f"{path.name} has no column {column!r}; meta/info.json names it.")
        for batch in file.iter_batches(batch_size=_BATCH, columns=[column]):
            yield numbers(batch.column(0), (width,), f"{column} of {path.name}", np.dtype("float32"))


def numbers(column: Any, shape: tuple[int, ...], where: str, dtype: np.dtype) -> np.ndarray:
    """An Arrow column of numbers or (nested) lists of them as `[rows, *shape]`; every number must be there and finite."""
    rows, types = len(column), data_package("pyarrow").types
    flat = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    while isinstance(flat.type, data_package("pyarrow").ExtensionType) or types.is_nested(flat.type):
        if isinstance(flat.type, data_package("pyarrow").ExtensionType):
            flat = flat.storage
        elif types.is_struct(flat.type) or types.is_map(flat.type):
            break
        else:
            flat = flat.flatten()
    values = None if types.is_nested(flat.type) else flat.to_numpy(zero_copy_only=False)
    if values is None or values.dtype.kind not in "iufb" or values.size != rows * prod(shape):
        raise BadEpisodeFile(
            f"{where} is {column.type}; expected numbers of shape {shape} in each row, as meta/ tells."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        result = values.astype(dtype).reshape(rows, *shape)
    if dtype.kind == "f" and not np.isfinite(result).all():
        raise MissingValues(f"{where} holds a missing or non-finite number; cut that episode.")
    return result
