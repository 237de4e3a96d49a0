"""Where a number stops being good, and where it starts being bad: every bound of the doctor in one place.

All of them but the collapsed spread are free of scale, so one set serves any world, frame size and latent width. They were
placed between the readings of three kinds of models of Two Rooms, seeds 11 and 12, after 100 steps: trained well (A), with
the actions of other episodes (B), and with no variance, covariance and inverse-dynamics terms (C). Readings stand below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gedanken.errors import BadInput
from gedanken.models.engine.precision import LARGEST_ROUNDING

Severity = Literal["good", "warn", "bad"]


@dataclass(frozen=True)
class Limits:
    """Bounds of one number: as good as `good` or better, as bad as `bad` or worse, and a warning in between."""

    good: float
    bad: float

    def __post_init__(self) -> None:
        if not (self.good < self.bad or self.bad < self.good):
            raise BadInput(f"good={self.good} and bad={self.bad} must be two different numbers.")

    def severity(self, number: float) -> Severity:
        """How a number is to be taken; one that cannot be compared is bad."""
        higher_is_better = self.good > self.bad
        if (number >= self.good) if higher_is_better else (number <= self.good):
            return "good"
        return "warn" if (number > self.bad if higher_is_better else number < self.bad) else "bad"


# Distance of the data's mean from the model's, in the model's deviations, or of the logarithm of their deviations' ratio.
NORMALISER = Limits(good=0.5, bad=1.5)
# Share of the actions further out than the model can have seen.
OUTSIDE = Limits(good=0.01, bad=0.10)
# Median over dimensions of the latents' deviation over all frames; what VICReg and SIGReg hold at about 1.
# A and B 0.95 to 0.98, C 0.0013 to 0.0014.
SPREAD = Limits(good=0.2, bad=0.05)
# Directions that the latents use, as exp of the entropy of their singular values. A and B 21 to 23, C 83 to 87: what is
# left of a collapsed latent is noise, which points everywhere, so only too few directions tell anything.
RANK = Limits(good=4.0, bad=1.5)
# Error under other windows' actions over the error under the true ones, lower end of the interval; 1 for a blind model.
# The ratio itself: A 3.6 to 4.8, B 0.93 to 0.98, C 1.0; after 600 steps 14 to 22.
ACTIONS = Limits(good=1.5, bad=1.1)
# How often the true actions come first among decoys, lower end of the interval, over chance.
# The share over chance itself: A 5.5 to 5.9, B 0.2 to 1.3, C 0.8 to 1.2; after 600 steps 7.0 to 7.8.
RANKED = Limits(good=3.0, bad=1.5)
# Deviation of the latents inside a window, over that of all frames; low by nature where layouts differ between episodes.
# A and B 0.30 to 0.34, C 0.47 to 0.55; with random walls, in models that plan, 0.13 to 0.37.
PACE = Limits(good=0.2, bad=0.05)
# Share of the model steps looked at up to which the model errs less than copying the last latent, surely.
# A 1, B and C 0.
AHEAD = Limits(good=0.5, bad=0.0)
# Factor between the change of one model step here and the one that the model's thresholds were calibrated to; between
# small recordings of one kind, which rest more or less often, the median moves by up to 2.
SCALE = Limits(good=2.5, bad=5.0)
# Correlation of the logarithms of expected and made errors of one step; 0 for a head that says the same of everything.
# The models above have no error head; one of a random wall, trained by its recipe, reads 0.84.
EXPECTED = Limits(good=0.5, bad=0.2)
# Root mean square of what bfloat16 rounds in rollouts, in units of the deviation between candidates; engines take it below the
# first of these, and nothing is bad about a model that is planned with in float32. LeWM's sizes with drawn weights: 0.013.
ROUNDING = Limits(good=LARGEST_ROUNDING, bad=1e9)
