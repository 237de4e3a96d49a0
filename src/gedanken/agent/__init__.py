"""Perceive, remember, plan, act.

In: observations and a goal observation. Out: the action of the next model step, and what was thought on the way.
Open `loop.py` first; `search.py` is how it comes by a plan, `wayfinding.py` how it goes far and `levels.py` with what,
`task.py` is what it keeps
between steps, `together.py` lets several agents search in one batch, and `configurator.py` turns a model and a task into
energies, thresholds and a planner's budget.
"""

from gedanken.agent.config import AgentConfig
from gedanken.agent.configurator import Thresholds, configure
from gedanken.agent.decision import Decision
from gedanken.agent.levels import Levels, UpperSearchConfig
from gedanken.agent.loop import Agent
from gedanken.agent.together import act_together

__all__ = [
    "Agent",
    "AgentConfig",
    "Decision",
    "Levels",
    "Thresholds",
    "UpperSearchConfig",
    "act_together",
    "configure",
]
