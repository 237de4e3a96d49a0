"""One array in a file: a `.npy` whose header is known beforehand, so that it is compared byte for byte and never parsed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from gedanken.errors import BadEpisodeFile, NonFinite

_CHUNK = 1 << 22
"""Numbers looked at in one go when checking that a file is finite."""


@dataclass(frozen=True)
class Layout:
    """Dtype and shape of one array file."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @classmethod
    def of(cls, dtype: str, shape: tuple[int, ...]) -> Layout:
        """Little-endian, whatever the machine."""
        return cls(np.dtype(dtype).newbyteorder("<"), tuple(map(int, shape)))

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize

    def header(self) -> bytes:
        """The `.npy` (version 1.0) header, padded so that the data start at a multiple of 64 bytes."""
        text = f"{{'descr': '{self.dtype.str}', 'fortran_order': False, 'shape': {self.shape}, }}".encode("ascii")
        body = text + b" " * (-(len(text) + 11) % 64) + b"\n"
        return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def write_array(path: Path, layout: Layout, columns: Iterable[np.ndarray]) -> None:
    """Write `columns` end to end into the new file `path`, and wait until the disk has them.

    Raises:
        NonFinite: they hold NaN or infinity.
    """
    with path.open("xb") as file:
        file.write(layout.header())
        for values in columns:
            if values.dtype.kind == "f" and not _finite(values):
                name = path.name.removesuffix(".npy")
                raise NonFinite(f"{name} of an episode hold NaN or infinity; cut or mend those frames.")
            file.write(np.ascontiguousarray(values, dtype=layout.dtype).data.cast("B") if values.size else b"")
        flush(file)


def flush(file: IO[bytes]) -> None:
    """Wait until the disk has what was written."""
    # Without this a power cut could keep the index and lose what it points to.
    file.flush()
    os.fsync(file.fileno())


def check_array(path: Path, layout: Layout) -> None:
    """Raise `BadEpisodeFile` where the file is missing, or its size or header are not those of `layout`."""
    header = layout.header()
    try:
        with path.open("rb") as file:
            size, found = os.fstat(file.fileno()).st_size, file.read(len(header))
    except OSError as error:
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} cannot be read: {error.strerror}.") from error
    if size != len(header) + layout.nbytes or found != header:
        raise BadEpisodeFile(
            f"{path.parent.name}/{path.name} is {size} bytes and does not match its table, which asks for "
            f"{layout.dtype.name} {layout.shape} in {len(header) + layout.nbytes} bytes."
        )


def check_finite(path: Path, layout: Layout) -> None:
    """Raise `BadEpisodeFile` where a file of floats holds NaN or infinity."""
    if layout.dtype.kind == "f" and not _finite(mapped(path, layout)):
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} holds NaN or infinity.")


def mapped(path: Path, layout: Layout, header: int | None = None) -> np.ndarray:
    """The array in a checked file, mapped into memory, read-only; its data start after `header` bytes."""
    if layout.nbytes == 0:
        return np.empty(layout.shape, layout.dtype)
    start = len(layout.header()) if header is None else header
    try:
        array = np.memmap(path, layout.dtype, "r", offset=start, shape=layout.shape)
    except (OSError, ValueError) as error:
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} cannot be mapped: {error}.") from error
    # A plain view: slicing np.memmap itself costs several times more.
    return array.view(np.ndarray)


def _finite(values: np.ndarray) -> bool:
    flat = values.reshape(-1)
    return all(np.isfinite(flat[start : start + _CHUNK]).all() for start in range(0, flat.size, _CHUNK))
