"""Episodes of an HDF5 file: robomimic, Minari, or flat columns; see `hdf5_layout.py` for how each is told.

Action k leaves frame k, so an episode has one frame more than actions. Where a file has as many actions as observations, the
last action is dropped, since nothing shows what it led to; unless the file keeps the observations after the actions as well
(`next_obs`), which give the last frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken import __version__
from gedanken.data.formats.bounds import bounded_actions
from gedanken.data.formats.hdf5_file import SIGNATURE, checked, member, opened, plain
from gedanken.data.formats.hdf5_layout import Layout, Place, places
from gedanken.data.formats.picture import shrunk
from gedanken.data.index import parse_index
from gedanken.data.lag import lagged
from gedanken.errors import BadEpisodeFile, BadInput, MissingValues, unknown_name
from gedanken.strict_json import field as text_field
from gedanken.strict_json import parse_object
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

PIXELS = "pixels"
KIND = "gedanken"
"""Attribute of the file in which we leave the specs; others do not look at it."""


@dataclass(frozen=True, kw_only=True)
class Hdf5Config:
    """Where the episodes lie in the file, and what it does not say of them.

    Args:
        layout: robomimic, minari or flat; by default whichever is found.
        actions: name of the actions inside an episode (or of the whole column); "actions" or "action" by default.
        observations: name of the observations, an array or a group; "obs" or "observations" by default.
        episodes: in a flat file, the dataset that tells episodes apart: their ends, or a number or flag for each row.
        streams: names of the streams to keep; all by default.
        pixels: stream of images to be called `pixels`; by default the one of that name, or else the first.
        size: height and width that images are brought to; as they are by default.
        rate_hz: frames a second, where known.
        units: physical unit of a stream, by its name; that of the actions by "actions".
        bounds: lowest and highest value of each number of an action; by default those that occur.
        action_lag: frames that pass until a command shows.
        licence: SPDX name of the recording's licence, if known.
    """

    kind: Literal["hdf5"] = "hdf5"
    layout: Layout | None = None
    actions: str | None = None
    observations: str | None = None
    episodes: str | None = None
    streams: tuple[str, ...] | None = None
    pixels: str | None = None
    size: tuple[int, int] | None = None
    rate_hz: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    bounds: tuple[tuple[float, float], ...] | None = None
    action_lag: int = 0
    licence: str = ""

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise BadInput(f"size={self.size} must be at least 1 by 1 pixels.")


def is_hdf5(path: Path) -> bool:
    """Whether `path` is a file that begins as HDF5 does."""
    try:
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


class Hdf5Episodes:
    """The episodes of an HDF5 file, each read when it is asked for."""

    def __init__(self, path: Path, config: Hdf5Config) -> None:
        self._path, self._config = path, config
        with opened(path) as file:
            found = places(
                file, config.layout, actions=config.actions, observations=config.observations, episodes=config.episodes
            )
            told = _told(file)
            self._names = _names(file, found[0], config, as_they_are=told is not None)
            specs, action = told or ({}, None)
            self._specs = {
                stream: _spec(file, found[0].streams[name], specs.get(stream), stream, config)
                for name, stream in self._names.items()
            }
            self._action = _action(file, found, config, action)
        self._places = found

    @property
    def specs(self) -> Mapping[str, StreamSpec]:
        """The streams that every episode has."""
        return self._specs

    @property
    def action(self) -> ActionSpec:
        """What one action is."""
        return self._action

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Episode:
        place = self._places[index]
        with opened(self._path) as file:
            try:
                return lagged(self._episode(file, place), self._config.action_lag)
            except BadInput as error:
                raise BadEpisodeFile(f"{place.name} of {self._path.name} cannot be an episode: {error}") from error

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def _episode(self, file: Any, place: Place) -> Episode:
        first, last = place.rows
        more = bool(place.after) or place.frames[1] - place.frames[0] > last - first
        steps = _steps(file, place)[: None if more else -1]
        streams = {name: self._frames(file, place, path) for path, name in self._names.items()}
        for name, values in {**streams, "actions": steps}.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise MissingValues(
                    f"{name} of {place.name} in {self._path.name} hold NaN or infinity; cut or mend them."
                )
        times, resets = (
            member(file, f"{place.group}/{name}".lstrip("/")) if place.group else None for name in ("times", "resets")
        )
        note = "" if more else "the last action was dropped: nothing shows what it led to"
        return Episode(
            streams,
            steps,
            self._specs,
            self._action,
            times=None if times is None else plain(checked(times)[...]).astype(np.float64),
            resets=() if resets is None else tuple(plain(checked(resets)[...]).astype(np.int64).tolist()),
            provenance=_origin(file, place)
            or Provenance(f"{self._path.name} ({place.name})", self._config.licence, note, f"gedanken {__version__}"),
        )

    def _frames(self, file: Any, place: Place, name: str) -> np.ndarray:
        if name not in place.streams:
            raise BadEpisodeFile(
                f"{place.name} of {self._path.name} has no {name!r}; every episode needs the same streams."
            )
        values = plain(checked(member(file, place.streams[name].lstrip("/")))[slice(*place.frames)])
        if place.after:
            later = checked(member(file, place.after[name].lstrip("/")))
            values = np.concatenate([values, plain(later[place.frames[1] - 1 : place.frames[1]])])
        images = _upright(values)
        if images is None:
            return values
        return images if self._config.size is None else shrunk(images, self._config.size)


def _names(file: Any, place: Place, config: Hdf5Config, *, as_they_are: bool) -> dict[str, str]:
    """The stream that each dataset of observations becomes."""
    names = list(config.streams or place.streams)
    for name in (*names, *([config.pixels] if config.pixels else ())):
        if name not in place.streams:
            raise unknown_name("stream", name, place.streams)
    streams = {name: re.sub(r"[^A-Za-z0-9_]", "_", name)[:64] for name in names}
    images = [name for name in names if _image_shape(member(file, place.streams[name].lstrip("/"))) is not None]
    first = config.pixels or (None if as_they_are or PIXELS in names else next(iter(images), None))
    if first:
        streams[first] = PIXELS
    if len(set(streams.values())) < len(streams):
        raise BadInput(f"two observations would be called the same: {streams}; choose with streams=(…).")
    return streams


def _image_shape(dataset: Any) -> tuple[int, int, int] | None:
    """Height, width and channels of a dataset that holds images, which others keep with the channels first or last."""
    if dataset.dtype != np.uint8 or len(dataset.shape) != 4:
        return None
    one, two, three = (int(size) for size in dataset.shape[1:])
    if three in (1, 3):
        return one, two, three
    return (two, three, one) if one in (1, 3) else None


def _spec(file: Any, path: str, told: StreamSpec | None, stream: str, config: Hdf5Config) -> StreamSpec:
    dataset = checked(member(file, path.lstrip("/")))
    image = _image_shape(dataset)
    shape = tuple(map(int, dataset.shape[1:])) if image is None else (*(config.size or image[:2]), image[2])
    made = told or StreamSpec(shape, dataset.dtype.newbyteorder("=").name)
    return replace(made, shape=shape, rate_hz=config.rate_hz or made.rate_hz, unit=config.units.get(stream, made.unit))


def _told(file: Any) -> tuple[Mapping[str, StreamSpec], ActionSpec] | None:
    """The specs that our own writer left."""
    text = file.attrs.get(KIND)
    if not isinstance(text, str):
        return None
    index = parse_index(text.encode())
    return index.specs, index.action


def _action(file: Any, found: list[Place], config: Hdf5Config, told: ActionSpec | None) -> ActionSpec:
    if told is not None and config.bounds is None:
        return replace(told, rate_hz=config.rate_hz or told.rate_hz, unit=config.units.get("actions", told.unit))
    lowest, highest = np.asarray(np.inf, np.float32), np.asarray(-np.inf, np.float32)
    for place in found:
        steps = _steps(file, place)
        if lowest.shape and lowest.shape != steps.shape[1:]:
            raise BadEpisodeFile(f"{place.name} has actions of width {steps.shape[1]}, others {lowest.shape[0]}.")
        steps = np.where(np.isfinite(steps), steps, np.nan)
        lowest = np.fmin(lowest, np.fmin.reduce(steps, initial=np.inf))
        highest = np.fmax(highest, np.fmax.reduce(steps, initial=-np.inf))
    if not lowest.shape or not (lowest <= highest).all():
        raise BadEpisodeFile("there is a column of actions without a single finite number; cut it.")
    names = [f"action {number}" for number in range(len(lowest))]
    return bounded_actions(
        names, lowest, highest, config.bounds, unit=config.units.get("actions", ""), rate_hz=config.rate_hz
    )


def _steps(file: Any, place: Place) -> np.ndarray:
    dataset = checked(member(file, place.actions.lstrip("/")))
    if len(dataset.shape) > 2:
        raise BadEpisodeFile(f"{place.actions} is {dataset.shape}; expected [L, width].")
    with np.errstate(over="ignore"):
        steps = plain(dataset[slice(*place.rows)]).astype(np.float32)
    return steps.reshape(len(steps), -1) if len(steps) else np.empty((0, *(dataset.shape[1:] or (1,))), np.float32)


def _upright(values: np.ndarray) -> np.ndarray | None:
    """Images with the channels last, or None where the values are none."""
    shape = _image_shape(values)
    if shape is None or values.shape[1:] == shape:
        return values if shape else None
    return np.ascontiguousarray(np.moveaxis(values, 1, -1))


def _origin(file: Any, place: Place) -> Provenance | None:
    text = member(file, place.group.lstrip("/")).attrs.get("provenance") if place.group else None
    if not isinstance(text, str):
        return None
    raw = parse_object(text)
    return Provenance(*(text_field(raw, key, str) for key in ("source", "licence", "note", "ingested_by")))
