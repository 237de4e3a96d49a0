"""Moments as rows and back, each row sealed by a checksum (CRC-32) over all that it says."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from gedanken.errors import BadInput, BadMemoryFile, NonFinite, ShapeError
from gedanken.types import Moment

MomentRow = tuple[int, int, float, bytes | None, bytes, float | None, int]
"""id, episode's id, time, action, latent, surprise, checksum: a row of `moments`."""

_LARGEST = float(np.finfo(np.float16).max)


def moment_sum(id: int, episode: int, time: float, action: bytes | None, latent: bytes, surprise: float | None) -> int:
    """The checksum of a moment's row."""
    head = struct.pack("<qqdd", id, episode, time, math.nan if surprise is None else surprise)
    return crc32(latent, crc32(b"" if action is None else b"\1" + action, crc32(head)))


def thumbnail_sum(moment: int, picture: bytes) -> int:
    """The checksum of a thumbnail's row."""
    return crc32(picture, crc32(struct.pack("<q", moment)))


def landmark_sum(moment: int) -> int:
    """The checksum of a landmark's row."""
    return crc32(struct.pack("<q", moment))


def way_sum(source: int, target: int, steps: float, failed: int) -> int:
    """The checksum of a row of `ways`."""
    return crc32(struct.pack("<qqdq", source, target, steps, failed))


def moment_row(id: int, episode: int, moment: Moment) -> MomentRow:
    """What is stored of a moment, its thumbnail apart."""
    action = None if moment.action is None else _array(moment.action, np.float32).tobytes()
    surprise = None if moment.surprise is None else float(moment.surprise)
    row = (id, episode, float(moment.time), action, _array(moment.latent, np.float16).tobytes(), surprise)
    return (*row, moment_sum(*row))


def check_row(row: Sequence, latent_bytes: int) -> None:
    """Raise `BadMemoryFile` where a row is not what was written."""
    try:
        sound = moment_sum(*row[:6]) == row[6] and len(row[4]) == latent_bytes
    except (TypeError, struct.error):  # a flipped bit may change a value's type
        sound = False
    if not sound:
        raise BadMemoryFile(f"moment {row[0]} is not as it was written (its checksum differs); the file is damaged.")


def check_moment(moment: Moment, shape: tuple[int, int] | None) -> None:
    """Raise in one sentence where a moment cannot be kept beside others of `shape` `(P, D)`."""
    latent = moment.latent
    if latent.dim() != 2 or latent.numel() == 0:
        raise ShapeError(f"the latent has shape {tuple(latent.shape)}; expected [P, D], one moment without a batch.")
    if shape is not None and tuple(latent.shape) != shape:
        raise ShapeError(f"the latent has shape {tuple(latent.shape)}; this memory keeps [P, D] = {shape}.")
    if not moment.episode:
        raise BadInput("the moment's episode has no name; give one, by which it can be forgotten.")
    numbers = {"time": moment.time, "surprise": moment.surprise or 0.0}
    if bad := [name for name, value in numbers.items() if not math.isfinite(value)]:
        raise NonFinite(f"the moment's {bad[0]} is {numbers[bad[0]]}; only finite numbers are remembered.")
    action = moment.action
    if not _finite(latent, np.float16) or (action is not None and not _finite(action, np.float32)):
        raise NonFinite(
            f"the moment's latent or action holds NaN, infinity or more than is kept (latents are float16, at most {_LARGEST:g})."
        )


def action_of(stored: bytes | None) -> Tensor | None:
    """The action in a row, `[A]`."""
    return None if stored is None else torch.from_numpy(np.frombuffer(stored, "<f4").copy())


def latents_of(stored: Sequence[bytes], width: int) -> np.ndarray:
    """The latents of rows, float16 `[rows, P·D]`."""
    return np.frombuffer(b"".join(stored), "<f2").reshape(len(stored), width)


def _array(values: Tensor, dtype: type) -> np.ndarray:
    return values.detach().cpu().float().numpy().astype(np.dtype(dtype).newbyteorder("<"))


def _finite(values: Tensor, dtype: type) -> bool:
    """Whether all are finite as they will be stored."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(_array(values, dtype)).all())
