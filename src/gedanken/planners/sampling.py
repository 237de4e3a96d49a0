"""Random action sequences worth imagining: smooth ones (coloured noise), and ones that turn a few times (pieces).

Independent noise at every step averages out and leads nowhere; a way round an obstacle is a few straight lines.
"""

from functools import lru_cache

import torch
from torch import Generator, Tensor

from gedanken.errors import BadInput, ShapeError
from gedanken.planners.bounds import box, centre
from gedanken.planners.draws import normal, uniform
from gedanken.types import Plan, Search


def coloured_noise(like: Tensor, count: int, rho: float, generator: Generator) -> Tensor:
    """Gaussian noise `[B, count, H, A]` that remembers: x_h = ρ·x_{h−1} + √(1−ρ²)·ε, with unit variance at every step.

    Args:
        like: `[B, H, A]`, gives sizes, type and device.
        count: sequences for each problem.
        rho: correlation of neighbouring steps, in [0, 1); 0 is white noise.
        generator: source of the randomness.
    """
    batch, horizon, width = like.shape
    # Steps lead in memory, so that the whole recursion is one product.
    noise = normal(horizon, batch, count, width, rows=1, generator=generator, dtype=like.dtype, device=like.device)
    if rho:
        noise = torch.tensordot(_remembering(horizon, rho).to(like), noise, dims=1)
    return noise.permute(1, 2, 0, 3)


def power_law_noise(like: Tensor, count: int, beta: float, generator: Generator) -> Tensor:
    """Gaussian noise `[B, count, H, A]` whose power falls as 1/fᵝ with the frequency f, with unit variance at every step.

    Summed from sines with random phases and sizes (Timmer and König 1995) over twice the horizon, of which half is kept:
    such a sum is periodic, and a plan would otherwise end as it begins.

    Args:
        like: `[B, H, A]`, gives sizes, type and device.
        count: sequences for each problem.
        beta: exponent, at least 0; 0 is white noise, 2 a random walk's.
        generator: source of the randomness.
    """
    batch, horizon, width = like.shape
    length = 2 * horizon
    size = torch.arange(horizon + 1, dtype=like.dtype, device=like.device).clamp_min(1) ** (-beta / 2)
    # The constant and the fastest wave have one number where the others have two, a sine's and a cosine's.
    parts = torch.full_like(size, 2.0)
    parts[0] = parts[-1] = 1.0
    size = size * (length / (parts * size.square()).sum().sqrt() / parts.sqrt())
    drawn = normal(
        batch, count, width, horizon + 1, 2, rows=0, generator=generator, dtype=like.dtype, device=like.device
    )
    waves = torch.fft.irfft(torch.view_as_complex(drawn) * size, n=length, dim=-1)
    return waves[..., :horizon].transpose(2, 3)


def around(mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """mean + std·noise: samples `[B, N, H, A]` around one centre `[B, H, A]` for each problem."""
    return torch.addcmul(mean[:, None], std[:, None], noise)


def piecewise_constant(
    start: Search, count: int, generator: Generator, *, pieces: int, reach: tuple[float, float], stop: float
) -> Tensor:
    """Action sequences `[B, count, H, A]` that hold one value, switch, and hold the next.

    With a norm the values have uniform headings and lengths uniform in `reach` × norm. Without one they are uniform in
    the box, or within twice the start's spread of zero where the box has no end.

    Args:
        start: gives sizes and bounds.
        count: sequences for each problem.
        generator: source of the randomness.
        pieces: values in a sequence; switch times are uniform over the horizon.
        reach: shortest and longest value, as fractions of the norm.
        stop: probability that the last piece is the zero action.
    """
    mean = start.mean
    batch, horizon, width = mean.shape

    def drawn(*shape: int) -> Tensor:
        return uniform(batch, count, *shape, rows=0, generator=generator, dtype=mean.dtype, device=mean.device)

    steps = torch.arange(horizon, dtype=mean.dtype, device=mean.device)
    # Which piece a step belongs to is the number of switches before it, so the switches need no sorting.
    piece = (drawn(pieces - 1, 1) * horizon <= steps).sum(dim=2)
    if start.norm is None:
        levels = drawn(pieces, width) * 2 - 1
    else:
        heading = normal(batch, count, pieces, width, rows=0, generator=generator, dtype=mean.dtype, device=mean.device)
        heading /= torch.linalg.vector_norm(heading, dim=-1, keepdim=True).clamp_min(torch.finfo(mean.dtype).tiny)
        shortest, longest = reach
        levels = heading * (shortest + (longest - shortest) * drawn(pieces, 1))
    values = levels.gather(2, piece[..., None].expand(-1, -1, -1, width))
    values = values * start.norm if start.norm is not None else around(centre(start), _half_width(start), values)
    stops = (drawn(1) < stop) & (piece == pieces - 1)
    return values.masked_fill(stops[..., None], 0.0)


def shifted(plan: Plan | Tensor, steps: int = 1) -> Tensor:
    """A plan moved on in time, to be the next `Search.mean`: `steps` actions are done, as many zeros follow.

    Args:
        plan: a plan, or actions `[B, H, A]`.
        steps: model steps that were executed since.
    Raises:
        ShapeError: actions that are not `[B, H, A]`.
        BadInput: a negative number of steps.
    """
    actions = plan.actions if isinstance(plan, Plan) else plan
    if actions.dim() != 3:
        raise ShapeError(f"actions have shape {tuple(actions.shape)}; expected [B, H, A].")
    if steps < 0:
        raise BadInput(f"steps={steps}: a plan moves on by 0 or more steps.")
    moved = torch.zeros_like(actions)
    moved[:, : max(0, actions.shape[1] - steps)] = actions[:, steps:]
    return moved


@lru_cache(maxsize=64)
def _remembering(horizon: int, rho: float) -> Tensor:
    """The matrix `[H, H]` that a sequence of independent numbers is multiplied by: row h holds what x_h has of each."""
    with torch.inference_mode(False):
        steps = torch.arange(horizon, dtype=torch.float64)
        weights = (rho ** (steps[:, None] - steps)).tril()
        weights[:, 1:] *= (1.0 - rho**2) ** 0.5
    return weights


def _half_width(start: Search) -> Tensor:
    low, high = box(start)
    half = (high - low) / 2
    return torch.where(torch.isfinite(half), half, 2 * start.std)
