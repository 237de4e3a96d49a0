"""Do actions explain what changes, and when? Held-out ridge regression from actions, some steps earlier or later.

Each change is first explained by what was seen and by the change before it; what actions of a lag add to that, on blocks
of time that were not fitted, is that lag's gain. Where the gain is largest says how actions and frames are paired. Chance
is measured with the actions of other stretches, which are as smooth, and with each stretch's own in another order, which
lean the same way on the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gedanken.data.check.digest import Digest

BEFORE, AFTER = 2, 10
"""Lags tried: actions of up to two steps later, and of up to ten steps earlier."""
_BLOCKS, _FOLDS = 30, 5
_MOST_ROWS = 12_000
_FEWEST_ROWS = 60
_RIDGE = 1e-2
_SEEN, _BEFORE = 4, 6
_BEST = 2
_TURNS = 2
_FAR = 4.0


@dataclass(frozen=True)
class Pairing:
    """What actions add to the explanation of changes.

    Args:
        lags: steps by which the action precedes the change it is held to explain; 0 is how `Episode` pairs them.
        gain: mean over the best explained changes, for each lag; 1 explains all that was left, 0 nothing.
        blocks: each block's part in it, `[blocks, lags]`; `gain` is about their mean.
        chance: gains at every lag of actions that belong elsewhere: to other stretches, or to other steps of their own.
        followed: share of an action's variance that what is seen at its own frame explains: 1 under pure feedback.
        roughness: how much actions change in a step, as a share of how much they vary: 1.4 where each is drawn anew.
        rows: how many steps were looked at.
    """

    lags: tuple[int, ...]
    gain: Float[np.ndarray, " lags"]
    blocks: Float[np.ndarray, "blocks lags"]
    chance: Float[np.ndarray, " tried"]
    followed: float
    roughness: float
    rows: int

    @property
    def best(self) -> int:
        """The lag that explains most."""
        return self.lags[int(self.gain.argmax())]

    def surpasses(self, lag: int, other: int) -> float:
        """By how many standard errors, over blocks, `lag` explains more than `other`."""
        ahead = self.blocks[:, self.lags.index(lag)] - self.blocks[:, self.lags.index(other)]
        return float(ahead.mean() / max(ahead.std(ddof=1) / np.sqrt(len(ahead)), 1e-9))


def pairing(digests: Sequence[Digest], stream: str, every: int = 1, seed: int = 0) -> Pairing | None:
    """How the actions are paired with the changes of one stream; None where there is too little to tell.

    Args:
        digests: episodes.
        stream: whose changes are to be explained.
        every: frames from one that is looked at to the next, with the mean of the actions between: what a fast clock hides
            in noise shows on a slower one. Lags count such steps.
        seed: of what chance does.
    """
    longest = max(((stop - start) // every for each in digests for start, stop in each.spans), default=0)
    after = min(AFTER, longest // 4)
    lags = tuple(range(-BEFORE, after + 1))
    rows = [part for each in digests for part in _rows(each, stream, every)]
    rows = [part for part in rows if len(part[1]) > BEFORE + after + 1]
    if sum(len(part[1]) - BEFORE - after for part in rows) < _FEWEST_ROWS:
        return None
    actions = np.concatenate([part[0] for part in rows])
    inputs = [np.column_stack([part[0], np.abs(part[0])]) for part in rows]
    live = _live(np.concatenate(inputs))
    if not live.any() or not _live(actions).any():
        return None
    inputs = _standard([part[:, live] for part in inputs])
    seen, changes = ([part[place] for part in rows] for place in (1, 2))
    targets = _live(np.concatenate(changes))
    if not targets.any():
        return None
    known = _live(np.concatenate(seen))
    seen = _main(_standard([part[:, known] for part in seen]), _SEEN)
    changes = _limited(_standard([part[:, targets] for part in changes]))

    base = np.concatenate([_base(s, c, after) for s, c in zip(seen, _main(changes, _BEFORE), strict=True)])
    wanted = np.concatenate([part[after : len(part) - BEFORE] for part in changes])
    # Where nothing moved at all, a wall may have been in the way: that says nothing of the pairing.
    moved = np.concatenate([part[3][after : len(part[3]) - BEFORE] for part in rows])
    keep = np.flatnonzero(moved)
    keep = keep[np.unique(np.linspace(0, len(keep) - 1, min(len(keep), _MOST_ROWS)).astype(int))]
    if len(keep) < _FEWEST_ROWS:
        return None
    block = np.arange(len(keep)) * _BLOCKS // len(keep)

    def gains(actions: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        lagged = [
            np.concatenate([part[after - lag : len(part) - BEFORE - lag] for part in actions])[keep] for lag in lags
        ]
        return _gains(base[keep], lagged, wanted[keep], block)

    gain, blocks = gains(inputs)
    draws = np.random.default_rng(seed)
    wrong = [deal(inputs, draws) for _ in range(_TURNS) for deal in (_dealt, _mixed)]
    chance = np.concatenate([gains(each)[0] for each in wrong])
    now = np.concatenate([part[after : len(part) - BEFORE] for part in inputs])
    followed = _followed(base[keep][:, : 1 + seen[0].shape[1]], now[keep], block)
    roughness = float(np.concatenate([np.diff(part, axis=0) for part in inputs]).std(axis=0).max())
    return Pairing(lags, gain, blocks, chance, followed, roughness, len(keep))


def _rows(each: Digest, stream: str, every: int) -> list[tuple[np.ndarray, ...]]:
    """Actions, features and changes of each stretch that nothing interrupts, and whether anything moved."""
    seen = each.streams[stream]
    rows = []
    for start, stop in each.spans:
        steps = np.arange(start, stop - every, every)
        if len(steps):
            last = start + len(steps) * every
            blocks = (each.actions[start:last], seen.change[start:last], ~seen.same[start:last])
            actions, change, moved = (block.reshape(len(steps), every, *block.shape[1:]) for block in blocks)
            rows.append((actions.mean(axis=1), seen.features[steps], change.sum(axis=1), moved.any(axis=1)))
    return rows


def _base(seen: np.ndarray, changes: np.ndarray, after: int) -> np.ndarray:
    last = len(changes) - BEFORE
    before = changes[after - 1 : last - 1] if after else np.concatenate([changes[:1] * 0, changes[: last - 1]])
    return np.column_stack([np.ones(last - after), seen[after:last], before])


def _gains(
    base: np.ndarray, lagged: list[np.ndarray], wanted: np.ndarray, block: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gain of each lag, over all and in each block, from sums of products taken once a block."""
    everything = np.column_stack([base, *lagged, wanted]).astype(np.float64)
    sums = np.stack([everything[block == part].T @ everything[block == part] for part in range(_BLOCKS)])
    wide, width = base.shape[1], lagged[0].shape[1]
    goals = np.arange(everything.shape[1] - wanted.shape[1], everything.shape[1])
    columns = [np.arange(wide)]
    columns += [np.r_[np.arange(wide), wide + lag * width + np.arange(width)] for lag in range(len(lagged))]
    left, *errors = [_errors(sums, chosen, goals) for chosen in columns]
    gains = 1 - np.stack([each.sum(axis=0) for each in errors]) / np.maximum(left.sum(axis=0), 1e-12)
    best = np.argsort(-gains.max(axis=0))[:_BEST]
    best = best[gains[:, best].max(axis=0) >= 0.5 * gains.max()] if gains.max() > 0 else best
    shares = np.stack([(left - each)[:, best] / np.maximum(left[:, best].mean(axis=0), 1e-12) for each in errors])
    return gains[:, best].mean(axis=1), shares.mean(axis=2).T


