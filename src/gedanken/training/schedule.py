"""Learning rate over a run: a linear warm-up, then half a cosine down to one hundredth."""

from math import cos, pi


def learning_rate(step: int, steps: int, peak: float, warm_up: float) -> float:
    """The rate of step `step` (from 0) of `steps`; `warm_up` is the share of steps in which it climbs to `peak`."""
    climb = min(1.0, (step + 1) / max(warm_up * steps, 1.0))
    return peak * climb * max(0.5 * (1 + cos(pi * step / steps)), 0.01)
