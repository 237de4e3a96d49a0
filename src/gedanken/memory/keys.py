"""Exact nearest neighbours by a matrix product that reads a quarter of each key.

The squared distance between two projections onto an orthonormal basis is never more than the distance itself. So the keys'
leading components (32, by PCA of a sample) are compared first, in one pass; the best few are measured in full, and only
keys whose bound is below the last of those few are measured as well. No key is missed, whatever the basis is worth; on
latents that fill few directions hardly any is measured.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float16, Float64, Int64

LEADING = 32
_PROJECTED_FROM = 2048
_SAMPLE = 4096
_CHUNK = 4096
# Sums of 32 float32 products err by less than this share of the lengths they are taken of.
_ROUNDING = 1e-5


class Keys:
    """Flattened latents with their ids, in the order of the ids; it grows at the end and is cut at the front.

    Args:
        width: P·D, numbers in one key.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._first, self._count = 0, 0
        self._ids = np.empty(0, np.int64)
        self._latents = np.empty((0, width), np.float16)
        # One row a component: three times as fast to multiply as one row a key.
        self._leading = np.empty((min(LEADING, width), 0), np.float32)
        self._lengths = np.empty(0, np.float32)
        self._mean = np.zeros(width)
        self._basis: np.ndarray | None = None
        self._fitted = 0

    def __len__(self) -> int:
        return self._count - self._first

    @property
    def ids(self) -> np.ndarray:
        """Ids of all keys, ascending."""
        return self._ids[self._first : self._count]

    @property
    def latents(self) -> np.ndarray:
        """All keys, float16 `[n, P·D]`."""
        return self._latents[self._first : self._count]

    def append(self, ids: Int64[np.ndarray, " new"], latents: Float16[np.ndarray, "new PD"]) -> None:
        """Add keys; their ids must be above all others."""
        if self._count + len(ids) > len(self._ids):
            self._grow(len(self) + len(ids))
        start, end = self._count, self._count + len(ids)
        self._ids[start:end], self._latents[start:end] = ids, latents
        self._count = end
        if len(self) >= max(_PROJECTED_FROM, 4 * self._fitted):
            self._fit()
        elif self._basis is not None:
            self._project(start, end)

    def drop_below(self, id: int) -> None:
        """Forget all keys with smaller ids."""
        self._first += int(np.searchsorted(self.ids, id))

    def nearest(self, query: Float16[np.ndarray, " PD"], count: int) -> tuple[np.ndarray, np.ndarray]:
        """Places in `ids` and `latents` of the keys of least distance, and the distances (squared, mean over P·D), float64.

        Of equal distances the newest comes first. The query is float16 as the keys are, so that what was written is found
        at distance 0.
        """
        count = min(count, len(self))
        places = np.arange(len(self)) if self._basis is None else self._candidates(query, count)
        order, distances = nearest_first(query, self.latents[places], places, count)
        return places[order], distances

    def _candidates(self, query: np.ndarray, count: int) -> np.ndarray:
        """Places of all keys that can be among the nearest."""
        assert self._basis is not None
        of_query = ((query.astype(np.float64) - self._mean) @ self._basis).astype(np.float32)
        length = of_query @ of_query
        leading, lengths = self._leading[:, self._first : self._count], self._lengths[self._first : self._count]
        bounds = lengths - 2 * (of_query @ leading) + length
        few = min(4 * count + 16, len(self))
        best = np.argpartition(bounds, few - 1)[:few]
        worst = (
            np.partition(distances_of(query, self.latents[best]), count - 1)[count - 1] * self.width if count else 0.0
        )
        return np.nonzero(bounds <= worst + _ROUNDING * (worst + length + lengths.max(initial=0)))[0]

    def _fit(self) -> None:
        """Choose the basis anew, from a sample over all keys."""
        rows = np.linspace(0, len(self) - 1, min(_SAMPLE, len(self))).astype(int)
        sample = self.latents[rows].astype(np.float64)
        self._mean = sample.mean(axis=0)
        self._basis = principal_components(sample - self._mean, len(self._leading))
        self._fitted = len(self)
        self._project(self._first, self._count)

    def _project(self, start: int, end: int) -> None:
        assert self._basis is not None
        for first in range(start, end, _CHUNK):
            rows = slice(first, min(first + _CHUNK, end))
            leading = (self._latents[rows].astype(np.float64) - self._mean) @ self._basis
            self._leading[:, rows] = leading.T
            self._lengths[rows] = (leading * leading).sum(axis=1)

    def _grow(self, needed: int) -> None:
        kept = slice(self._first, self._count)
        size = max(256, len(self) * 3 // 2, needed)
        self._ids, self._latents, self._lengths = (
            _enlarged(old[kept], size) for old in (self._ids, self._latents, self._lengths)
        )
        self._leading = _enlarged(self._leading[:, kept].T, size).T
        self._first, self._count = 0, len(self)


def nearest_first(query: np.ndarray, latents: np.ndarray, ids: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of `latents` are nearest, at most `count`, and their distances; of equal ones the largest id first."""
    distances = distances_of(query, latents)
    order = np.lexsort((-ids, distances))[:count]
    return order, distances[order]


def distances_of(query: np.ndarray, latents: np.ndarray) -> Float64[np.ndarray, " rows"]:
    """Squared distance of each row to the query, mean over P·D, in float64."""
    exact, distances = query.astype(np.float64), np.empty(len(latents))
    for start in range(0, len(latents), _CHUNK):
        apart = latents[start : start + _CHUNK].astype(np.float64) - exact
        distances[start : start + _CHUNK] = (apart * apart).mean(axis=1)
    return distances


def _enlarged(rows: np.ndarray, size: int) -> np.ndarray:
    """Room for `size` rows, in the order of memory that they have."""
    new = np.empty((size, *rows.shape[1:]), rows.dtype, order="F" if rows.flags.f_contiguous else "C")
    new[: len(rows)] = rows
    return new


def principal_components(centred: Float64[np.ndarray, "n PD"], count: int) -> Float64[np.ndarray, "PD count"]:
    """An orthonormal basis of the leading directions, found by four rounds of subspace iteration.

    Where the rows fill fewer directions the rest is arbitrary but orthonormal still.
    """
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(centred.shape[1], count)))[0]
    for _ in range(4):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    return basis
