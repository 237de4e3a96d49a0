"""What a thing's surface looks like: a pattern in the thing's own coordinates, darker where it is marked.

Glass and steel have families of patterns of their own, so that what breaks can be told from what does not by having seen it.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMOOTH, STRIPES, SPOT, RIM = 0, 1, 2, 3
CHECKS, HALVES = 4, 5
GLASS_RIM, STEEL_SHEEN = 6, 7
GLASS_DOUBLE, STEEL_BANDS = 8, 9

TRAIN_TEXTURES, NOVEL_TEXTURES = (SMOOTH, STRIPES, SPOT, RIM), (CHECKS, HALVES)
_MARKED = 0.5  # brightness of what is marked
_MARKED_HALF = 0.72  # where half of a thing is marked: darker, its shape would be lost upon the dark background


def painted(color: Tensor, texture: Tensor, u: Tensor, v: Tensor, outside: Tensor) -> Tensor:
    """Colours `[F, h, w, 3]`, 0 to 255.

    Args:
        color: `[F, 3]`.
        texture: `[F]` codes.
        u, v: `[F, h, w]` coordinates, 1 where the unit shape ends.
        outside: `[F, h, w]` distance from the shape's edge, less than 0 inside.
    """
    shade = torch.ones_like(u)
    for code in texture.unique().tolist():
        rows = texture == code
        mark = _mark(int(code), u[rows], v[rows], outside[rows])
        marked = _MARKED_HALF if code in (CHECKS, HALVES) else _MARKED
        shade[rows] = 1.0 - (1.0 - marked) * mark
    return color[:, None, None, :] * shade[..., None]


def _mark(code: int, u: Tensor, v: Tensor, outside: Tensor) -> Tensor:
    """How much each place is marked, 0 to 1."""
    soft = 5.0  # slope of an edge, in units of the shape: about a pixel
    if code == STRIPES:
        return _edge((0.33 - u.abs()) * soft)
    if code == SPOT:
        return _edge((0.45 - (u * u + v * v).sqrt()) * soft)
    if code in (RIM, GLASS_RIM):
        return _edge((outside + 0.3) * soft)
    if code == CHECKS:
        return _edge(u * v * 4 * soft)
    if code == HALVES:
        return _edge(v * soft)
    if code == GLASS_DOUBLE:
        return torch.maximum(_edge((outside + 0.25) * soft), _edge((0.15 - u.abs()) * soft))
    if code == STEEL_SHEEN:
        return (0.5 + 0.5 * (u + v)).clamp(0, 1)
    if code == STEEL_BANDS:
        return (0.5 + 0.5 * u).clamp(0, 1)
    return torch.zeros_like(u)


def _edge(height: Tensor) -> Tensor:
    return (height + 0.5).clamp(0, 1)
