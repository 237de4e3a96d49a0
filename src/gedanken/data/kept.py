"""Latents that were encoded once and kept: a twentieth of a frame's memory, and windows like those of any recording."""

from __future__ import annotations

from hashlib import sha256
from itertools import accumulate

import torch
from torch import Generator, Tensor

from gedanken.errors import BadInput
from gedanken.types import Windows

LATENTS = "latents"
"""Name of the stream that windows hold."""


class KeptLatents:
    """Latents on the model's clock and the actions between them; draws windows that cross no episode's end and no reset.

    Args:
        latents: one `[L, P, D]` a stretch of an episode.
        actions: the L−1 actions `[L-1, A]` of each stretch, in the environment's own units.
        length: T, latents in a window.
    Raises:
        BadInput: no stretch is as long as a window.
    """

    def __init__(self, latents: list[Tensor], actions: list[Tensor], length: int) -> None:
        long = [index for index, some in enumerate(latents) if len(some) >= length]
        if not long:
            raise BadInput(
                f"no episode is long enough: a window of {length} latents was asked for, and the longest stretch has "
                f"{max(map(len, latents), default=0)}; shorten the window or record longer."
            )
        # A stretch has one action less than latents; with one of zeros after its last, both are numbered alike.
        after = torch.zeros(1, actions[long[0]].shape[1])
        self.latents = torch.cat([latents[index] for index in long])
        self.actions = torch.cat([part for index in long for part in (actions[index], after)])
        counts = [len(latents[index]) for index in long]
        firsts = [0, *accumulate(counts)]
        self._starts = torch.cat(
            [torch.arange(first, first + count - length + 1) for first, count in zip(firsts, counts, strict=False)]
        )
        self._window = torch.arange(length)

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self._starts)

    def sample(self, count: int, generator: Generator) -> Windows:
        """`count` windows drawn with replacement: the stream `latents` `[B, T, P, D]` and actions `[B, T-1, A]`."""
        return self.take(self.draw(count, generator))

    def draw(self, count: int, generator: Generator) -> Tensor:
        """The numbers `[B]` of the windows that `sample` would give."""
        return torch.randint(len(self), (count,), generator=generator)

    def take(self, indices: Tensor) -> Windows:
        """The windows with these numbers, from 0 to `len(self) - 1`."""
        start = self._starts[indices]
        rows = start[:, None] + self._window
        return Windows({LATENTS: self.latents[rows]}, self.actions[rows[:, :-1]])

    def fingerprint(self) -> str:
        """Tells these latents and actions from any others."""
        content = sha256(self.latents.numpy().data)
        content.update(self.actions.numpy().data)
        return content.hexdigest()
