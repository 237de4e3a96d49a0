"""Where a number stops being good, and where it starts being bad: every bound of the doctor in one place.

All of them but the collapsed spread are free of scale, so one set serves any world, frame size and latent width. They were
placed between the readings of models that were trained well, with shuffled actions, and without what keeps latents apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gedanken.errors import BadInput

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
SPREAD = Limits(good=0.2, bad=0.05)
# Directions that the latents use, as exp of the entropy of their singular values.
RANK = Limits(good=4.0, bad=1.5)
# Error under other windows' actions over the error under the true ones, lower end of the interval; 1 for a blind model.
ACTIONS = Limits(good=1.5, bad=1.1)
# How often the true actions come first among decoys, lower end of the interval, over chance.
RANKED = Limits(good=3.0, bad=1.5)
# Deviation of the latents inside a window, over that of all frames; low by nature where layouts differ between episodes.
PACE = Limits(good=0.2, bad=0.05)
# Share of the model steps looked at up to which the model errs less than copying the last latent, surely.
AHEAD = Limits(good=0.5, bad=0.0)
# Factor between the change of one model step here and the one that the model's thresholds were calibrated to; between
# small recordings of one kind, which rest more or less often, the median moves by up to 2.
SCALE = Limits(good=2.5, bad=5.0)