def _errors(sums: np.ndarray, chosen: np.ndarray, goals: np.ndarray) -> Float[np.ndarray, "blocks goals"]:
    """Squared error of each goal in each block, under a ridge fitted without the blocks of its fold."""
    inner, outer = sums[:, chosen[:, None], chosen], sums[:, chosen[:, None], goals]
    errors = sums[:, goals, goals].copy()
    folds = np.arange(len(sums)) % _FOLDS
    for fold in range(_FOLDS):
        fitted, held = inner[folds != fold].sum(axis=0), folds == fold
        ridge = _RIDGE * np.trace(fitted) / len(chosen) * np.eye(len(chosen))
        weights = np.linalg.solve(fitted + ridge, outer[folds != fold].sum(axis=0))
        errors[held] += (weights * (inner[held] @ weights - 2 * outer[held])).sum(axis=1)
    return errors


def _followed(seen: np.ndarray, actions: np.ndarray, block: np.ndarray) -> float:
    everything = np.column_stack([seen, actions]).astype(np.float64)
    sums = np.stack([everything[block == part].T @ everything[block == part] for part in range(_BLOCKS)])
    goals = np.arange(seen.shape[1], everything.shape[1])
    errors, alone = _errors(sums, np.arange(seen.shape[1]), goals), _errors(sums, np.arange(1), goals)
    return float((1 - errors.sum(axis=0) / np.maximum(alone.sum(axis=0), 1e-12)).max())


def _dealt(parts: list[np.ndarray], draws: np.random.Generator) -> list[np.ndarray]:
    """Each stretch with actions that are not its own: another's, or its own turned in a circle where there is no other."""
    others = np.roll(np.arange(len(parts)), int(draws.integers(1, len(parts)))) if len(parts) > 1 else np.zeros(1, int)
    dealt = []
    for part, other in zip(parts, others.tolist(), strict=True):
        quarter = max(1, len(parts[other]) // 4)
        turned = np.roll(parts[other], int(draws.integers(quarter, 3 * quarter + 1)), axis=0)
        dealt.append(np.resize(turned, part.shape))
    return dealt


def _mixed(parts: list[np.ndarray], draws: np.random.Generator) -> list[np.ndarray]:
    return [draws.permutation(part) for part in parts]


def _live(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0) > 1e-6 * (1e-6 + np.abs(values).max(axis=0))


def _limited(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Changes far outside the usual are drawn in: a cut, or a thing that comes from behind a wall, is no one's doing."""
    together = np.abs(np.concatenate(parts))
    limit = _FAR * np.maximum(np.quantile(together, 0.75, axis=0), 1e-2)
    return [np.clip(part, -limit, limit) for part in parts]


def _main(parts: list[np.ndarray], most: int) -> list[np.ndarray]:
    """The directions in which rows differ most: few numbers to explain with are fitted well."""
    together = np.concatenate(parts)
    if together.shape[1] <= most:
        return parts
    axes = np.linalg.eigh(together.T @ together)[1][:, -most:]
    return _standard([part @ axes for part in parts])


def _standard(parts: list[np.ndarray]) -> list[np.ndarray]:
    together = np.concatenate(parts)
    mean, std = together.mean(axis=0), together.std(axis=0)
    return [(part - mean) / std for part in parts]
