"""What training must never see, whatever the recordings are like: whole episodes, or blocks of time of a single one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gedanken.contracts import Episodes
from gedanken.data import split_episodes, time_blocks
from gedanken.errors import BadInput
from gedanken.recipes.recipe import Recipe
from gedanken.types import Episode

_ENOUGH = 16
"""Held-out episodes that are enough; of many a twentieth is held out if that is more."""
_BLOCKS, _HELD = 10, (3, 7)


@dataclass(frozen=True)
class Split:
    """Episodes to train on and to judge by, the numbers of both, and in a sentence how they were told apart."""

    episodes: Episodes
    training: Sequence[int]
    held_out: Sequence[int]
    told: str

    def part(self, numbers: Sequence[int]) -> list[Episode]:
        """The episodes with these numbers; stored ones are read when they are looked at."""
        return [self.episodes[number] for number in numbers]


def split_for(episodes: Episodes, recipe: Recipe) -> Split:
    """A fifth of the episodes held out, at most 16 or a twentieth; of a single one two blocks of time in ten.

    Always the same for the same recordings and recipe.

    Raises:
        BadInput: a single episode too short to be cut.
    """
    count = len(episodes)
    if count > 1:
        held = max(1, min(count // 5, max(_ENOUGH, count // 20)))
        keep, hold = split_episodes(count, seed=0, fractions=(1 - held / count, held / count))
        return Split(episodes, keep, hold, f"{len(hold)} of {count} episodes are held out.")
    reach = (recipe.window - 1) * recipe.frame_skip
    blocks = min(_BLOCKS, len(episodes[0]) // (2 * reach + 1))
    if blocks < 3:
        raise BadInput(
            f"one episode of {len(episodes[0])} frames cannot be cut into parts to train on and to judge by, with windows "
            f"that span {reach + 1} frames; record more, or choose a smaller --frame-skip."
        )
    held_blocks = _HELD if blocks == _BLOCKS else (blocks // 2,)
    parts = time_blocks(episodes[0], blocks=blocks, held_out=held_blocks, gap=recipe.frame_skip)
    cut = [*parts[0], *parts[1]]
    numbers = range(len(cut))
    told = f"The one episode is cut into {blocks} blocks of time, of which {len(held_blocks)} are held out."
    return Split(cut, numbers[: len(parts[0])], numbers[len(parts[0]) :], told)
