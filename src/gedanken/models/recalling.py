"""The next latent from the present one and from memories of any age: z' = norm(z + MLP([z, a, what is recalled of use])).

What to recall is asked for by a latent: the predictor makes one of the present latent (`asked`), the memory returns the K nearest
to it, and every predicted step attends to those (scaled dot product with keys of bounded length, arXiv:1706.03762; queries and
keys normalised as in arXiv:2010.04245). How near a memory is to what was asked for adds to its weight, so that learning to
predict teaches what to ask for, as where retrieval and prediction are trained together (REALM, arXiv:2002.08909).

A key says three things of a memory: what was seen, how long ago, and how far one has moved since, by one's own reckoning.
Likeness in all of them is bounded, and nearness to what was asked for is not: a moment that was lived through ten thousand times
over outweighs no other by its number alone, if another is what was asked for. One place is kept for recalling nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput, ShapeError
from gedanken.models.predictor import LatentState
from gedanken.types import Recollection

_LARGEST, _DEEPEST, _MOST = 2**14, 64, 1024
_OCTAVES = 4
"""Waves by which an age is told, in halvings of the longest, over the logarithm of the age."""
_LONGEST = 14.0
"""Logarithm of about a million model steps: beyond, all ages are hard to tell apart."""
_FAR = 8.0
"""Moves, in units of the training actions' deviation, at which the way since is told less and less exactly."""


@dataclass(frozen=True, kw_only=True)
class RecallingConfig:
    """How large the predictor is, and how much it recalls.

    Args:
        kind: tells this predictor from the others in a file.
        hidden: units of a hidden layer.
        depth: hidden layers.
        count: K, memories to recall.
        heads: of the attention to them.
        head_width: numbers in a head's query, key and value.
        likeness: largest weight, as a logarithm, that likeness of key and query adds or takes away.
        norm: whether predictions end in a LayerNorm, as the latents of an encoder with one do.
    """

    kind: Literal["recalling"] = "recalling"
    hidden: int = 256
    depth: int = 2
    count: int = 16
    heads: int = 2
    head_width: int = 32
    likeness: float = 8.0
    norm: bool = True

    def __post_init__(self) -> None:
        if not all(1 <= size <= _LARGEST for size in (self.hidden, self.heads * self.head_width, self.head_width)):
            raise BadInput(
                f"hidden={self.hidden} and heads * head_width = {self.heads} * {self.head_width} must be from 1 to {_LARGEST}."
            )
        if not 1 <= self.depth <= _DEEPEST or not 1 <= self.count <= _MOST or not 0 < self.likeness < float("inf"):
            raise BadInput(
                f"depth={self.depth} must be from 1 to {_DEEPEST}, count={self.count} from 1 to {_MOST}, and "
                f"likeness={self.likeness} a positive number."
            )


