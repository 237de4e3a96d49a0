"""A Parquet table with one encoded image and one command a row, in the order of time: how small robots keep a drive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gedanken import __version__
from gedanken.data.formats.packages import first_line
from gedanken.data.formats.picture import decoded
from gedanken.errors import BadEpisodeFile, BadInput, MissingExtra
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

_ROWS = 256


def read_image_table(
    path: str | os.PathLike[str],
    *,
    image: str = "image",
    actions: Sequence[str],
    bounds: Sequence[tuple[float, float]] | None = None,
    size: tuple[int, int] = (64, 64),
    rate_hz: float | None = None,
    action_lag: int = 0,
    licence: str = "",
) -> Episode:
    """The whole table as one episode with a `pixels` stream.

    Machines answer late: with `action_lag=k` frame t is paired with the command given k frames earlier, since it is the
    image taken k frames after a command that begins to show its effect. The first k images and the last k + 1 commands
    have no partner and are left out.

    Args:
        path: the Parquet file.
        image: column with the bytes of one JPEG or PNG a row.
        actions: columns with numbers, in the order of the action's columns.
        bounds: lowest and highest value of each action column; by default those that occur.
        size: height and width of the frames, averaged over area; another aspect is squeezed.
        rate_hz: rows a second; None where unknown.
        action_lag: k, in frames.
        licence: SPDX name of the recording's licence, if known.
    Returns:
        An episode of (rows − k) frames: pixels uint8 `[L, height, width, 3]`, actions float32 `[L-1, columns]`.
    Raises:
        BadEpisodeFile: not Parquet, a column is missing or of another kind, an image cannot be decoded, or a number is
            missing or not finite.
        BadInput: an action lies outside `bounds`, or an argument is out of range.
        MissingExtra: pyarrow is not installed.
    """
    if min(size) < 1 or action_lag < 0 or not actions:
        raise BadInput(f"size={size} and the number of actions must be at least 1, action_lag={action_lag} at least 0.")
    name = Path(path).name
    pictures: list[np.ndarray] = []
    commands: list[np.ndarray] = []
    for batch in _batches(Path(path), [image, *actions]):
        first = len(pictures)
        pictures += [
            decoded(content.as_py(), size, f"row {first + row} of {name}")
            for row, content in enumerate(batch.column(image))
        ]
        commands.append(np.stack([_numbers(name, column, batch.column(column)) for column in actions], axis=1))
    length = len(pictures) - action_lag
    if length < 2:
        raise BadEpisodeFile(
            f"{name} has {len(pictures)} rows; with action_lag={action_lag} at least {action_lag + 2}."
        )
    steps = np.concatenate(commands)
    return Episode(
        streams={"pixels": np.stack(pictures[action_lag:])},
        actions=steps[: length - 1],
        specs={"pixels": StreamSpec((*size, 3), "uint8", rate_hz)},
        action=_action_spec(steps, actions, bounds, rate_hz),
        provenance=Provenance(name, licence, f"action_lag={action_lag}", f"gedanken {__version__}"),
    )


def _batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("Parquet recordings need pyarrow: pip install 'gedanken[data]'") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            missing = [column for column in columns if there.count(column) != 1]
            if missing:
                raise BadEpisodeFile(f"{path.name} has no single column {missing[0]!r}; it has {', '.join(there)}.")
            yield from file.iter_batches(batch_size=_ROWS, columns=list(dict.fromkeys(columns)))
    except (pyarrow.ArrowException, OSError) as error:
        raise BadEpisodeFile(f"{path.name} cannot be read as Parquet: {first_line(error)}.") from error


def _numbers(name: str, column: str, values: Any) -> np.ndarray:
    numbers = values.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind not in "iufb":
        raise BadEpisodeFile(f"column {column!r} of {name} is {values.type}; an action must be a number in every row.")
    with np.errstate(over="ignore"):
        steps = numbers.astype(np.float32)
    if not np.isfinite(steps).all():
        raise BadEpisodeFile(f"column {column!r} of {name} holds a missing or non-finite number; cut those rows.")
    return steps


def _action_spec(
    steps: np.ndarray, columns: Sequence[str], bounds: Sequence[tuple[float, float]] | None, rate_hz: float | None
) -> ActionSpec:
    lowest, highest = steps.min(axis=0).tolist(), steps.max(axis=0).tolist()
    if bounds is None:
        return ActionSpec(len(columns), tuple(lowest), tuple(highest), rate_hz=rate_hz)
    if len(bounds) != len(columns):
        raise BadInput(f"{len(bounds)} bounds were given for {len(columns)} actions; one pair each is needed.")
    for column, smallest, largest, (low, high) in zip(columns, lowest, highest, bounds, strict=True):
        if smallest < low or largest > high:
            raise BadInput(
                f"action {column!r} runs from {smallest:g} to {largest:g}, outside its bounds {low} to {high}."
            )
    return ActionSpec(len(columns), tuple(low for low, _ in bounds), tuple(high for _, high in bounds), rate_hz=rate_hz)
