"""What the pairing of actions and changes says: stored one step off, late machines, or actions of something else."""

from __future__ import annotations

from collections.abc import Mapping

from gedanken.data.check.findings import Finding
from gedanken.data.check.pairing import Pairing
from gedanken.data.check.values import ACTIONS

_FEWEST_ROWS = 200
_ABOVE_CHANCE, _AT_LEAST = 1.5, 0.01
_TELLING = 0.1
"""Chance above which nothing is told: too little moves, or too few ways to act were tried."""
_CLEARLY_LESS = 0.7
_ERRORS_AHEAD = 2.0
_FEEDBACK = 0.8


def pairing_findings(pairings: Mapping[str, Pairing]) -> list[Finding]:
    """What is said, from the pairing with each stream in which anything changes; the best explained one decides."""
    if not pairings:
        return []
    stream, best = max(pairings.items(), key=lambda item: float(item[1].gain.max()))
    if not explains(best):
        sure = all(each.rows >= _FEWEST_ROWS and each.chance.max() < _TELLING for each in pairings.values())
        return [_unrelated(max(each.rows for each in pairings.values()))] if sure else []
    lag = best.best
    if lag == 0 or not _clearly(best, lag):
        return []
    # What follows from the frame it stands beside explains the step before it as well: a controller, not a fault.
    if lag < 0 and best.followed > _FEEDBACK:
        return []
    return [_late_in_file(lag, stream) if lag < 0 else _early_or_slow(lag, stream)]


def explains(pairing: Pairing) -> bool:
    """Whether actions explain more of what changes than actions that belong elsewhere."""
    return float(pairing.gain.max()) > _ABOVE_CHANCE * max(float(pairing.chance.max()), 0.0) + _AT_LEAST


def _clearly(pairing: Pairing, lag: int) -> bool:
    now, then = (float(pairing.gain[pairing.lags.index(each)]) for each in (0, lag))
    return now < _CLEARLY_LESS * then and pairing.surpasses(lag, 0) > _ERRORS_AHEAD


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
        "beside the frame it changes.",
        stream=ACTIONS,
        count=lag,
    )
