"""What bfloat16 would round of a plan's latents, where the model's rollouts have an engine that could use it."""

from __future__ import annotations

from gedanken.contracts import WorldModel
from gedanken.evaluation.doctor.diagnosis import Finding
from gedanken.evaluation.doctor.limits import ROUNDING
from gedanken.models.engine import rounding_of

_LARGEST = 1e6  # stands for infinity, which JSON has not


def rounding(model: WorldModel) -> list[Finding]:
    """Is it small beside what actions do to latents? A warning, never more: rollouts then stay in float32 by themselves."""
    share = rounding_of(getattr(model, "predictor", None))
    if share is None:
        return []
    share = min(share, _LARGEST)
    severity = ROUNDING.severity(share)
    told = f"In bfloat16 a rollout would round {share:.1%} of what actions do to latents"
    told += "" if severity == "good" else "; rollouts stay in float32 on every chip, until actions move latents further"
    return [Finding("rounding of bfloat16", severity, share, ROUNDING, f"{told}.", "rounds what matters")]
