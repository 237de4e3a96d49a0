"""HTML and SVG as nested calls: text is escaped unless it is itself made here, so no name can break the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

VOID = frozenset({"br", "img", "link", "meta", "source"})
"""Elements without an end tag."""


class Markup(str):
    """Text that is already markup."""

    __slots__ = ()


def tag(element: str, *children: str, **attributes: str | float | int | None) -> Markup:
    """`<element attributes>children</element>`.

    Args:
        element: its name.
        children: `Markup` goes in as it is, any other text escaped.
        attributes: `class_` is written class and `stroke_width` stroke-width; numbers with two decimals; None is left out.
    """
    words = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    return Markup(f"<{element}{words}>" if element in VOID else f"<{element}{words}>{joined(children)}</{element}>")


def joined(children: Sequence[str]) -> Markup:
    """Children one after the other, escaped where they are not markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def _name(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")


def _value(value: str | float | int) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
