"""What predicts the next latent: a state that is stepped by actions, and holds all that may be known of the past.

One frame does not always tell the whole state of a world (a velocity, a thing behind another), so a predictor may remember
earlier frames. What it remembers travels beside the latent as a plain tuple of tensors: whoever steps it can cut it, stack
it or expand it to candidates without knowing what it means.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from gedanken.types import Recollection

LONGEST_PAST = 1024
"""Latents an agent would keep at most: a model file may ask for any number of them."""

LatentState = tuple[Tensor, ...]
"""The present latent `[*rows, P, D]` first, then what is remembered; all parts have the same leading axes `rows`."""


@runtime_checkable
class Predictor(Protocol):
    """Latent state × action → latent state. C is the width of a condition, the predictor's own affair."""

    @property
    def past(self) -> int:
        """Latents of a context, the present one included, that an agent should keep for it; 1 where one tells all."""
        ...

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows C"]:
        """What there is to work out about normalised actions without a latent: once for all candidates and steps."""
        ...

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past C"]) -> LatentState:
        """The state at every frame of a sequence, leading axes `[B, T]`, each from the frames up to its own only.

        Args:
            latents: `[B, T, P, D]`, oldest first.
            condition: of the T−1 actions between them.
        """
        ...

    def step(self, state: LatentState, condition: Float[Tensor, "*rows C"]) -> LatentState:
        """The state one model step later; its first part is the predicted latent."""
        ...


@runtime_checkable
class RecallingPredictor(Predictor, Protocol):
    """A predictor that also looks at what was recalled from a memory; see `recalling.py`."""

    @property
    def count(self) -> int:
        """K, memories to recall for a prediction."""
        ...

    def asked(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        """The latent to look for in a memory; the nearest to it are what it wants recalled."""
        ...

    def starts_recalling(
        self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past C"], recalled: Recollection
    ) -> LatentState:
        """As `starts`, with memories for the last of the latents."""
        ...


@runtime_checkable
class CarryingPredictor(Predictor, Protocol):
    """A predictor whose memory can be carried on for as long as one likes, without the latents it was made of."""

    def carry(
        self,
        memory: Float[Tensor, "B P hidden"] | None,
        latents: Float[Tensor, "B P D"],
        condition: Float[Tensor, "B C"],
    ) -> Float[Tensor, "B P hidden"]:
        """The memory after one more latent and the action that left it; None before the first."""
        ...

    def carried_on(self, latents: Float[Tensor, "B P D"], memory: Float[Tensor, "B P hidden"]) -> LatentState:
        """The state, leading axes `[B, 1]`, of a latent with a memory of all before it."""
        ...
