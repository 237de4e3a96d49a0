"""Attention of one new token over a handful of kept ones, as plain products: for so few, a general kernel is mostly overhead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def attended(
    query: Float[Tensor, "*rows inner"], keys: Sequence[Tensor], values: Sequence[Tensor], heads: int
) -> Float[Tensor, "*rows inner"]:
    """What each head gathers; rows of keys and values broadcast, where candidates share a past.

    Args:
        query: of each row, `[..., head_width, heads]` as one axis, the attention's scale included.
        keys: one for each token looked at, laid out likewise.
        values: likewise, but `[..., heads, head_width]`.
        heads: how many.
    """
    asked = query.unflatten(-1, (-1, heads))
    scores = [(asked * key.unflatten(-1, (-1, heads))).sum(dim=-2, dtype=torch.float32) for key in keys]
    weights = torch.stack(scores).softmax(dim=0).to(query.dtype).unsqueeze(-1)
    split = [value.unflatten(-1, (heads, -1)) for value in values]
    gathered = weights[0] * split[0]
    for weight, value in zip(weights[1:], split[1:], strict=True):
        gathered = torch.addcmul(gathered, weight, value)
    return gathered.flatten(-2)
