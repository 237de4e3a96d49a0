"""What the columns of a table are, told by their names: how people and benchmarks call time, commands and measurements."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

TIMES = {"time", "t", "timestamp", "stamp", "seconds", "secs", "datetime", "date_time"}
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
EPISODES = {"episode", "episode_index", "episode_id", "run", "trial", "trajectory"}
PERIODS = {"ts", "dt", "sampling_period", "sample_time"}
RECORDS = ("Est", "Val")
"""Endings by which the nonlinear benchmarks lay an estimation and a validation record side by side."""

_GIVEN_FIRST = {
    *("action", "actions", "act", "command", "commands", "cmd", "control", "ctrl", "input", "u", "tau", "torque"),
    *("steer", "steering", "throttle", "brake", "pwm", "duty"),
}
_GIVEN = {"command", "commanded", "cmd", "con", "action"}
_MEASURED = {"meas", "measured", "filt", "filtered", "feedback", "actual"}
_WANTED = {"des", "desired", "ref", "reference", "target", "setpoint"}
_COUNTED = {"index", "idx", "row", "frame", "frame_index", "step", "reset", "id"}


def words(name: str) -> list[str]:
    """`tau_con1` as tau, con, 1; `InputGasRate` as input, gas, rate."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def likely_actions(names: Sequence[str]) -> tuple[str, ...]:
    """The columns that seem to be commands; those said to be commanded rather than any other of the kind."""
    told = {name: words(name) for name in names}
    likely = [name for name, parts in told.items() if _is_given(parts) and not {*parts} & (_MEASURED | _WANTED)]
    # Donkey cars call steering `angle`; the Silverbox calls its input voltage V1 and its output V2.
    likely += [name for name in names if name == "angle" and "throttle" in names]
    likely += ["V1"] if {"V1", "V2"} <= {*names} and not likely else []
    commanded = [name for name in likely if {*told[name]} & _GIVEN]
    return tuple(name for name in names if name in (commanded or likely))


def likely_sensors(names: Sequence[str], others: Collection[str | None]) -> tuple[str, ...]:
    """All columns but `others`, counters, periods, and what was only wished for."""
    aside = _COUNTED | PERIODS | TIMES | EPISODES
    return tuple(
        name for name in names if name not in others and name.lower() not in aside and not {*words(name)} & _WANTED
    )


def side_by_side(names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The endings in `RECORDS` with the columns that have them; empty where they are not the same columns."""
    stems = {ending: tuple(n.removesuffix(ending) for n in names if n.endswith(ending)) for ending in RECORDS}
    first, *rest = stems.values()
    return stems if first and all(each == first for each in rest) else {}


def likely_time(names: Sequence[str]) -> tuple[str | None, str]:
    """The column that tells the time, and its unit: `time`, `timestamp_ms`, `Time (s)`."""
    for name in names:
        parts = words(name)
        unit = parts[-1] if len(parts) > 1 and parts[-1] in TIME_UNITS else "s"
        stem = "_".join(parts[:-1] if len(parts) > 1 and parts[-1] in TIME_UNITS else parts)
        if stem in TIMES:
            return name, unit
    return None, "s"


def named(names: Sequence[str], known: Collection[str]) -> str | None:
    """The first column with one of these names, however it is written."""
    return next((name for name in names if name.lower() in known), None)


def _is_given(parts: Sequence[str]) -> bool:
    return bool(parts) and (parts[0] in _GIVEN_FIRST or bool({*parts} & (_GIVEN - {"con"})))
