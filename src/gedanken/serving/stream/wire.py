"""Messages as bytes: msgpack, with arrays as maps of their bytes, dtype and shape, as openpi's client writes them.

An array is `{b"__ndarray__": true, b"data": bytes, b"dtype": "<f4", b"shape": [2, 3]}`, a NumPy scalar
`{b"__npgeneric__": true, b"data": 1.5, b"dtype": "<f4"}`. Numbers of fixed width are read and nothing else: objects would be
pickles, and pickles run code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gedanken.errors import BadInput, NonFinite
from gedanken.serving.packages import msgpack

_ARRAY, _SCALAR, _DATA, _DTYPE, _SHAPE = b"__ndarray__", b"__npgeneric__", b"data", b"dtype", b"shape"
_DTYPES = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248])|bool|u?int(?:8|16|32|64)|float(?:16|32|64)")
_DEEPEST = 8
_LONGEST = 100_000
"""Entries of one list or map; what is longer belongs in an array."""


def packed(message: Mapping[str, Any]) -> bytes:
    """A message of numbers, texts, lists, maps and arrays of numbers as bytes."""
    return msgpack().packb(message, default=_as_map)


def unpacked(data: bytes, largest: int) -> dict[str, Any]:
    """The message in these bytes: a map with texts as keys; arrays are copies, in this machine's byte order.

    Args:
        data: what came.
        largest: bytes a message may have.
    Raises:
        BadInput: it is too large, no msgpack, no map, nested too deeply, has a key twice or a value that is no number, text,
            list, map or array of numbers.
        NonFinite: a number in it is NaN or infinite.
    """
    if len(data) > largest:
        raise BadInput(f"the message has {len(data):,} bytes; at most {largest:,} are taken.")
    try:
        message = msgpack().unpackb(
            data,
            object_pairs_hook=_understood,
            strict_map_key=False,
            max_array_len=_LONGEST,
            max_map_len=_LONGEST,
            max_ext_len=0,
        )
    except (BadInput, NonFinite):
        raise
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        what = str(error).split("\n")[0][:80] or type(error).__name__
        raise BadInput(
            f"the message cannot be read as msgpack ({what}); expected one map of texts to values."
        ) from error
    if not isinstance(message, dict):
        raise BadInput(f"the message is a {type(message).__name__}; expected a map, such as {{observation, goal}}.")
    _check(message)
    return message


def _as_map(value: Any) -> dict[bytes, Any]:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {_ARRAY: True, _DATA: value.tobytes(), _DTYPE: value.dtype.str, _SHAPE: list(value.shape)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {_SCALAR: True, _DATA: value.item(), _DTYPE: value.dtype.str}
    raise BadInput(f"a {type(value).__name__} cannot be sent; send numbers, texts, lists, maps and arrays of numbers.")


def _understood(pairs: list[tuple[Any, Any]]) -> Any:
    record = {key: value for key, value in pairs if isinstance(key, (str, bytes))}
    if len(record) != len(pairs):
        raise BadInput("a map in the message has a key twice, or one that is no text.")
    if _ARRAY in record:
        return _array(record)
    if _SCALAR in record:
        return _scalar(record)
    if any(isinstance(key, bytes) for key in record):
        raise BadInput("a map in the message has bytes for a key; expected texts.")
    return record


def _array(record: dict[Any, Any]) -> np.ndarray:
    data, shape = record.get(_DATA), record.get(_SHAPE)
    dtype = _dtype(record.get(_DTYPE))
    if set(record) != {_ARRAY, _DATA, _DTYPE, _SHAPE} or not isinstance(data, bytes) or not isinstance(shape, list):
        raise BadInput("an array in the message lacks its data, dtype or shape, or has more than these.")
    if len(shape) > 8 or not all(isinstance(size, int) and 0 <= size <= max(len(data), 65_536) for size in shape):
        raise BadInput(f"an array in the message has the shape {str(shape)[:60]}; expected at most 8 sizes.")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise BadInput(f"an array of shape {tuple(shape)} and dtype {dtype} came with {len(data):,} bytes.")
    if dtype.kind == "b":  # any byte but 0 and 1 would be a third truth value
        return (np.frombuffer(data, np.uint8) != 0).reshape(shape)
    values = np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    if dtype.kind == "f" and not np.isfinite(values).all():
        raise NonFinite(f"an array of shape {tuple(shape)} holds NaN or infinity; send finite numbers.")
    return values


def _scalar(record: dict[Any, Any]) -> int | float | bool:
    dtype, value = _dtype(record.get(_DTYPE)), record.get(_DATA)
    if set(record) != {_SCALAR, _DATA, _DTYPE} or not isinstance(value, (bool, int, float)):
        raise BadInput("a NumPy scalar in the message lacks its value or dtype, or has more than these.")
    return bool(value) if dtype.kind == "b" else value


def _dtype(name: Any) -> np.dtype:
    if not isinstance(name, str) or not _DTYPES.fullmatch(name):
        raise BadInput(
            f"an array in the message has the dtype {str(name)[:40]!r}; numbers of fixed width are taken (such as '<f4' or "
            "'|u1'), never objects."
        )
    return np.dtype(name)


def _check(message: dict[str, Any]) -> None:
    """Nothing nested too deeply, nothing that is not finite."""
    level: list[Any] = [message]
    for _ in range(_DEEPEST):
        inside = [child for parent in level for child in (parent.values() if isinstance(parent, dict) else parent)]
        if any(isinstance(child, float) and not math.isfinite(child) for child in inside):
            raise NonFinite("the message holds NaN or infinity; send finite numbers.")
        level = [child for child in inside if isinstance(child, (dict, list))]
        if not level:
            return
    raise BadInput(f"the message is nested more than {_DEEPEST} levels deep.")
