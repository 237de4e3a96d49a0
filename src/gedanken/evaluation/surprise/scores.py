"""How often the impossible clip of a pair surprises more (relative pairwise accuracy, arXiv:2502.11831, arXiv:1803.07616).

Each impossible clip of a quadruplet is compared with the possible one of the same context and with that of the same outcome:
four pairs. A tie counts half. The four share their frames, so quadruplets are what is drawn again for an interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gedanken.environments.table import Quadruplet
from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation.intervals import Interval, bootstrap, wilson
from gedanken.evaluation.surprise.clips import Scorer, four_clips, in_batches

NEAR = 2  # frames by which a peak may miss the onset
_TIE = 1e-7  # relative difference below which two surprises are one


@dataclass(frozen=True)
class Scores:
    """What a scorer made of Q quadruplets.

    Args:
        name: of the scorer.
        properties: `[Q]` names.
        pairs: `[Q, 4]`, 1 where the impossible clip surprised more, ½ for a tie: same context (A, B), same outcome (1, 2).
        onset_errors: `[Q, 2]` frames from the first evidence to the peak of surprise, in each impossible clip.
        impossible: `[Q, 2]` surprise of whole impossible clips.
    """

    name: str
    properties: tuple[str, ...]
    pairs: Float[Tensor, "Q 4"]
    onset_errors: Float[Tensor, "Q 2"]
    impossible: Float[Tensor, "Q 2"]

    @property
    def accuracy(self) -> Interval:
        """Relative pairwise accuracy over all pairs; the properties weigh alike where each has as many quadruplets."""
        return bootstrap(self.pairs.mean(1)[None])

    @property
    def same_context(self) -> float:
        """The accuracy over pairs of one context alone."""
        return float(self.pairs[:, :2].mean())

    @property
    def same_outcome(self) -> float:
        """The accuracy over pairs of one outcome alone."""
        return float(self.pairs[:, 2:].mean())

    @property
    def quadruplets(self) -> Interval:
        """Share of quadruplets of which all four pairs are right; who finds motion surprising gets none."""
        right = self.pairs.amin(1) == 1.0
        return wilson(int(right.sum()), len(right))

    @property
    def onsets(self) -> Interval:
        """Share of impossible clips whose surprise peaks within 2 frames of the first evidence."""
        near = self.onset_errors.abs() <= NEAR
        return bootstrap(near.double().mean(1)[None])

    def by_property(self) -> Mapping[str, Interval]:
        """Accuracy of each property, its interval widened by Bonferroni so that all hold together at 95 %."""
        found = {}
        for name in dict.fromkeys(self.properties):
            rows = torch.tensor([each == name for each in self.properties])
            found[name] = corrected(self.pairs[rows].mean(1), len(set(self.properties)))
        return found


def scored(scorer: Scorer, quads: Iterable[Quadruplet]) -> Scores:
    """Score quadruplets, a few at a time.

    Raises:
        BadInput: there are none.
        ShapeError: the scorer did not answer with one finite number a frame.
    """
    return scored_together([scorer], quads)[0]


def scored_together(scorers: Sequence[Scorer], quads: Iterable[Quadruplet]) -> list[Scores]:
    """Score quadruplets by several scorers, each quadruplet drawn once."""
    properties: list[str] = []
    found: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in scorers]
    for batch in in_batches(quads):
        clips = four_clips(batch)
        onsets = torch.tensor([quad.onset for quad in batch])
        properties += [quad.property for quad in batch]
        for rows, scorer in zip(found, scorers, strict=True):
            curves = scorer.curves(clips)
            if curves.shape != clips.frames.shape[:2] or not bool(torch.isfinite(curves).all()):
                raise ShapeError(
                    f"{scorer.name} answered {tuple(curves.shape)}, or not with finite numbers; expected "
                    f"{tuple(clips.frames.shape[:2])}, one a frame."
                )
            rows.append(_compared(scorer, curves.view(len(batch), 4, -1), onsets))
    if not properties:
        raise BadInput("there are no quadruplets to score; ask for one at least.")
    return [
        Scores(scorer.name, tuple(properties), *(torch.cat(parts) for parts in zip(*rows, strict=True)))
        for scorer, rows in zip(scorers, found, strict=True)
    ]


def corrected(outcomes: Float[Tensor, " Q"], comparisons: int) -> Interval:
    """Mean and normal interval of quadruplets' outcomes, wide enough that `comparisons` of them hold together at 95 %."""
    mean = float(outcomes.mean())
    if len(outcomes) < 2:
        return Interval(mean, 0.0, 1.0)
    reach = NormalDist().inv_cdf(1 - 0.025 / comparisons) * float(outcomes.double().std()) / len(outcomes) ** 0.5
    return Interval(mean, max(0.0, mean - reach), min(1.0, mean + reach))


def auroc(positive: Float[Tensor, " n"], negative: Float[Tensor, " m"]) -> float:
    """How often one of `positive` is larger than one of `negative`; a tie counts half.

    Raises:
        BadInput: one of them is empty.
    """
    if not len(positive) or not len(negative):
        raise BadInput("an AUROC needs clips of both kinds; score one of each at least.")
    ordered = negative.double().sort().values
    below = torch.searchsorted(ordered, positive.double(), side="left")
    upto = torch.searchsorted(ordered, positive.double(), side="right")
    return float((below + upto).double().mean() / (2 * len(ordered)))


def _compared(
    scorer: Scorer, curves: Float[Tensor, "Q 4 L"], onsets: Tensor
) -> tuple[Float[Tensor, "Q 4"], Float[Tensor, "Q 2"], Float[Tensor, "Q 2"]]:
    whole = scorer.whole(curves.flatten(0, 1)).view(-1, 4)
    peaks = curves[:, 2:].argmax(2)
    return pairs_right(whole), (peaks - onsets[:, None]).double(), whole[:, 2:]


def pairs_right(whole: Float[Tensor, "Q 4"]) -> Float[Tensor, "Q 4"]:
    """1 where the impossible clip surprises more, ½ for a tie: pairs of one context (A, B), then of one outcome (1, 2).

    Args:
        whole: surprise of each clip, in the order of `FOUR`.
    """
    a1, b2, a2, b1 = whole.double().unbind(1)
    return torch.stack([_more(a2, a1), _more(b1, b2), _more(b1, a1), _more(a2, b2)], dim=1)


def _more(impossible: Tensor, possible: Tensor) -> Tensor:
    apart = impossible - possible
    tie: Bool[Tensor, " Q"] = apart.abs() <= _TIE * torch.maximum(impossible.abs(), possible.abs())
    return torch.where(tie, 0.5, (apart > 0).double())
