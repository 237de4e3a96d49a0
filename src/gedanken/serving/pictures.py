"""Arrays in JSON: nested lists, base64 of their bytes, or for pictures base64 of a PNG or JPEG."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from gedanken.errors import BadInput, ShapeError
from gedanken.serving.stream.messages import observation_of
from gedanken.types import Observation, StreamSpec

_MOST_PIXELS = 4096 * 4096
_FORMATS = ("PNG", "JPEG")


def observation_from_json(raw: Any, streams: Mapping[str, StreamSpec], what: str) -> Observation:
    """One moment's streams `[1, ...]`: each a nested list, `{"png": base64}` or `{"data": base64, "dtype", "shape"}`.

    Raises:
        BadInput, ShapeError: a stream is missing, cannot be read or is not what the model reads.
    """
    if not isinstance(raw, Mapping):
        raise BadInput(f"'{what}' is a {type(raw).__name__}; expected an object with {', '.join(streams)}.")
    read = {name: _array(f"{what}/{name}", raw[name], spec) for name, spec in streams.items() if name in raw}
    return observation_of(read, streams, what)


def png(pixels: np.ndarray) -> str:
    """A picture uint8 `[height, width, 3]` as base64 of a PNG."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _array(what: str, value: Any, spec: StreamSpec) -> np.ndarray:
    if isinstance(value, Mapping) and set(value) == {"png"}:
        return _picture(what, _bytes(what, value["png"]), spec)
    if isinstance(value, Mapping) and set(value) == {"data", "dtype", "shape"}:
        if value["dtype"] != spec.dtype or value["shape"] != list(spec.shape):
            raise ShapeError(
                f"{what} is said to be {value['dtype']} {value['shape']}; expected {spec.dtype} {list(spec.shape)}."
            )
        data, dtype = _bytes(what, value["data"]), np.dtype(spec.dtype).newbyteorder("<")
        if len(data) != math.prod(spec.shape) * dtype.itemsize:
            raise ShapeError(f"{what} has {len(data):,} bytes; its shape {list(spec.shape)} asks for another number.")
        return np.frombuffer(data, dtype).reshape(spec.shape).astype(spec.dtype)
    if not isinstance(value, list):
        raise BadInput(f"{what} is a {type(value).__name__}; expected nested lists, {{png}} or {{data, dtype, shape}}.")
    try:
        numbers = np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ShapeError(f"{what} is no array of numbers; expected {spec.dtype} {list(spec.shape)}.") from error
    kind = np.dtype(spec.dtype)
    if kind.kind in "iu":
        bounds = np.iinfo(kind)
        if not ((numbers == np.floor(numbers)) & (numbers >= bounds.min) & (numbers <= bounds.max)).all():
            raise BadInput(f"{what} holds numbers that are not whole, or not from {bounds.min} to {bounds.max}.")
    return numbers.astype(kind)


def _bytes(what: str, text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadInput(f"{what} is not base64 ({str(error)[:60]}).") from error


def _picture(what: str, data: bytes, spec: StreamSpec) -> np.ndarray:
    if len(spec.shape) != 3 or spec.shape[2] != 3 or spec.dtype != "uint8":
        raise BadInput(f"{what} is {spec.dtype} {list(spec.shape)}, which no picture is.")
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise BadInput(f"{what} has {image.width}×{image.height} pixels; at most {_MOST_PIXELS:,} are read.")
            size = (spec.shape[1], spec.shape[0])
            rgb = image.convert("RGB")
            return np.array(rgb if rgb.size == size else rgb.resize(size, Image.Resampling.BOX))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{what} is no picture that can be read; give a PNG or JPEG.") from error
