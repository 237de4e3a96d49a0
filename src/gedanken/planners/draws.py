"""Random numbers for a batch of problems: from one generator for all of them, or from one for each row.

With a generator for each, a problem draws the same numbers whether it is solved alone or beside others, so what is planned
for one robot does not depend on how many others asked in the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor


class RowGenerators(Generator):
    """A generator for each row of a batch. A planner that does not know of them draws for all rows from this one itself."""

    def __new__(cls, *_: object) -> RowGenerators:
        return super().__new__(cls)  # its own constructor takes a device and nothing else

    def __init__(self, rows: Sequence[Generator]) -> None:
        self.rows = tuple(rows)


def normal(*shape: int, rows: int, generator: Generator, **options: Any) -> Tensor:
    """Standard normal numbers of this shape; `rows` is the axis of problems, `options` are those of `torch.randn`."""
    return _drawn(torch.randn, shape, rows, generator, options)


def uniform(*shape: int, rows: int, generator: Generator, **options: Any) -> Tensor:
    """Numbers uniform in [0, 1) of this shape; `rows` is the axis of problems, `options` are those of `torch.rand`."""
    return _drawn(torch.rand, shape, rows, generator, options)


def generators_of(rows: Tensor, generator: Generator) -> Generator:
    """What these rows draw from: their own generators where each has one."""
    if not isinstance(generator, RowGenerators):
        return generator
    return RowGenerators([generator.rows[row] for row in rows.tolist()])


def generator_of(row: int, generator: Generator) -> Generator:
    """What one row draws from."""
    return generator.rows[row] if isinstance(generator, RowGenerators) else generator


def _drawn(
    draw: Callable[..., Tensor], shape: tuple[int, ...], rows: int, generator: Generator, options: dict[str, Any]
) -> Tensor:
    if not isinstance(generator, RowGenerators) or not generator.rows:
        return draw(*shape, generator=generator, **options)
    one = (*shape[:rows], 1, *shape[rows + 1 :])
    return torch.cat([draw(*one, generator=each, **options) for each in generator.rows], dim=rows)
