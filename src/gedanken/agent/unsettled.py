"""When an agent starts anew: the world did not keep what was expected of it, or the agent has been where it is for too long."""

from __future__ import annotations

import torch
from torch import Tensor

from gedanken.agent.config import AgentConfig
from gedanken.agent.configurator import Thresholds
from gedanken.agent.distance import apart
from gedanken.agent.task import Task


def unsettled(
    task: Task,
    since_cold: Tensor,
    surprise: Tensor,
    held: Tensor,
    seen: Tensor,
    config: AgentConfig,
    thresholds: Thresholds,
) -> tuple[Tensor, Tensor]:
    """Rows that search cold unless they are held, and rows that draw a step since they were surprised again soon after."""
    surprised, resting = surprise > thresholds.surprise, since_cold <= config.restless
    idle = _idle(task, since_cold, seen, config, thresholds) & ~held
    cold = torch.ones_like(held) if task.expected is None else (surprised & ~resting) | idle
    return cold, surprised & resting & ~(idle | held)


def _idle(task: Task, since_cold: Tensor, seen: Tensor, config: AgentConfig, thresholds: Thresholds) -> Tensor:
    """Rows that are where they were some steps ago, and have not searched cold since."""
    steps = config.idle
    if not steps or len(task.places) < steps:
        return torch.zeros(len(seen), dtype=torch.bool)
    return (apart(seen, task.places[-steps]) < thresholds.apart) & (since_cold >= steps)
