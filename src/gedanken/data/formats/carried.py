"""What each format carries: the one table that the documentation shows and the tests hold every conversion to.

A conversion loses what the format it goes into does not carry; what that was in the case at hand is measured by
`gedanken.data.formats.differences`, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PICTURE_ERROR = 6.0
"""Grey levels, of 255, by which a value of a picture is off on average at most where pictures are lossy, smooth ones far less."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What of an episode comes back from a format, as its usual configuration writes it.

    Args:
        pictures: all exactly; lossy, to within `PICTURE_ERROR`; one exactly and nothing beside it; or refused in a sentence.
        numbers: in their streams and types; joined into one float32 stream; or refused in a sentence.
        names: what the components of a stream are called.
        units: physical units.
        bounds: what an action may be; otherwise the bounds are what occurs.
        times: the moments of the frames; otherwise an even clock, onto which uneven frames are resampled.
        resets: where something starts afresh.
        origin: source, licence and note.
    """

    pictures: Literal["exact", "lossy", "one", "refused"]
    numbers: Literal["exact", "joined", "refused"]
    names: bool = True
    units: bool = True
    bounds: bool = True
    times: bool = True
    resets: bool = True
    origin: bool = True

    @property
    def may_differ(self) -> frozenset[str]:
        """The aspects in which an episode may come back otherwise, as `differences` calls them."""
        lost = {
            aspect for aspect in ("names", "units", "bounds", "times", "resets", "origin") if not getattr(self, aspect)
        }
        lost |= {"pictures"} if self.pictures == "lossy" else set()
        lost |= {"streams", "numbers"} if self.numbers == "joined" else set()
        # What is read off an even clock has values of its own.
        return frozenset(lost | ({"numbers", "actions", "rates"} if not self.times else set()))


_TABLE = Carried(pictures="refused", numbers="joined", bounds=False, times=False, origin=False)

CARRIED: dict[str, Carried] = {
    "native": Carried(pictures="exact", numbers="exact"),
    "lerobot": Carried(pictures="lossy", numbers="exact"),
    "hdf5": Carried(pictures="exact", numbers="exact"),
    "video-folder": Carried(pictures="one", numbers="refused"),
    "sensor-table .parquet": _TABLE,
    "sensor-table .csv": Carried(
        pictures="refused", numbers="joined", units=False, bounds=False, times=False, origin=False
    ),
}
"""By the format's name; a sensor table also by its ending."""

_PICTURES = {"exact": "exactly", "lossy": "lossy", "one": "one camera, alone, exactly", "refused": "refused"}
_NUMBERS = {"exact": "exactly", "joined": "one float32 stream", "refused": "refused"}
_ASPECTS = ("names", "units", "bounds", "times", "resets", "origin")


def table() -> str:
    """The table in Markdown, as docs/formats.md shows it."""
    rows = [["", "pictures", "numbers", *_ASPECTS], ["---"] * (3 + len(_ASPECTS))]
    for name, each in CARRIED.items():
        kept = ["yes" if getattr(each, aspect) else "no" for aspect in _ASPECTS]
        rows.append([f"`{name}`", _PICTURES[each.pictures], _NUMBERS[each.numbers], *kept])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
