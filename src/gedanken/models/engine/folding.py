"""Weights of what stands between two products, folded into these products; all in float64, and rounded once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Affine = tuple[Tensor, Tensor]
"""Weight `[outer, inner]` and bias `[outer]`."""


def affine(layer: nn.Linear) -> Affine:
    """A linear layer's weight and bias, zero where it has none."""
    weight = layer.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().double()
    return weight, bias


def after_norm(norm: nn.LayerNorm, then: Affine) -> Affine:
    """The scale and shift that end a LayerNorm, and then a product."""
    scale, shift = norm.weight.detach().double(), norm.bias.detach().double()
    return then[0] * scale, then[1] + then[0] @ shift


def before_norm(first: Affine, norm: nn.BatchNorm1d) -> Affine:
    """A product, and then a BatchNorm by the statistics it kept."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return first[0] * scale[:, None], (first[1] - norm.running_mean.double()) * scale + norm.bias.detach().double()


def one_after_other(first: Affine, then: Affine) -> Affine:
    """Two products with nothing between them."""
    return then[0] @ first[0], then[1] + then[0] @ first[1]


def head_last(part: Affine, heads: int) -> Affine:
    """Outputs `[heads, head_width]` as `[head_width, heads]`, so that sums over a head's width run over whole rows."""
    weight, bias = part
    return (
        weight.view(heads, -1, weight.shape[1]).transpose(0, 1).reshape(weight.shape),
        bias.view(heads, -1).t().reshape(-1),
    )


def stacked(*parts: Affine) -> Affine:
    """Products of the same inputs as one."""
    weights, biases = zip(*parts, strict=True)
    return torch.cat(weights), torch.cat(biases)
