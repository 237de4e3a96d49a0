"""What the pairing of actions and changes says: stored one step off, late machines, or actions of something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gedanken.data.check.findings import Finding
from gedanken.data.check.pairing import Pairing
from gedanken.data.check.values import ACTIONS

_FEWEST_ROWS = 200
_ABOVE_CHANCE, _FAR_ABOVE, _AT_LEAST = 2.0, 3.0, 0.01
_TELLING, _TELLING_SMOOTH = 0.25, 0.1
"""Chance above which nothing is told: too little moves, or, where actions are smooth, too few ways to act were tried."""
_SMOOTH = 0.3
"""Roughness of actions below which a fast clock alone tells nothing."""
_CLEARLY_LESS, _ERRORS_AHEAD = 0.7, 2.0
_MORE_LEFT, _FAR_AHEAD = 1.25, 4.0
_FEEDBACK = 0.8
SLOWER, _SLOWLY = 4, 4
"""Frames a step of the clock on which lags of so many frames are looked at again."""


def pairing_findings(
    pairings: Sequence[tuple[str, int, Pairing]],
    clipped: bool = False,
    slower: Callable[[str], Pairing | None] = lambda stream: None,
    alone: Callable[[], Iterable[Pairing]] = tuple,
) -> list[Finding]:
    """What is said, from the pairing with each stream in which anything changes; the best explained one decides.

    Args:
        pairings: stream, frames a step, and the pairing.
        clipped: whether actions are cut off, so that their neighbours tell more of what was done than they do.
        slower: the pairing with a stream at `SLOWER` frames a step, which tells a late machine from a slow one.
        alone: pairings of single long episodes: machines of several kinds explain nothing together.
    """
    if not pairings:
        return []
    telling = [each for each in pairings if explains(each[2])]
    if not telling:
        fine = [each.roughness for _, every, each in pairings if every == 1] or [0.0]
        # What hardly changes from step to step can only be judged on slower clocks.
        judges = [each for _, every, each in pairings if every == 1 or min(fine) < _SMOOTH]
        limit = _TELLING_SMOOTH if min(fine) < _SMOOTH else _TELLING
        sure = all(each.rows >= _FEWEST_ROWS and each.chance.max() < limit for each in judges)
        # Actions that follow from what is seen are in their place, though one cannot tell what they do.
        sure = sure and all(each.followed < _FEEDBACK for each in judges)
        if not judges or not sure or any(map(explains, alone())):
            return []
        return [_unrelated(max(each.rows for each in judges))]
    stream, every, best = max(telling, key=lambda each: float(each[2].gain.max()))
    lag = best.best
    # On a slower clock, or at the end of what was tried, a lag would be a guess.
    if every > 1 or lag == best.lags[-1] or abs(lag) <= int(clipped) or not _clearly(best, lag):
        return []
    if lag >= _SLOWLY and not _late_on_a_slower_clock(slower(stream), lag):
        return []
    # What follows from the frame it stands beside explains the step before it as well: a controller, not a fault.
    if lag < 0 and best.followed > _FEEDBACK:
        return []
    return [_late_in_file(lag, stream) if lag < 0 else _early_or_slow(lag, stream)]


def explains(pairing: Pairing) -> bool:
    """Whether actions explain more of what changes than actions that belong elsewhere."""
    return float(pairing.gain.max()) > _ABOVE_CHANCE * max(float(pairing.chance.max()), 0.0) + _AT_LEAST


def _late_on_a_slower_clock(pairing: Pairing | None, lag: int) -> bool:
    """What answers late does so on any clock; in a slow system the peak only moves to what its inertia lets show."""
    return pairing is None or pairing.best * SLOWER >= lag - SLOWER + 1


def _clearly(pairing: Pairing, lag: int) -> bool:
    now, then = (float(pairing.gain[pairing.lags.index(each)]) for each in (0, lag))
    if then < _FAR_ABOVE * float(pairing.chance.max()):
        return False
    ahead = pairing.surpasses(lag, 0)
    if now < _CLEARLY_LESS * then:
        return ahead > _ERRORS_AHEAD
    # Under smooth actions neighbouring lags explain nearly as much; what they leave unexplained tells them apart.
    return 1 - now > _MORE_LEFT * (1 - then) and ahead > _FAR_AHEAD


def _unrelated(rows: int) -> Finding:
    return Finding(
        name="actions-shuffled",
        severity="error",
        said=f"Actions vary, but in {rows} steps they explain nothing of what changes, however early or late they are taken.",
        todo="Check that each episode has its own actions, in the order of its frames; if nothing here answers to them, "
        "train without actions.",
        stream=ACTIONS,
    )


def _late_in_file(lag: int, stream: str) -> Finding:
    return Finding(
        name="action-shift",
        severity="error",
        said=f"Actions stand {-lag} frame{'s' if lag < -1 else ''} too late: the action beside a frame explains the change of "
        f"{stream!r} that led to it.",
        todo=f"Move the actions {-lag} row{'s' if lag < -1 else ''} up: action k must leave frame k, not lead to it.",
        stream=ACTIONS,
    )


def _early_or_slow(lag: int, stream: str) -> Finding:
    if lag == 1:
        return Finding(
            name="action-shift",
            severity="error",
            said=f"Actions stand 1 frame too early: the action beside a frame explains the change of {stream!r} one step later.",
            todo="Move the actions 1 row down, or declare an action lag of 1 frame if the machine answers that late.",
            stream=ACTIONS,
        )
    return Finding(
        name="action-lag",
        severity="warning",
        said=f"The change of {stream!r} answers to actions {lag} frames late.",
        todo=f"Declare an action lag of {lag} frames when the recording is read or converted, so that each action stands "
        "beside the frame it changes; a machine that is slow rather than late wants a larger frame skip instead.",
        stream=ACTIONS,
        count=lag,
    )
