"""Formats by name: ours in a dict, others' by entry points of the group `gedanken.formats`.

An entry point names a `RegisteredFormat`. A configuration says its format's name in its field `kind`, so nothing else is
needed to find the functions; without one, the path is looked at and the format's usual configuration is taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, get_args, runtime_checkable

from gedanken.contracts import Episodes
from gedanken.data.formats.hdf5 import Hdf5Config, detect_hdf5, open_hdf5, write_hdf5
from gedanken.data.formats.image_table import ImageTableConfig, detect_image_table, open_image_table
from gedanken.data.formats.lerobot import LeRobotConfig, detect_lerobot, open_lerobot
from gedanken.data.formats.lerobot_writer import write_lerobot
from gedanken.data.formats.native import NativeConfig, detect_native, open_native, write_native
from gedanken.data.formats.sensor_table import (
    SensorTableConfig,
    detect_sensor_table,
    open_sensor_table,
    write_sensor_table,
)
from gedanken.data.formats.video_folder import VideoFolderConfig, detect_video_folder, open_video_folder
from gedanken.data.formats.video_folder_writer import write_video_folder
from gedanken.errors import BadEpisodeFile, BadInput, unknown_name
from gedanken.types import Episode

IfExists = Literal["refuse", "append", "overwrite"]
"""What writing does where something lies already; whichever it is, a failed write leaves what was there."""


@runtime_checkable
class FormatConfig(Protocol):
    """What every format's configuration, a frozen dataclass, says of itself."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def kind(self) -> str:
        """Name under which the format is registered."""
        ...


class RegisteredFormat(NamedTuple):
    """A format: how to tell, read and write it.

    Args:
        detect: `detect(path) -> bool`, whether what lies there looks like it; reads little and raises nothing.
        open: `open(path, config) -> Episodes`.
        write: `write(path, episodes, config, if_exists)`; None for a format that is only read.
        config: class of its configuration; `config()` is the usual one, and works wherever the file says enough.
    """

    detect: Callable[[Path], bool]
    open: Callable[[Path, Any], Episodes]
    write: Callable[[Path, Iterable[Episode], Any, IfExists], None] | None
    config: type


FORMATS: dict[str, RegisteredFormat] = {
    "native": RegisteredFormat(detect_native, open_native, write_native, NativeConfig),
    "lerobot": RegisteredFormat(detect_lerobot, open_lerobot, write_lerobot, LeRobotConfig),
    "hdf5": RegisteredFormat(detect_hdf5, open_hdf5, write_hdf5, Hdf5Config),
    "image-table": RegisteredFormat(detect_image_table, open_image_table, None, ImageTableConfig),
    "video-folder": RegisteredFormat(detect_video_folder, open_video_folder, write_video_folder, VideoFolderConfig),
    "sensor-table": RegisteredFormat(detect_sensor_table, open_sensor_table, write_sensor_table, SensorTableConfig),
}
"""In the order in which a path is tried: what can be told surely comes first."""


def format_named(name: str) -> RegisteredFormat:
    """The format registered under `name`; ours win over others' of the same name.

    Raises:
        UnknownName: nothing has that name; the message lists what there is.
    """
    if name in FORMATS:
        return FORMATS[name]
    others = {entry.name: entry for entry in _others()}
    if name not in others:
        raise unknown_name("format", name, [*FORMATS, *others])
    return RegisteredFormat(*others[name].load())


def detect(path: str | os.PathLike[str]) -> str:
    """Name of the format of what lies at `path`.

    Raises:
        BadEpisodeFile: nothing lies there, or no format knows it; the message lists the formats there are.
    """
    where = Path(path)
    if not where.exists():
        raise BadEpisodeFile(f"there is nothing at {where}.")
    names = [*FORMATS, *(entry.name for entry in _others() if entry.name not in FORMATS)]
    for name in names:
        if format_named(name).detect(where):
            return name
    raise BadEpisodeFile(
        f"{where} is in no format known here ({', '.join(names)}); convert it, or name its format and columns yourself."
    )


def open_episodes(path: str | os.PathLike[str], config: FormatConfig | None = None) -> Episodes:
    """The episodes at `path`.

    Args:
        path: file or folder.
        config: says the format, and what the file does not say of itself; by default the format is detected.
    Raises:
        BadEpisodeFile: not what the format asks for, or in no known format.
        BadInput: the file does not say enough, and neither does `config`.
        MissingExtra: a package that the format needs is not installed.
    """
    if config is None:
        chosen = format_named(detect(path))
        config = chosen.config()
    else:
        chosen = _format_of(config)
    return chosen.open(Path(path), config)


def write_episodes(
    path: str | os.PathLike[str],
    episodes: Iterable[Episode],
    config: FormatConfig | None = None,
    *,
    if_exists: IfExists = "refuse",
) -> None:
    """Write episodes to `path`, all or none.

    Args:
        path: file or folder, as the format has it.
        episodes: what to write, in order.
        config: says the format and its settings; the native store by default.
        if_exists: refuse, append to, or replace what lies there.
    Raises:
        BadInput: something lies there and `if_exists` is "refuse", or the format cannot keep these episodes.
        StorageError: the disk refused; what lay there is as it was.
    """
    if if_exists not in get_args(IfExists):
        raise BadInput(f"if_exists={if_exists!r} must be one of {', '.join(get_args(IfExists))}.")
    config = config or NativeConfig()
    chosen = _format_of(config)
    if chosen.write is None:
        raise BadInput(
            f"the format {config.kind!r} is only read; write native, or another that is listed to be written."
        )
    chosen.write(Path(path), episodes, config, if_exists)


def as_written(name: str) -> FormatConfig:
    """The usual configuration of a format, but that pictures keep their own size: what a conversion reads."""
    config = format_named(name).config()
    return replace(config, size=None) if hasattr(config, "size") and name != "image-table" else config


def _format_of(config: FormatConfig) -> RegisteredFormat:
    if not isinstance(config, FormatConfig):
        raise BadInput(f"a {type(config).__name__} configures no format; expected one such as NativeConfig.")
    found = format_named(config.kind)
    if not isinstance(config, found.config):
        raise BadInput(
            f"a {type(config).__name__} says it is of kind {config.kind!r}, configured by {found.config.__name__}."
        )
    return found


def _others() -> Iterable[Any]:
    return entry_points(group="gedanken.formats")
