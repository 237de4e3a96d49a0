"""Rollouts for planning: thousands of candidates, no gradients, and nothing computed twice.

In: a predictor in evaluation mode. Out: what its own steps would predict, to 1e-5, in less time.
Open `residual.py` first, the shortest one, then `window.py`, with `schedule.py` for the idea; `window_layer.py` is the
arithmetic, `folding.py` what is worked out beforehand, `kept.py` decides when an engine is used and when it must be made
anew, and `precision.py` in which type. `WorldModel.rollout` asks for it by itself.
"""

from gedanken.models.engine.kept import RolloutType, engine_of, rounding_of
from gedanken.models.engine.precision import Engine, rounding

__all__ = ["Engine", "RolloutType", "engine_of", "rounding", "rounding_of"]
