"""How well a model does what it is for, and how surely.

In: a model or a policy, and the start and goal pairs of a `Manifest`. Out: a `PlanningResult`, intervals, the rows that
stand beside it (baselines and oracles), and a report. Open `planning.py` first, then `policy.py` for who may see what;
`oracle.py` tells errors of the model from errors of its energy, `attribution.py` files failures by them; `doctor` examines
a model on recordings; `report` draws the page.
"""

from gedanken.evaluation.attribution import Attribution, Failure, attribute
from gedanken.evaluation.baselines import BehaviourCloning, NoOp, RandomPolicy, fit_behaviour_cloning
from gedanken.evaluation.intervals import Interval, bootstrap, paired_difference, success_interval, wilson
from gedanken.evaluation.manifest import (
    Manifest,
    load_manifest,
    make_manifest,
    save_manifest,
    write_standard_manifests,
)
from gedanken.evaluation.oracle import SeenEnergy, TrueDynamics, TrueTimeToGoal, oracle
from gedanken.evaluation.planning import Latency, PlanEnds, PlanningResult, evaluate_planning, measure_latency
from gedanken.evaluation.policy import Choice, Policy, Privileged
from gedanken.evaluation.rows import Row, baseline_rows, row

__all__ = [
    "Attribution",
    "BehaviourCloning",
    "Choice",
    "Failure",
    "Interval",
    "Latency",
    "Manifest",
    "NoOp",
    "PlanEnds",
    "PlanningResult",
    "Policy",
    "Privileged",
    "RandomPolicy",
    "Row",
    "SeenEnergy",
    "TrueDynamics",
    "TrueTimeToGoal",
    "attribute",
    "baseline_rows",
    "bootstrap",
    "evaluate_planning",
    "fit_behaviour_cloning",
    "load_manifest",
    "make_manifest",
    "measure_latency",
    "oracle",
    "paired_difference",
    "row",
    "save_manifest",
    "success_interval",
    "wilson",
    "write_standard_manifests",
]
