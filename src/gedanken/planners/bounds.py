"""What an action may be: inside a box, and no longer than a norm, at every step."""

import torch
from torch import Tensor

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import Search

_BELOW_ONE = 1.0 - 1e-6  # rescaling to exactly the norm may end one rounding above it


def check_start(start: Search) -> None:
    """Refuse a search that no planner can begin.

    Raises:
        ShapeError: the mean is not `[B, H, A]`, or the spread has another shape, or a bound does not broadcast to it.
        NonFinite: the mean or the spread holds NaN or infinity.
        BadInput: a negative spread, crossed bounds, or a norm around a box without the zero action.
    """
    if start.mean.dim() != 3 or start.std.shape != start.mean.shape:
        raise ShapeError(
            f"a search has mean {tuple(start.mean.shape)} and std {tuple(start.std.shape)}; "
            "both must be [B, H, A]: problems, steps, numbers in one action."
        )
    for name, values in (("mean", start.mean), ("std", start.std)):
        if not torch.isfinite(values).all():
            raise NonFinite(f"the search's {name} holds NaN or infinity; start from finite numbers, such as zeros.")
    if (start.std < 0).any():
        raise BadInput(f"the search's std reaches {float(start.std.min()):g}; a spread is at least 0.")
    low, high = box(start)
    if not (low <= high).all():
        raise BadInput("the search's low bound lies above its high bound somewhere (or is NaN); swap or correct them.")
    if start.norm is not None and not (start.norm > 0 and bool((low <= 0).all()) and bool((high >= 0).all())):
        raise BadInput(
            f"norm={start.norm} limits an action's length towards zero; it must be positive and the box must hold "
            "the zero action. Move the bounds, or leave norm=None."
        )


def box(start: Search) -> tuple[Tensor, Tensor]:
    """The low and high bounds, each as `[B, H, A]`.

    Raises:
        ShapeError: a bound does not broadcast to `[B, H, A]`.
    """
    return _spread("low", start.low, start.mean), _spread("high", start.high, start.mean)


def centre(start: Search) -> Tensor:
    """The middle of the box `[B, H, A]`, the zero action where the box has no end."""
    low, high = box(start)
    middle = (low + high) / 2
    return torch.where(torch.isfinite(middle), middle, torch.zeros_like(middle).clamp(low, high))


def limited(actions: Tensor, start: Search) -> Tensor:
    """The same actions inside the box, then shortened to the norm; both hold exactly afterwards.

    Args:
        actions: `[B, N, H, A]`, not changed.
        start: gives the box and the norm.
    """
    low, high = box(start)
    inside = actions.clamp(low[:, None], high[:, None])
    if start.norm is None:
        return inside
    # The box holds the zero action (`check_start`), so shortening cannot leave it.
    length = torch.linalg.vector_norm(inside, dim=-1, keepdim=True)
    return inside.mul_(torch.where(length > start.norm, start.norm * _BELOW_ONE / length, 1.0))


def _spread(name: str, bound: float | Tensor, like: Tensor) -> Tensor:
    values = torch.as_tensor(bound, dtype=like.dtype, device=like.device)
    try:
        return values.expand_as(like)
    except RuntimeError:
        raise ShapeError(
            f"the search's {name} bound has shape {tuple(values.shape)}; expected a number or something that "
            f"broadcasts to [B, H, A] = {tuple(like.shape)}."
        ) from None
