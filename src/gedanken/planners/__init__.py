"""Find actions of least energy: pure functions of an energy function.

In: `energy_of` (actions `[B, N, H, A]` → energies `[B, N]`), a `Search` (where to look), a config, a generator.
Out: a `Plan`, the best action sequence found, with its energy and the trace of the search.
Open `cem.py` first; `mppi.py` is the one to use; `gradient.py` asks for slopes as well; `tree.py` looks for long ways, from
which the others start; `sampling.py` holds the kinds of candidates they draw.
"""

from gedanken.planners.anytime import Enough, EnoughImagined, anytime, until_enough
from gedanken.planners.bounds import limited
from gedanken.planners.cem import CEMConfig, cem
from gedanken.planners.draws import RowGenerators, generators_of, normal
from gedanken.planners.gradient import GradientConfig, gradient
from gedanken.planners.icem import ICEMConfig, icem
from gedanken.planners.mppi import MPPIConfig, mppi
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting
from gedanken.planners.registry import PLANNERS, PlannerConfig, RegisteredPlanner, planner_named, planner_of
from gedanken.planners.sampling import shifted
from gedanken.planners.tree import TreeConfig, tree_search

__all__ = [
    "PLANNERS",
    "CEMConfig",
    "Enough",
    "EnoughImagined",
    "GradientConfig",
    "ICEMConfig",
    "MPPIConfig",
    "PlannerConfig",
    "RandomShootingConfig",
    "RegisteredPlanner",
    "RowGenerators",
    "TreeConfig",
    "anytime",
    "cem",
    "generators_of",
    "gradient",
    "icem",
    "limited",
    "mppi",
    "normal",
    "planner_named",
    "planner_of",
    "random_shooting",
    "shifted",
    "tree_search",
    "until_enough",
]
