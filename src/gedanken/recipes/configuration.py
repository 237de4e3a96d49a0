"""From JSON back to configurations: the right class, no unknown field, and every value of its annotated type.

What is read may come from a stranger's model file, so nothing is built and no size is believed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, get_args, get_origin, get_type_hints

from gedanken.errors import BadInput

_LARGEST = 2**63
"""Integers beyond fit no tensor size and no seed."""
_LONGEST = 80
"""Letters of a kind: longer ones name nothing, and an error should stay a sentence."""


class Configured(Protocol):
    """What a registry holds under a name: at least the class of a configuration.

    A part whose fields are configurations themselves has also `read`, which makes its own from JSON.
    """

    @property
    def config(self) -> type: ...


def of_kind(values: Mapping[str, Any], named: Callable[[str], Configured], usual: str) -> Any:
    """A configuration of the class its field `kind` names.

    Args:
        values: its fields, as JSON holds them.
        named: the registry in which kinds are looked up.
        usual: the kind of one that names none, as in files from before there was a choice.
    Raises:
        UnknownName: no such kind; the message lists what there is.
        BadInput: see `made`.
    """
    kind = values.get("kind", usual)
    if not isinstance(kind, str) or len(kind) > _LONGEST:
        raise BadInput(f"kind is {str(kind)[:40]!r}, which is no name.")
    found = named(kind)
    read = getattr(found, "read", None)
    return read(values) if read is not None else made(found.config, values)


def made(config: type, values: Mapping[str, Any]) -> Any:
    """A dataclass from JSON, in which tuples have become lists.

    Raises:
        BadInput: a field is unknown or not of its annotated type; or what the class itself refuses.
    """
    known = get_type_hints(config)
    if unknown := set(values) - set(known):
        raise BadInput(f"{config.__name__} has no field {sorted(unknown)[0]!r}; it has {', '.join(sorted(known))}.")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    for name, value in given.items():
        if not _fits(value, known[name]):
            raise BadInput(f"{config.__name__}.{name} is {str(value)[:40]!r}, which is no {known[name]}.")
    return config(
        **{
            name: float(value) if known[name] is float and isinstance(value, int) else value
            for name, value in given.items()
        }
    )


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation says; a bool is no number, and an int may stand for a float."""
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return value in parts
    if get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = parts[:1] * len(value) if parts[-1] is ... else parts
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    if isinstance(value, bool):
        return hint is bool
    if isinstance(value, int):
        return hint in (int, float) and abs(value) <= _LARGEST
    return isinstance(value, hint)
