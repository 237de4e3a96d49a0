"""A scene that comes in two contexts, each with one outcome that follows from it.

In context A follows outcome 1, in context B outcome 2. The contexts differ in what is seen before a curtain hides it, the
outcomes in what is seen afterwards, and while it is hidden both look the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gedanken.environments.table.physics import advanced
from gedanken.environments.table.stage import mirrored
from gedanken.environments.table.state import Row

FRAMES = 32
STEPS = FRAMES - 1


@dataclass(frozen=True)
class Scene:
    """Two contexts of one scene.

    Args:
        starts: the worlds of contexts A and B at frame 0.
        actions: `[31, 3]` of each.
        first: says of a world at the last frame whether it shows outcome 1.
    """

    starts: tuple[Row, Row]
    actions: tuple[np.ndarray, np.ndarray]
    first: Callable[[Row], bool]

    def mirrored(self) -> Scene:
        """The same scene with left and right exchanged."""
        turned = tuple(done * np.array([-1.0, 1.0, 1.0], dtype=np.float32) for done in self.actions)
        return Scene(
            (mirrored(self.starts[0]), mirrored(self.starts[1])),
            (turned[0], turned[1]),
            lambda row: self.first(mirrored(row)),
        )


def played(start: Row, actions: np.ndarray) -> list[Row]:
    """The worlds of a clip, one a frame: one more than actions."""
    rows = [start]
    for action in actions:
        rows.append(advanced(rows[-1], action))
    return rows
