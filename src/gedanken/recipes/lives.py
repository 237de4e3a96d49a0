"""Windows with something to remember: what came before them in the same episode, among much that did not.

What is of use in a memory has to be found among what is not. So each window comes with moments of its own past, with older ones
of other episodes, as of earlier lives, and with moments of other worlds. A memory that waited holds the present many thousand
times over: what looks like the present is counted so often in training too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.data.kept import LATENTS
from gedanken.errors import BadInput
from gedanken.types import Windows

MEMORIES, AGES, MOVES, TIMES = "memories", "ages", "moves", "times"
"""Streams that windows hold beside their latents: `[B, M, P, D]`, ages in model steps `[B, M]` (inf where there is none), moves
since `[B, M, A]` (NaN where unknown), and the logarithm of how often each was lived through `[B, M]`."""


@dataclass(frozen=True, kw_only=True)
class LivesConfig:
    """What a window is given to remember.

    Args:
        own: moments of its own past, drawn from all of it.
        others: moments of other episodes, older than its own.
        strangers: moments of other worlds, where there are any.
        longest: ages are stretched by a factor drawn up to this, its logarithm evenly: how long ago is no key to anything.
        repeated: what looks like the present was lived through up to so many times, most often far fewer.
    """

    own: int = 6
    others: int = 4
    strangers: int = 2
    longest: float = 3000.0
    repeated: float = 30000.0

    def __post_init__(self) -> None:
        if self.own < 1 or min(self.others, self.strangers) < 0 or not min(self.longest, self.repeated) >= 1:
            raise BadInput(
                f"own={self.own} must be at least 1, others={self.others} and strangers={self.strangers} at least 0, and "
                f"longest={self.longest} and repeated={self.repeated} at least 1."
            )


class Lives:
    """Draws windows with memories, as `gedanken.training.train` asks for them.

    Args:
        latents: one `[L, P, D]` an episode.
        actions: `[L-1, A]` of each.
        length: T, latents in a window.
        config: what is given to remember.
        strangers: latents of other worlds `[n, P, D]`, or None.
        still: squared latent distance below which two moments look alike.
    Raises:
        BadInput: no episode is as long as a window.
    """

    def __init__(
        self,
        latents: Sequence[Tensor],
        actions: Sequence[Tensor],
        length: int,
        config: LivesConfig,
        strangers: Float[Tensor, "n P D"] | None = None,
        still: float = 0.0,
    ) -> None:
        lengths = torch.tensor([len(each) for each in latents])
        if not len(lengths) or int(lengths.min()) < length:
            raise BadInput(f"an episode is shorter than a window of {length} latents; record longer ones.")
        self.config, self.length, self.still = config, length, still
        self.latents = torch.cat(list(latents))
        after = torch.zeros(1, actions[0].shape[1])
        self.actions = torch.cat([part for each in actions for part in (each, after)])
        self._firsts = lengths.cumsum(0) - lengths
        self._places = lengths - length + 1
        self._travelled = self.actions.cumsum(0) - self.actions
        self.strangers = strangers

    def __len__(self) -> int:
        """How many windows there are."""
        return int(self._places.sum())

    def fingerprint(self) -> str:
        """Tells these latents and actions from any others."""
        content = sha256(self.latents.numpy().data)
        content.update(self.actions.numpy().data)
        content.update(b"" if self.strangers is None else self.strangers.contiguous().numpy().data)
        return content.hexdigest()

    def sample(self, count: int, generator: Generator) -> Windows:
        """`count` windows `[B, T]` with M memories each; see the names of the streams."""
        config = self.config
        episode = torch.randint(len(self._firsts), (count,), generator=generator)
        share = torch.rand(count, generator=generator)
        first = self._firsts[episode]
        start = first + (share * self._places[episode]).long()
        own = self._own(start - first, generator)
        others = torch.randint(len(self.latents), (count, config.others), generator=generator)
        rows = torch.cat((first[:, None] + own.clamp_min(0), others), dim=1)
        memories = self.latents[rows]
        ages = self._ages(start - first, own, generator)
        moves = self._travelled[start][:, None] - self._travelled[rows]
        moves[:, own.shape[1] :] = torch.nan
        if self.strangers is not None and config.strangers:
            drawn = torch.randint(len(self.strangers), (count, config.strangers), generator=generator)
            memories = torch.cat((memories, self.strangers[drawn]), dim=1)
            moves = torch.cat((moves, torch.full((count, config.strangers, moves.shape[2]), torch.nan)), dim=1)
        else:
            ages = ages[:, : rows.shape[1]]
        latents = self.latents[start[:, None] + torch.arange(self.length)]
        alike = torch.exp(-(memories - latents[:, :1]).square().mean(dim=(2, 3)) / max(self.still, 1e-9))
        # Most often few times: what is always outnumbered is never looked at, and nothing is learned of it.
        often = torch.rand(count, 1, generator=generator).square()
        times = alike * often * torch.tensor(config.repeated).log()
        streams = {LATENTS: latents, MEMORIES: memories, AGES: ages, MOVES: moves, TIMES: times}
        return Windows(streams, self.actions[start[:, None] + torch.arange(self.length - 1)])

    def _own(self, past: Tensor, generator: Generator) -> Tensor:
        """Places `[B, own]` in an episode before `past` `[B]`, none twice; -1 where there are no more."""
        longest = max(int(past.max()), self.config.own)
        keys = torch.rand(len(past), longest, generator=generator)
        keys = keys.masked_fill(torch.arange(longest) >= past[:, None], -1.0)
        chosen, places = keys.topk(self.config.own, dim=1)
        return places.masked_fill(chosen < 0, -1)

    def _ages(self, past: Tensor, own: Tensor, generator: Generator) -> Tensor:
        """Ages of all memories: the own ones as they are, the others older than all of those, all of them stretched."""
        count, more = len(past), self.config.others + self.config.strangers
        stretch, older = torch.rand(count, 1, generator=generator), torch.rand(count, more, generator=generator)
        mine = (past[:, None] - own).float().masked_fill(own < 0, torch.inf)
        theirs = (past[:, None] + 1) * (1.5 + torch.expm1(6 * older))
        return torch.cat((mine, theirs), dim=1) * (stretch * torch.tensor(self.config.longest).log()).exp()
