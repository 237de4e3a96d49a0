"""What errors are usual: a prediction that misses by much where misses are rare is a surprise; how rare, is a p-value.

s = mean over numbers of (ẑ − z)² / σ², where σ² is the mean squared error of that number, at that place and that many steps
into a window, in recordings of what may happen. A window's score is its most surprising step. Scores of other such recordings,
kept sorted, turn it into a p-value (conformal, arXiv:1604.04173): of windows as usual as those, at most a share α gets p ≤ α.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput
from gedanken.types import Surprised

_FLOOR = 0.05
"""Share of the mean variance below which no number's variance is taken for true."""


class Usual(nn.Module):
    """The errors of usual windows: their variance, and their scores.

    Args:
        steps: K, model steps of a window.
        places: P.
        latent: D.
        windows: n, how many scores are kept.
    """

    variance: Tensor
    scores: Tensor

    def __init__(self, steps: int, places: int, latent: int, windows: int) -> None:
        super().__init__()
        self.register_buffer("variance", torch.ones(steps, places, latent))
        self.register_buffer("scores", torch.zeros(windows))

    @property
    def steps(self) -> int:
        """K."""
        return self.variance.shape[0]

    def whiten(self, mean_squares: Float[Tensor, "K P D"]) -> None:
        """Take these for the usual squared errors."""
        self.variance.copy_(mean_squares.clamp(min=_FLOOR * float(mean_squares.mean())))

    def calibrate(self, scores: Float[Tensor, " n"]) -> None:
        """Take these for scores of usual windows, none of which it was whitened on."""
        self.scores.copy_(scores.sort().values)

    def places(self, errors: Float[Tensor, "B K P D"]) -> Float[Tensor, "B K P"]:
        """Surprise at each place; about 1 on average in usual windows, which may be shorter than K steps here."""
        return (errors / self.variance[: errors.shape[1]]).mean(-1)

    def p_value(self, scores: Tensor) -> Tensor:
        """How often a usual window would score so much, or more: from 1/(n + 1) to 1."""
        below = torch.searchsorted(self.scores, scores.contiguous(), side="left")
        return (1 + len(self.scores) - below) / (1 + len(self.scores))

    def line(self, rate: float) -> float:
        """The score that is exceeded by a share `rate` of usual windows at most.

        Raises:
            BadInput: there are too few scores to tell.
        """
        allowed = int(rate * (len(self.scores) + 1) + 1e-9)
        if not 1 <= allowed <= len(self.scores):
            raise BadInput(
                f"a false-alarm rate of {rate:g} cannot be told from {len(self.scores)} usual windows; calibrate on at least "
                f"{int(1 / max(rate, 1e-6))}, or ask for a rate between {1 / (len(self.scores) + 1):.2g} and 1."
            )
        return float(self.scores[-allowed])


def curve_of(places: Float[Tensor, "*rows P"]) -> Float[Tensor, "*rows"]:
    """Surprise of a step from that of its places: their mean."""
    return places.mean(-1)


def surprised(usual: Usual, errors_of: Callable[[int, int], Float[Tensor, "B K P D"]], steps: int) -> Surprised:
    """Surprise over a recording of any length, window by window.

    Windows overlap by half, and a step is told by the window that has seen most before it. With W windows the p-value of the
    whole is W times the smallest of theirs, at most 1 (Bonferroni).

    Args:
        usual: what errors are usual.
        errors_of: squared errors of steps `first` to `last - 1`, predicted from frame `first` on.
        steps: of the recording.
    """
    firsts = (
        [0] if steps <= usual.steps else [*range(0, steps - usual.steps, max(usual.steps // 2, 1)), steps - usual.steps]
    )
    found = [usual.places(errors_of(first, min(first + usual.steps, steps))) for first in firsts]
    places = found[0].new_zeros(len(found[0]), steps, found[0].shape[-1])
    for first, part in zip(reversed(firsts), reversed(found), strict=True):
        places[:, first : first + part.shape[1]] = part
    p_values = torch.stack([usual.p_value(curve_of(part).amax(1)) for part in found], dim=1)
    return Surprised(places, curve_of(places), (p_values.amin(1) * len(firsts)).clamp(max=1.0), p_values)
