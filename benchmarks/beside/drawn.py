"""Pictures and actions that both sides draw alike; it imports numpy alone, since it runs in the peer's environment too."""

from __future__ import annotations

from typing import Any

import numpy as np


def batch(request: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 `[B, T, size, size, 3]`, coarse, so that they differ, and the actions between them `[B, T-1, A]`."""
    generator, size = np.random.default_rng(request["seed"]), request["size"]
    shape = (request["batch"], request["frames"])
    coarse = generator.integers(0, 256, (*shape, 4, 4, 3), dtype=np.uint8)
    actions = generator.standard_normal((shape[0], shape[1] - 1, 2 * request["skip"])).astype(np.float32)
    return coarse.repeat(size // 4, 2).repeat(size // 4, 3), actions
