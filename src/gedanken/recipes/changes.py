"""Any field of a recipe changed by its path, as on a command line: `train.steps=50`, `predictor={"kind": "residual_mlp"}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gedanken.errors import BadInput
from gedanken.recipes.recipe import Recipe


def changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with some of its fields set.

    Args:
        recipe: is left as it is.
        changes: `path=value` each, such as `encoder.latent=32`; a value is JSON, or else plain text. A whole part is set by
            an object, in which its `kind` says which, and what it does not name is as usual.
    Raises:
        BadInput: not of that form, no such field, or a value that the recipe refuses.
    """
    values = json.loads(json.dumps(recipe.as_dict()))
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise BadInput(f"{change[:80]!r} changes nothing; write path=value, such as encoder.latent=32.")
        _set(values, path.split("."), _value(text))
    return Recipe.from_dict(values)


def _set(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    place: Any = values
    for depth, key in enumerate(path):
        if not isinstance(place, dict) or key not in place:
            told = ", ".join(sorted(place)) if isinstance(place, dict) else "nothing further"
            raise BadInput(f"the recipe has no {'.'.join(path[: depth + 1])!r}; there is {told}.")
        if depth == len(path) - 1:
            place[key] = value
        place = place[key]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
