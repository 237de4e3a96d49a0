"""Draw windows, let the model predict them, and ask every check: what is measured once is read by all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor, nn

from gedanken.contracts import WorldModel
from gedanken.evaluation.doctor import health
from gedanken.evaluation.doctor.diagnosis import Diagnosis
from gedanken.evaluation.doctor.fit import fit_findings
from gedanken.evaluation.doctor.predictions import predictions
from gedanken.evaluation.doctor.rounding import rounding
from gedanken.types import Windows

WINDOWS = 256
"""Windows looked at: some thousand frames, which tells a ratio of errors to about a tenth."""


@runtime_checkable
class Source(Protocol):
    """Where windows come from, such as a `gedanken.data.WindowSampler`."""

    def sample(self, count: int, generator: Generator) -> Windows: ...


@torch.no_grad()
def examine(model: WorldModel, source: Source, generator: Generator, *, windows: int = WINDOWS) -> Diagnosis:
    """Examine a model on windows of data that it should understand.

    The order of the findings is that in which one fault explains the next: a recording of another kind explains all that
    follows, collapsed latents explain why actions do not matter, and so on.

    Args:
        model: its statistics are those of its buffers where it is a module; without them their checks are left out.
        source: gives windows of K + 1 frames; K model steps ahead are looked at, 8 or more for a useful reading.
        generator: source of all randomness.
        windows: how many.
    Raises:
        ShapeError: windows of one frame, or no more of them than decoys.
        NonFinite: the model returns something that is not a number.
    """
    drawn = source.sample(windows, generator)
    statistics = _statistics(model)
    seen = predictions(model, drawn, generator)
    findings = [
        *fit_findings(statistics, model.action, drawn),
        *health.spread(seen),
        health.actions_used(seen, generator),
        health.ranks_true_actions(seen),
        health.pace(seen),
        health.beats_copying(seen),
    ]
    if "step_change" in statistics:
        step_change = float(statistics["step_change"])
        findings += [health.known_scale(seen, step_change), *health.expects_errors(seen, step_change)]
    findings += rounding(model)
    return Diagnosis(tuple(findings), windows, drawn.actions.shape[1])


def _statistics(model: WorldModel) -> Mapping[str, Tensor]:
    """A module's buffers by the last part of their names."""
    if not isinstance(model, nn.Module):
        return {}
    return {name.rpartition(".")[2]: buffer for name, buffer in model.named_buffers()}
