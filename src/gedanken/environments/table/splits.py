"""What each split of the clips draws from, and the draws themselves: one source of chance a scene, named by its place.

A scene is drawn by the name of its split, property, number and attempt alone, so any one of them can be made by itself, in
any process, and is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from gedanken.environments.table.looks import LOOK_RANGES, draw_look
from gedanken.environments.table.shapes import NOVEL_SHAPES, STANDING, TRAIN_SHAPES
from gedanken.environments.table.stage import Stage
from gedanken.environments.table.state import GRAVITY
from gedanken.errors import unknown_name

VERSION = 1
"""Of the generator: another version draws other clips."""

Range = tuple[float, float]
Choice = TypeVar("Choice")


@dataclass(frozen=True, kw_only=True)
class Split:
    """What one split draws from.

    Args:
        look: which factors of variation, `train` or `test`.
        novel_shapes: whether shapes are those that no other split has.
        floor: y of the floor, px.
        lift: px by which tables and shelves stand higher than they usually would.
        widen: px that curtains are wider on each side.
        camera: px by which the picture is shifted beyond the look's own shift.
        mirrored: whether left and right are exchanged.
        wait: frames that things stay hidden longer than the scene needs.
        rare: whether scenes come from the edge of what is possible.
    """

    look: str = "train"
    novel_shapes: bool = False
    floor: Range = (55.0, 58.0)
    lift: Range = (0.0, 3.0)
    widen: Range = (0.0, 1.0)
    camera: float = 0.0
    mirrored: bool = False
    wait: tuple[int, int] = (0, 2)
    rare: bool = False


_ID = Split()
SPLITS: Mapping[str, Split] = {
    "id": _ID,
    "novel-object": replace(_ID, look="test", novel_shapes=True),
    "novel-layout": replace(_ID, floor=(52.0, 54.0), lift=(3.5, 6.0), widen=(1.5, 3.0), camera=2.0, mirrored=True),
    "long-occlusion": replace(_ID, wait=(8, 10)),
    "rare": replace(_ID, rare=True),
}
"""The clips of `rare` are possible, all of them."""

PARTS = ("train", "dev", "test")
"""Settings are chosen on `dev`; `test` is only for the numbers that are published; models learn from `train`."""


class Draw:
    """All chance of one scene.

    Args:
        split: name of what it draws from.
        name: what tells this scene from every other.
    Raises:
        UnknownName: there is no such split.
    """

    def __init__(self, split: str, name: str) -> None:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        self.split = SPLITS[split]
        self.random = Random(f"table-v1/{VERSION}/{split}/{name}")
        self.wait = self.random.randint(*self.split.wait)

    def between(self, low: float, high: float, rare: Range | None = None) -> float:
        """A number, from `rare` where rare scenes are asked for."""
        if self.split.rare and rare is not None:
            low, high = rare
        return self.random.uniform(low, high)

    def one_of(self, choices: tuple[Choice, ...]) -> Choice:
        """One of several."""
        return self.random.choice(choices)

    def shape(self) -> int:
        """Any shape of the split."""
        return self.one_of(NOVEL_SHAPES if self.split.novel_shapes else TRAIN_SHAPES)

    def standing(self) -> int:
        """A shape that stands and slides without tipping."""
        return self.one_of(STANDING[self.split.novel_shapes])

    def lift(self) -> float:
        """px by which tables and shelves stand higher."""
        return self.random.uniform(*self.split.lift)

    def widen(self) -> float:
        """px that a curtain is wider on each side."""
        return self.random.uniform(*self.split.widen)

    def two_hues(self) -> tuple[float, float]:
        """Two hues of the split's range, a third of it apart at least."""
        low, high = LOOK_RANGES[self.split.look].hue
        third = (high - low) / 3
        one = self.random.uniform(low, high - third)
        other = self.random.uniform(one + third, high)
        return (one, other) if self.random.random() < 0.5 else (other, one)

    def stage(self, hues: tuple[float, ...] = (), gravity: Range = (0.8, 1.2)) -> Stage:
        """An empty scene in a look of the split."""
        look = draw_look(self.split.look, self.random, hues)
        look["camera"] += [self.random.choice((-1, 1)) * self.split.camera for _ in range(2)]
        return Stage(look, self.random.uniform(*self.split.floor), GRAVITY * self.random.uniform(*gravity))