class Recalling(nn.Module):
    """Keeps the `RecallingPredictor` contract; its state is the latents, and of each memory's patches the keys, the values and
    what nearness adds to their weight: `[..., P, D]`, `[..., K·P, inner]` twice and `[..., K·P]`.
    """

    past = 1

    def __init__(self, config: RecallingConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config, self.count = config, config.count
        inner = config.heads * config.head_width
        self.from_latent = nn.Linear(latent, config.hidden)
        self.from_action = nn.Linear(action, config.hidden, bias=False)
        self.from_recalled = nn.Linear(inner, config.hidden, bias=False)
        layers: list[nn.Module] = []
        for _ in range(config.depth - 1):
            layers += [nn.GELU(), nn.Linear(config.hidden, config.hidden)]
        self.body = nn.Sequential(*layers, nn.GELU(), nn.Linear(config.hidden, latent))
        self.norm = nn.LayerNorm(latent) if config.norm else nn.Identity()
        self.to_query, self.to_key, self.to_value = (nn.Linear(latent, inner) for _ in range(3))
        self.from_age = nn.Linear(2 + 2 * _OCTAVES, inner)
        self.from_moves = nn.Linear(action + 1, inner)
        self.ask_from = nn.Linear(latent, config.hidden)
        self.ask = nn.Sequential(nn.GELU(), nn.Linear(config.hidden, latent))
        self.log_sharpness = nn.Parameter(torch.tensor(2.0))
        self.nothing = nn.Parameter(torch.zeros(config.heads))

    @property
    def sharpness(self) -> Float[Tensor, ""]:
        """What a squared distance from what was asked for takes off the logarithm of a memory's weight."""
        return self.log_sharpness.exp()

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows hidden"]:
        """What an action adds to the first layer."""
        return self.from_action(actions)

    def asked(self, latents: Float[Tensor, "*rows P D"]) -> Float[Tensor, "*rows P D"]:
        """The latent to look for in a memory."""
        return latents + self.ask(self.ask_from(latents)).float()

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past hidden"]) -> LatentState:
        """The latents with no memories to look at."""
        rows, inner = latents.shape[:2], self.config.heads * self.config.head_width
        empty = latents.new_zeros(*rows, 0, inner)
        return latents, empty, empty, latents.new_zeros(*rows, 0)

    def starts_recalling(
        self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past hidden"], recalled: Recollection
    ) -> LatentState:
        """The last of the latents with the memories that were recalled for it, leading axes `[B, 1]`."""
        if recalled.latents.dim() != 4 or recalled.latents.shape[2:] != latents.shape[2:]:
            raise ShapeError(
                f"memories are {tuple(recalled.latents.shape)} and latents {tuple(latents.shape)}; expected [B, K, P, D] and "
                "[B, T, P, D] with the same P and D."
            )
        told = self._when_and_where(recalled)[:, :, None]
        keys = self.to_key(recalled.latents) + told
        values = self.to_value(recalled.latents) + told
        there = recalled.distances.isfinite()
        nearness = -self.sharpness * recalled.distances.masked_fill(~there, 0.0)
        nearness = nearness.masked_fill(~there, -torch.inf)[:, :, None].expand(-1, -1, latents.shape[2])
        return latents[:, -1:], *(part.flatten(1, 2)[:, None] for part in (keys, values, nearness))

    def step(self, state: LatentState, condition: Float[Tensor, "*rows hidden"]) -> LatentState:
        """The state one model step later; the memories stay as they are."""
        latents, *memories = state
        hidden = self.from_latent(latents) + condition.unsqueeze(-2)
        if memories[0].shape[-2]:
            hidden = hidden + self.from_recalled(self._looked_up(latents, *memories))
        return self.norm(latents + self.body(hidden).float()), *memories

    def _when_and_where(self, recalled: Recollection) -> Float[Tensor, "B K inner"]:
        """What a key and a value say of a memory's age and of the way since."""
        late = torch.log1p(recalled.ages.clamp_min(0)) / _LONGEST
        waves = late[..., None] * torch.pi * 2.0 ** torch.arange(_OCTAVES, device=late.device)
        age = torch.cat((late[..., None], late[..., None].square(), waves.sin(), waves.cos()), dim=-1)
        known = ~recalled.moves.isnan()
        moves = torch.tanh(recalled.moves.nan_to_num(0.0) / _FAR)
        place = torch.cat((moves, known.all(dim=-1, keepdim=True).to(moves)), dim=-1)
        return self.from_age(age) + self.from_moves(place)

    def _looked_up(
        self,
        latents: Float[Tensor, "*rows P D"],
        keys: Float[Tensor, "*rows M inner"],
        values: Float[Tensor, "*rows M inner"],
        nearness: Float[Tensor, "*rows M"],
    ) -> Float[Tensor, "*rows P inner"]:
        """The values of what is alike and near to what was asked for; zeros as far as nothing is."""
        heads = (self.config.heads, self.config.head_width)
        query = nn.functional.normalize(self.to_query(latents).unflatten(-1, heads), dim=-1)
        key = nn.functional.normalize(keys.unflatten(-1, heads), dim=-1)
        likeness = self.config.likeness * torch.einsum("...phd,...mhd->...phm", query, key)
        nothing = self.nothing[:, None].expand(*likeness.shape[:-1], 1)
        weights = torch.cat((nothing, likeness + nearness[..., None, None, :]), dim=-1).softmax(dim=-1)
        return torch.einsum("...phm,...mhd->...phd", weights[..., 1:], values.unflatten(-1, heads)).flatten(-2)
