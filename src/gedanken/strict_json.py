"""JSON from a file nobody vouches for: parsed strictly, and every field checked for its type before it is used.

What does not fit raises `BadInput`; the reader of a format turns it into that format's own error.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from gedanken.errors import BadInput
from gedanken.types import ActionSpec, StreamSpec

LARGEST_COUNT = 2**40
_DEEPEST = 64


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in `text`: no NaN, no key twice, at most 64 levels deep, bytes as UTF-8."""
    try:
        decoded = text if isinstance(text, str) else text.decode()
        raw = json.loads(decoded, parse_constant=_infinity, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"its JSON cannot be read: {str(error)[:120]}.") from error
    if not isinstance(raw, dict):
        raise BadInput(f"its JSON is a {type(raw).__name__}; expected an object.")
    _check_depth(raw)
    return raw


def field(record: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    """`record[key]`, which must be there and of this kind; a bool is no number."""
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadInput(f"its JSON has no proper {key!r}; it is {_short(value)}.")
    return value


def count(value: Any) -> int:
    """An integer from 0 to 2⁴⁰."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_COUNT:
        raise BadInput(f"its JSON has {_short(value)} where a count was expected.")
    return value


def number(value: Any) -> float:
    """A number that fits a float; infinity is one, since an action may be unbounded."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_COUNT
    if not whole and not isinstance(value, float):
        raise BadInput(f"its JSON has {_short(value)} where a number was expected.")
    return float(value)


def shape(value: Any) -> tuple[int, ...]:
    """At most 8 axis lengths with at most 2⁴⁰ numbers in all."""
    if not isinstance(value, list) or len(value) > 8:
        raise BadInput(f"its JSON has {_short(value)} where a shape was expected.")
    sizes = tuple(count(size) for size in value)
    if math.prod(sizes) > LARGEST_COUNT:
        raise BadInput(f"its shape {_short(sizes)} is too large to be meant.")
    return sizes


def stream_record(spec: StreamSpec) -> dict[str, Any]:
    """A stream spec as JSON; names stand there only where there are some, so that older readers and hashes see no change."""
    record = asdict(spec)
    if not spec.names:
        del record["names"]
    return record


def stream_spec(raw: Any) -> StreamSpec:
    """The stream spec that `stream_record` wrote."""
    return StreamSpec(
        shape=shape(field(raw, "shape", list)),
        dtype=field(raw, "dtype", str),
        rate_hz=_number_or_none(raw, "rate_hz"),
        unit=field(raw, "unit", str),
        names=_names(raw.get("names", [])),
    )


def action_spec(raw: Any) -> ActionSpec:
    """The action spec that `dataclasses.asdict` wrote."""
    return ActionSpec(
        width=count(field(raw, "width", int)),
        low=tuple(number(value) for value in field(raw, "low", list)),
        high=tuple(number(value) for value in field(raw, "high", list)),
        norm=_number_or_none(raw, "norm"),
        unit=field(raw, "unit", str),
        rate_hz=_number_or_none(raw, "rate_hz"),
    )


def _number_or_none(record: Any, key: str) -> float | None:
    value = record.get(key) if isinstance(record, dict) else None
    return None if value is None else number(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadInput(f"its JSON has {_short(value)} where a list of names was expected.")
    return tuple(value)


def _infinity(name: str) -> float:
    if name == "NaN":
        raise ValueError("it holds NaN")
    return float(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice")
    return record


def _check_depth(raw: Any) -> None:
    level = [raw]
    for _ in range(_DEEPEST):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise BadInput(f"its JSON is more than {_DEEPEST} levels deep.")


def _short(value: Any) -> str:
    return repr(value)[:40]
