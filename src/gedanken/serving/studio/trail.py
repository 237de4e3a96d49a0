"""What was lived or recorded, a model step apart: to be looked at again beside what was imagined at the time.

A trail grows while an agent acts, or is an episode of a recording. From any moment of it the model imagines the actions that
were carried out; how far that is from what then came is the surprise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput
from gedanken.recipes import Loaded
from gedanken.types import Context, Observation

MOST = 3000
"""Moments a trail may have; a live one forgets its oldest, a recording is cut."""
_TOGETHER = 128


@dataclass
class Trail:
    """Moments, oldest first; `actions[k]` leads from moment k to the next.

    Args:
        loaded: the model that sees.
        seen: streams `[1, ...]` each.
        latents: `[P, D]` each.
        actions: `[A]` each, one less than moments.
        breaks: moments that do not follow from the one before, as after a reset.
        forgotten: oldest moments that are gone.
    """

    loaded: Loaded
    seen: list[Observation] = field(default_factory=list)
    latents: list[Float[Tensor, "P D"]] = field(default_factory=list)
    actions: list[Float[Tensor, " A"]] = field(default_factory=list)
    breaks: set[int] = field(default_factory=set)
    forgotten: int = 0

    def __len__(self) -> int:
        return self.forgotten + len(self.seen)

    def add(self, seen: Observation, latent: Tensor, action: Tensor | None) -> int:
        """One more moment and the action that led to it, None for the first; the moment's number."""
        if (action is None) != (not self.seen):
            raise BadInput("each moment but the first comes with the action that led to it.")
        self.seen.append(seen)
        self.latents.append(latent)
        if action is not None:
            self.actions.append(action)
        if len(self.seen) > MOST:
            del self.seen[0], self.latents[0], self.actions[0]
            self.forgotten += 1
        return len(self) - 1

    @torch.no_grad()
    def imagined(self, at: int, ahead: int) -> Float[Tensor, "H P D"]:
        """What the model, having seen the moments up to `at`, expects of the `ahead` next ones, given what was done.

        Raises:
            BadInput: there is no such moment, or the trail ends or breaks before.
        """
        first = self._place(at)
        until = min(len(self.actions), self._end(at) - self.forgotten - 1)
        if ahead < 1 or first >= until:
            raise BadInput(f"moment {at} has nothing after it to be imagined; look at an earlier one.")
        actions = torch.stack(self.actions[first : min(first + ahead, until)])
        return self.loaded.model.rollout(self._context(at), actions[None, None]).latents[0, 0]

    @torch.no_grad()
    def surprises(self, begin: int, end: int) -> list[float | None]:
        """How surprising each moment from `begin` up to `end` was, in step changes; None where nothing could be expected."""
        found: list[float | None] = [None] * (end - begin)
        expected = [k for k in range(max(begin, self.forgotten + 1), min(end, len(self))) if k not in self.breaks]
        for group in _like(expected, self._past):
            contexts = [self._context(k - 1) for k in group]
            context = Context(torch.cat([c.latents for c in contexts]), torch.cat([c.actions for c in contexts]))
            done = torch.stack([self.actions[self._place(k) - 1] for k in group])[:, None, None]
            off = self.loaded.model.rollout(context, done).latents[:, 0, 0]
            off = (off - torch.stack([self.latents[self._place(k)] for k in group])).square().mean(dim=(1, 2))
            for k, value in zip(group, (off / self.loaded.model.step_change.clamp_min(1e-12)).tolist(), strict=True):
                found[k - begin] = value
        return found

    def frame(self, at: int) -> Tensor:
        """The picture of a moment, uint8 `[height, width, 3]`."""
        return self.seen[self._place(at)]["pixels"][0]

    def latent(self, at: int) -> Tensor:
        """The latent of a moment."""
        return self.latents[self._place(at)]

    def _place(self, at: int) -> int:
        if not self.forgotten <= at < len(self):
            raise BadInput(f"there is no moment {at}; there are {self.forgotten} to {len(self) - 1}.")
        return at - self.forgotten

    def _past(self, at: int) -> int:
        """How many moments before `at` its expectation rests on."""
        since = max([each for each in self.breaks if each < at], default=0)
        return min(self.loaded.model.past, at - max(since, self.forgotten))

    def _end(self, at: int) -> int:
        return min([each for each in self.breaks if each > at], default=len(self))

    def _context(self, at: int) -> Context:
        place, past = self._place(at), self._past(at + 1)
        latents = torch.stack(self.latents[place - past + 1 : place + 1])[None]
        width = self.loaded.model.frame_skip * self.loaded.model.action.width
        done = self.actions[place - past + 1 : place]
        return Context(latents, torch.stack(done)[None] if done else latents.new_zeros(1, 0, width))


def _like(moments: list[int], past) -> list[list[int]]:
    """Moments whose contexts are equally long, in batches."""
    groups: dict[int, list[int]] = {}
    for each in moments:
        groups.setdefault(past(each), []).append(each)
    return [group[k : k + _TOGETHER] for group in groups.values() for k in range(0, len(group), _TOGETHER)]
