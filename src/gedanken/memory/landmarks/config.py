"""How landmarks are chosen and how far their ways are believed."""

from __future__ import annotations

from dataclasses import dataclass

from gedanken.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class LandmarkConfig:
    """All in model steps, as they are predicted: those of whoever walked, with all detours, so one is often two.

    Args:
        apart: a moment nearer than this to a landmark becomes none.
        trusted: a way of so many steps is believed.
        direct: a goal within so many steps is aimed at without asking the graph; 0 always asks.
        reach: a longer way is none at all.
        distrust: what each step beyond `trusted` costs more, squared: a long way through a wall is one step's mistake.
        failure: times that a way which failed costs more, for each failure since it last succeeded.
        largest: landmarks at most; what is offered beyond is not taken.
    """

    apart: float = 3.0
    trusted: float = 5.0
    direct: float = 5.0
    reach: float = 6.8
    distrust: float = 1.0
    failure: float = 4.0
    largest: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.apart < self.trusted <= self.reach < float("inf"):
            raise BadInput(
                f"apart={self.apart} < trusted={self.trusted} <= reach={self.reach} must rise from above 0: landmarks farther "
                "apart than a way is trusted are never joined."
            )
        if min(self.distrust, self.direct) < 0 or self.failure < 1 or self.largest < 1:
            raise BadInput(
                f"distrust={self.distrust} and direct={self.direct} must be at least 0, "
                f"failure={self.failure} and largest={self.largest} at least 1."
            )
