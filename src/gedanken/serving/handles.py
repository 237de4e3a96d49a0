"""Names for what is too large to say, and a bound on how much may be thought: so an agent made of words can use a model."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from gedanken.errors import BadInput, Refused


class Handles:
    """Values by short names, such as `seen-3`; the ones not used for longest are forgotten first.

    Args:
        most: values kept.
    """

    def __init__(self, most: int = 256) -> None:
        self._most, self._count = most, 0
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def keep(self, kind: str, value: Any) -> str:
        """The name this value has from now on."""
        self._count += 1
        name = f"{kind}-{self._count}"
        self._kept[name] = value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return name

    def __getitem__(self, name: str) -> Any:
        if name not in self._kept:
            last = ", ".join(list(self._kept)[-5:]) or "none yet"
            raise BadInput(f"no handle {name[:40]!r}; the last ones are {last}. Those not used for long are forgotten.")
        self._kept.move_to_end(name)
        return self._kept[name]


class Budget:
    """Model steps that may still be imagined.

    Args:
        steps: in all.
    """

    def __init__(self, steps: int) -> None:
        self.whole = self.left = steps

    def spend(self, steps: int) -> None:
        """Take so many.

        Raises:
            Refused: fewer are left; nothing is taken then.
        """
        if steps > self.left:
            raise Refused(
                f"this would imagine {steps:,} model steps and {self.left:,} of {self.whole:,} are left; ask for less, or start "
                "the server with a larger --budget."
            )
        self.left -= steps
