"""Cheapest ways through a small dense graph: all pairs at once (Floyd 1962, "Algorithm 97"), one matrix operation a node.

A few hundred landmarks take milliseconds; a heap would win only where ways are few and nodes are many.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from gedanken.memory.landmarks.config import LandmarkConfig

Costs = Float[np.ndarray, "*ways"]


def cost_of(steps: Costs, failed: Int[np.ndarray, "*ways"], config: LandmarkConfig) -> Costs:
    """What ways of so many predicted steps cost, in steps; inf where there is none.

    No way costs less than one step, or staying at a landmark would cost nothing. Steps to be trusted cost as many; those
    beyond cost the square of what they exceed in addition (after the soft penalty of long edges in test-time graph search,
    arXiv:2510.07257), and each failure multiplies.
    """
    beyond = np.maximum(steps - config.trusted, 0.0)
    cost = (np.maximum(steps, 1.0) + config.distrust * beyond**2) * config.failure**failed
    return np.where(steps <= config.reach, cost, np.inf)


def all_ways(cost: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """The cost of the cheapest way from each node to each other."""
    ways = cost.astype(np.float64, copy=True)
    np.fill_diagonal(ways, 0.0)
    for through in range(len(ways)):
        np.minimum(ways, ways[:, through, None] + ways[None, through], out=ways)
    return ways


def left_from(ways: Float[np.ndarray, "n n"], to_goal: Float[np.ndarray, "n B"]) -> Float[np.ndarray, "n B"]:
    """The cost from each node to each goal, by whichever node is last."""
    return np.stack([(ways + last).min(axis=1, initial=np.inf) for last in to_goal.T], axis=1)
