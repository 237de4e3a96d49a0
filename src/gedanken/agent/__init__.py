"""Perceive, remember, plan, act.

In: observations and a goal observation. Out: the action of the next model step, and what was thought on the way.
Open `loop.py` first; `task.py` is what it keeps between steps, `together.py` lets several agents search in one batch, and
`configurator.py` turns a model and a task into energies, thresholds and a planner's budget.
"""

from gedanken.agent.config import AgentConfig
from gedanken.agent.configurator import Thresholds, configure
from gedanken.agent.loop import Agent, Decision
from gedanken.agent.together import act_together

__all__ = ["Agent", "AgentConfig", "Decision", "Thresholds", "act_together", "configure"]
