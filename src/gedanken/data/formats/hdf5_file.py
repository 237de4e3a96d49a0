"""HDF5 read warily: what lies in the file itself, in plain numbers, and no more of it than its bytes can hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from gedanken.errors import BadEpisodeFile, GedankenError, MissingExtra

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_PACKED = 1100
"""Bytes that one compressed byte may become: deflate, the usual filter, reaches about 1032."""

_SMALL = 1 << 26


def h5py() -> Any:
    """The package `h5py`; raises `MissingExtra` where it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("HDF5 recordings need h5py: pip install 'gedanken[data]'") from error
    return h5py


@contextmanager
def opened(path: Path, mode: str = "r") -> Iterator[Any]:
    """The file at `path`; what the library says against it becomes `BadEpisodeFile`."""
    package = h5py()
    try:
        with package.File(path, mode) as file:
            yield file
    except GedankenError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
        raise BadEpisodeFile(f"{path.name} cannot be read as HDF5: {reason}.") from error


def member(group: Any, name: str) -> Any:
    """What `group` holds under `name`, or None; a link that leads elsewhere is refused."""
    package, here = h5py(), group
    for part in name.split("/"):
        link = here.get(part, getlink=True) if isinstance(here, package.Group) else None
        if link is None:
            return None
        if not isinstance(link, package.HardLink):
            raise BadEpisodeFile(f"{part!r} in {_file(group)} is a link; only what lies in the file itself is read.")
        here = here[part]
    return here


def members(group: Any) -> dict[str, Any]:
    """All that a group holds, by name."""
    return {name: found for name in group if (found := member(group, name)) is not None}


def arrays(thing: Any, name: str = "") -> dict[str, Any]:
    """The checked datasets in `thing`, by their paths joined with `_`; a dataset is its own only one, called `name`."""
    found: dict[str, Any] = {}
    waiting, entered = [(name, thing)], set()
    while waiting:
        name, here = waiting.pop(0)
        if isinstance(here, h5py().Dataset):
            found[name] = checked(here)
            continue
        address = h5py().h5o.get_info(here.id).addr
        # Groups can hold themselves, or the same one under a thousand names.
        if address in entered:
            raise BadEpisodeFile(f"{here.name} of {_file(thing)} stands in two places; each group is read once.")
        entered.add(address)
        waiting += [(f"{name}_{key}" if name else key, each) for key, each in members(here).items()]
    return found


def checked(dataset: Any) -> Any:
    """The dataset, if it holds plain numbers in this very file, and as many as it says.

    Raises:
        BadEpisodeFile: objects, strings or records; kept in another file; or a size that its bytes cannot hold.
    """
    where = f"{dataset.name} of {_file(dataset)}"
    if dataset.dtype.kind not in "biuf":
        raise BadEpisodeFile(f"{where} holds {dataset.dtype}; only plain numbers are read.")
    if dataset.external or dataset.is_virtual:
        raise BadEpisodeFile(f"{where} keeps its numbers in another file; only what lies in the file itself is read.")
    if dataset.shape is None:
        raise BadEpisodeFile(f"{where} is empty.")
    stored = dataset.id.get_storage_size()
    packed = dataset.id.get_create_plist().get_nfilters() > 0
    size, chunk = (prod(shape) * dataset.dtype.itemsize for shape in (dataset.shape, dataset.chunks or (0,)))
    if chunk > max(_SMALL, stored * _MOST_PACKED):
        raise BadEpisodeFile(f"{where} has chunks of {chunk} bytes and {stored} stored; it is not read.")
    if stored > Path(dataset.file.filename).stat().st_size or size > stored * (_MOST_PACKED if packed else 1):
        raise BadEpisodeFile(f"{where} claims {size} bytes and has {stored}; it is not read.")
    return dataset


def plain(values: Any) -> np.ndarray:
    """Numbers in this machine's byte order."""
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _file(thing: Any) -> str:
    return Path(thing.file.filename).name
