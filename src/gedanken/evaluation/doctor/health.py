"""What the predictions say of a model: alive, answering to its actions, worth more than a guess, and of known scale.

Slow features (arXiv:2211.10831) are told apart from a collapse: latents that differ between episodes and hardly inside one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.evaluation.doctor.diagnosis import Finding
from gedanken.evaluation.doctor.limits import ACTIONS, AHEAD, EXPECTED, PACE, RANK, RANKED, SCALE, SPREAD
from gedanken.evaluation.doctor.predictions import DECOYS, Predictions
from gedanken.evaluation.intervals import Interval, bootstrap, wilson

COLLAPSED = "collapsed"
BLIND = "ignores its actions"
SLOW = "slow features"
COPYING = "no better than copying"
UNCALIBRATED = "of unknown scale"
UNSURE = "does not know where it errs"

_DRAWS = 1000
_TINY = 1e-12  # below any latent distance that matters


def spread(seen: Predictions) -> list[Finding]:
    """Do different frames get different latents?"""
    flat = seen.latents.flatten(2).flatten(0, 1).double()
    centred = flat - flat.mean(dim=0)
    deviation = float(centred.std(dim=0).median())
    shares = torch.linalg.svdvals(centred)
    rank = float(torch.special.entr(shares / shares.sum().clamp_min(_TINY)).sum().exp())
    cure = "train again with more weight on variance (VICReg) or the Gaussian match (SIGReg), or a lower learning rate"
    wide, many = SPREAD.severity(deviation), RANK.severity(rank)
    how = "Latents of different frames have" if wide == "good" else "Different frames get nearly the same latent:"
    told = f"{how} a deviation of {deviation:.2g}" + ("" if wide == "good" else f"; {cure}")
    used = f"Latents use about {rank:.1f} of their {flat.shape[1]} directions" + ("" if many == "good" else f"; {cure}")
    return [
        Finding("spread of latents", wide, deviation, SPREAD, f"{told}.", COLLAPSED),
        Finding("directions of latents", many, rank, RANK, f"{used}.", COLLAPSED),
    ]


def actions_used(seen: Predictions, generator: Generator) -> Finding:
    """Is the end predicted worse under other windows' actions?"""
    ratio = _ratio(seen.decoys[:, -1], seen.true[:, -1], generator)
    severity = ACTIONS.severity(ratio.low)
    told = f"With other windows' actions the error {seen.true.shape[1]} model steps ahead is {_within(ratio)} times as large"
    told += (
        ""
        if severity == "good"
        else ("; check that each action is paired with the frame it leaves, or raise the inverse-dynamics weight")
    )
    return Finding("uses its actions", severity, ratio.mean, ACTIONS, f"{told}.", BLIND, ratio.low, ratio.high)


def ranks_true_actions(seen: Predictions) -> Finding:
    """Do the true actions lead nearest to where they truly led?"""
    first = wilson(int((seen.ahead == 0).sum()), len(seen.ahead))
    chance = 1 / (DECOYS + 1)
    lift = Interval(first.mean / chance, first.low / chance, first.high / chance)
    severity = RANKED.severity(lift.low)
    told = f"Among {DECOYS + 1} action sequences the true one ends nearest to the true end in {first}, by chance {chance:.0%}"
    told += "" if severity == "good" else "; train longer, or check the pairing and the units of the actions"
    return Finding("ranks true actions first", severity, lift.mean, RANKED, f"{told}.", BLIND, lift.low, lift.high)


def pace(seen: Predictions) -> Finding:
    """Do latents change inside a window, or only from one episode to another?"""
    flat = seen.latents.flatten(2).double()
    over_all = flat.flatten(0, 1).std(dim=0).median()
    number = float(flat.std(dim=1).mean(dim=0).median() / over_all.clamp_min(_TINY))
    severity = PACE.severity(number)
    told = f"Inside a window latents vary by {number:.2f} of their deviation over all frames"
    told += (
        ""
        if severity == "good"
        else ("; slow features drown what moves: raise the inverse-dynamics or time-variance weight")
    )
    return Finding("pace of latents", severity, number, PACE, f"{told}.", SLOW)


def beats_copying(seen: Predictions) -> Finding:
    """Up to which step is the prediction surely nearer than the last latent, kept?"""
    gains = (seen.true - seen.copied).unbind(dim=1)
    better = [bootstrap(gain[None], draws=_DRAWS).high < 0 for gain in gains]
    steps = next((step for step, wins in enumerate(better) if not wins), len(better))
    number = steps / len(better)
    severity = AHEAD.severity(number)
    told = f"It errs less than copying the last latent up to {steps} of the {len(better)} model steps looked at"
    told += "" if severity == "good" else "; train longer and to predict further ahead, or plan with a shorter horizon"
    return Finding("beats copying", severity, number, AHEAD, f"{told}.", COPYING)


def known_scale(seen: Predictions, step_change: float) -> Finding:
    """Is one model step here as large as the one that the thresholds were calibrated to?"""
    here = float(seen.latents.diff(dim=1).square().mean(dim=(2, 3)).median())
    factor = max(here, _TINY) / max(step_change, _TINY)
    number = max(factor, 1 / factor)
    severity = SCALE.severity(number)
    told = f"One model step changes a latent by {factor:.2f} of what the agent's thresholds were calibrated to"
    told += "" if severity == "good" else "; calibrate again on data like this before planning"
    if seen.expected is None:
        told += "; without an error head there is no other measure of how sure it is"
    return Finding("known scale", severity, number, SCALE, f"{told}.", UNCALIBRATED)


def expects_errors(seen: Predictions, step_change: float) -> list[Finding]:
    """Does it expect large errors where it makes them? Left out for a model that expects none."""
    if seen.expected is None:
        return []
    made = torch.log1p(seen.true[:, 0].double() / max(step_change, _TINY))
    both = torch.stack([torch.log1p(seen.expected.double()), made])
    number = float(torch.corrcoef(both)[0, 1].nan_to_num(0.0))
    severity = EXPECTED.severity(number)
    told = f"Errors expected and made of one model step correlate by {number:.2f} (logarithms)"
    told += "" if severity == "good" else "; train the error head longer or on data like this, or plan with doubt=0"
    return [Finding("expects its errors", severity, number, EXPECTED, f"{told}.", UNSURE)]


def _ratio(one: Float[Tensor, " W"], other: Float[Tensor, " W"], generator: Generator) -> Interval:
    """Ratio of two means over the same windows, with a percentile bootstrap over windows; 1 where both are nothing."""
    drawn = torch.randint(len(one), (_DRAWS, len(one)), generator=generator)
    above, below = (values.double().clamp_min(_TINY) for values in (one, other))
    ratios = above[drawn].mean(dim=1) / below[drawn].mean(dim=1)
    low, high = torch.quantile(ratios, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(float(above.mean() / below.mean()), low, high)


def _within(ratio: Interval) -> str:
    return f"{ratio.mean:.3g} ({ratio.low:.3g} to {ratio.high:.3g})"
