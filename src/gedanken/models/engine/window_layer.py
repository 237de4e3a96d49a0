"""One layer of `WindowTransformer` for one step of a rollout, of fixed weights: folded, cast and packed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from gedanken.models.engine.attention import attended
from gedanken.models.engine.folding import affine, after_norm, head_last, one_after_other, stacked
from gedanken.models.engine.product import Product


class Kept(NamedTuple):
    """Keys and values of one frame at all its places.

    Args:
        places: largest first.
        keys: `[places, B, N, inner]`, or `[places, B, 1, inner]` where candidates share the frame.
        values: likewise.
    """

    places: tuple[int, ...]
    keys: Tensor
    values: Tensor

    def at(self, place: int) -> tuple[Tensor, Tensor]:
        """Those of one place."""
        index = self.places[0] - place
        return self.keys[index], self.values[index]


class WindowLayer:
    """Folded from a layer of the predictor; `dtype` is that of products, while tokens and norms stay in float32."""

    width: int

    def __init__(self, layer: Any, heads: int, dtype: torch.dtype) -> None:
        self.heads, self.dtype = heads, dtype
        self.whiten_eps, self.attention_eps = layer.whiten.eps, layer.attention_norm.eps
        self.mlp_eps, self.width = layer.mlp[0].eps, layer.from_heads.out_features
        weight, bias = affine(layer.modulate[1])
        for part in (1, 4):  # the two scales, which are 1 + what the action says
            bias[part * self.width : (part + 1) * self.width] += 1
        self.modulate = Product(weight, bias, dtype)
        whole = after_norm(layer.attention_norm, affine(layer.to_attention))
        query, key, value = zip(*(part.chunk(3) for part in whole), strict=True)
        scale = (len(query[0]) // heads) ** -0.5
        self.to_query = Product(*head_last((query[0] * scale, query[1] * scale), heads), dtype)
        self.to_memory = Product(*stacked(head_last(key, heads), value), dtype)
        self.from_heads = Product(*affine(layer.from_heads), dtype)
        # A token at place 0 sees itself alone, and gathers its own value whatever the query: two products with nothing between.
        self.from_self = Product(*one_after_other(value, affine(layer.from_heads)), dtype)
        self.up = Product(*after_norm(layer.mlp[0], affine(layer.mlp[1])), dtype, gelu=True)
        self.down = Product(*affine(layer.mlp[4]), dtype)

    def __call__(
        self,
        tokens: Tensor,
        condition: Tensor,
        places: tuple[int, ...],
        earlier: Sequence[Kept],
        wanted: int,
    ) -> tuple[Tensor, Kept]:
        """Tokens after this layer, and what later frames will look at.

        Args:
            tokens: `[places, B, N, width]` of one frame at each of its places.
            condition: `[B·N, width]`, the action that leaves it, embedded.
            places: of the tokens, largest first.
            earlier: the frames before, the last one first.
            wanted: how many of the places are read after this layer, the first ones; the last layer predicts from one.
        """
        parts = self.modulate(condition).float().view(*tokens.shape[1:3], 6 * self.width).chunk(6, dim=-1)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = parts
        inner = self._modulated(tokens, shift, scale, self.attention_eps)
        memory = self.to_memory(inner.flatten(0, 2)).view(*tokens.shape[:3], -1)
        kept = Kept(places, *memory.chunk(2, dim=-1))
        if not wanted:
            return tokens[:0], kept
        tokens = torch.addcmul(tokens[:wanted], gate, self._gathered(inner[:wanted], kept, earlier))
        inner = self._modulated(tokens, mlp_shift, mlp_scale, self.mlp_eps)
        changed = self.down(self.up(inner.flatten(0, 2))).float().view(tokens.shape)
        return torch.addcmul(tokens, mlp_gate, changed), kept

    def _modulated(self, tokens: Tensor, shift: Tensor, scale: Tensor, eps: float) -> Tensor:
        width = (self.width,)
        moved = torch.addcmul(shift, layer_norm(tokens, width, eps=self.whiten_eps), scale)
        return layer_norm(moved, width, eps=eps).to(self.dtype)

    def _gathered(self, inner: Tensor, kept: Kept, earlier: Sequence[Kept]) -> Tensor:
        """What attention adds to the tokens of the places that are wanted."""
        shape = inner.shape[1:]
        looking = sum(place > 0 for place in kept.places[: len(inner)])
        parts = []
        if looking:
            queries = self.to_query(inner[:looking].flatten(0, 2)).view(looking, *shape[:2], -1)
            found = [
                attended(query, *self._seen(place, kept, earlier), self.heads)
                for query, place in zip(queries, kept.places, strict=False)
            ]
            parts.append(self.from_heads(torch.stack(found).flatten(0, 2)))
        if looking < len(inner):
            parts.append(self.from_self(inner[looking:].flatten(0, 2)))
        return torch.cat(parts).float().view(len(inner), *shape)

    def _seen(self, place: int, own: Kept, earlier: Sequence[Kept]) -> tuple[list[Tensor], list[Tensor]]:
        """Keys and values of the frames up to this one, each at its place in the same window."""
        frames = (own, *earlier)[: place + 1]
        keys, values = zip(*(frame.at(place - back) for back, frame in enumerate(frames)), strict=True)
        return list(keys), list(values)
