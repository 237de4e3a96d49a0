"""What a robot asks and what it is told: a request read strictly against the model's own streams, and a reply of plain values.

A request is a map:

    observation   streams by name, each one moment: `{"pixels": uint8 [64, 64, 3]}`
    goal          likewise; needed in the first request of a connection, and whenever there is another goal
    seed          of all randomness from here on; begins the task anew
    reset         true begins the task anew
    deadline_ms   time to answer in, from when the request came; without it every search comes to its end
    age_ms        how old the observation was when it was sent
    ahead         true: plan the next step already while the robot carries out this one

`"observation/pixels"` may stand for a map in a map. Streams that the model does not read are left aside; any other key is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gedanken.agent import Decision
from gedanken.errors import BadInput, NonFinite, ShapeError, unknown_name
from gedanken.types import Observation, StreamSpec

_KEYS = ("observation", "goal", "seed", "reset", "deadline_ms", "age_ms", "ahead")
_LONGEST_MS = 600_000


@dataclass(frozen=True)
class PolicyRequest:
    """One question of a robot.

    Args:
        observation: streams `[1, ...]`, what is seen now.
        goal: streams `[1, ...]`, or None for the goal at hand.
        seed: begins the task anew with this seed; None keeps the generator as it is.
        reset: begins the task anew.
        deadline: seconds in which to answer; None waits for the whole search.
        age: seconds since the observation was made, when it was sent.
        ahead: plan the next step already while this one is carried out.
    """

    observation: Observation
    goal: Observation | None = None
    seed: int | None = None
    reset: bool = False
    deadline: float | None = None
    age: float = 0.0
    ahead: bool = False


@dataclass(frozen=True)
class Thought:
    """One answer: a decision, and what it cost.

    Args:
        decision: of one row.
        planning: seconds of planning, shared with the others in the batch.
        waited: seconds before planning began.
        together: requests planned in the same batch.
    """

    decision: Decision
    planning: float
    waited: float
    together: int


def policy_request(message: Mapping[str, Any], streams: Mapping[str, StreamSpec]) -> PolicyRequest:
    """The request in a message.

    Raises:
        BadInput, ShapeError, NonFinite, UnknownName: something is missing, unknown, or not what the model reads.
    """
    message = _nested(message)
    for key in message:
        if key not in _KEYS:
            raise unknown_name("entry of a request", key[:60], _KEYS)
    if "observation" not in message:
        raise BadInput(f"the request has no 'observation'; send one with {', '.join(streams)}.")
    deadline, age = (_number(message, name, 0, _LONGEST_MS) for name in ("deadline_ms", "age_ms"))
    seed = _number(message, "seed", 0, 2**63 - 1)
    if seed is not None and not isinstance(seed, int):
        raise BadInput(f"seed={seed} must be a whole number.")
    return PolicyRequest(
        observation=observation_of(message["observation"], streams, "observation"),
        goal=None if message.get("goal") is None else observation_of(message["goal"], streams, "goal"),
        seed=seed,
        reset=_truth(message, "reset"),
        deadline=None if deadline is None else deadline / 1000,
        age=(age or 0.0) / 1000,
        ahead=_truth(message, "ahead"),
    )


def observation_of(raw: Any, streams: Mapping[str, StreamSpec], what: str) -> Observation:
    """One moment's streams `[1, ...]` from arrays of the shapes and types that the model reads."""
    if not isinstance(raw, Mapping):
        raise BadInput(f"'{what}' is a {type(raw).__name__}; expected a map of the streams {', '.join(streams)}.")
    missing = [name for name in streams if name not in raw]
    if missing:
        raise BadInput(f"'{what}' lacks the stream {missing[0]!r}; the model reads {', '.join(streams)}.")
    return {name: _stream(f"{what}/{name}", raw[name], spec) for name, spec in streams.items()}


def reply(thought: Thought, age: float) -> dict[str, Any]:
    """What the robot is told: plain values, arrays with a row for each environment step.

    Args:
        thought: what was decided.
        age: seconds since the observation was made, now.
    """
    decision = thought.decision
    how = ("held", "cold", "drawn", "followed", "foreseen")
    return {
        "actions": decision.steps()[:, 0].numpy(),
        "plan": decision.plan.steps()[0].numpy(),
        "energy": decision.plan.energy.item(),
        "feasible": bool(decision.plan.feasible),
        "distance": decision.distance.item(),
        "surprise": decision.surprise.item(),
        "how": next((name for name in how if bool(getattr(decision, name))), "warm"),
        "cut": bool(decision.cut),
        "age_ms": 1000 * age,
        "planning_ms": 1000 * thought.planning,
        "waited_ms": 1000 * thought.waited,
        "together": thought.together,
        "server_timing": {"infer_ms": 1000 * (thought.planning + thought.waited)},
    }


def _nested(message: Mapping[str, Any]) -> dict[str, Any]:
    """`{"observation/pixels": …}` as `{"observation": {"pixels": …}}`."""
    nested: dict[str, Any] = {}
    for key, value in message.items():
        whole, slash, part = key.partition("/")
        if not slash:
            place, name = nested, key
        else:
            place, name = nested.setdefault(whole, {}), part
        if not isinstance(place, dict) or name in place:
            raise BadInput(f"the request gives {key[:60]!r} twice.")
        place[name] = value if not isinstance(value, dict) else dict(value)
    return nested


def _stream(what: str, value: Any, spec: StreamSpec) -> Tensor:
    expected = f"{spec.dtype} {list(spec.shape)}"
    if not isinstance(value, np.ndarray):
        raise BadInput(f"{what} is a {type(value).__name__}; expected an array, {expected}.")
    same_kind = value.dtype.kind == np.dtype(spec.dtype).kind == "f"
    if value.shape != spec.shape or not (same_kind or value.dtype == spec.dtype):
        raise ShapeError(
            f"{what} is {value.dtype} {list(value.shape)}; expected {expected}, one moment without a batch."
        )
    with np.errstate(over="ignore"):
        cast = value.astype(spec.dtype)
    if same_kind and not np.isfinite(cast).all():
        raise NonFinite(f"{what} holds NaN or infinity as {spec.dtype}; send finite numbers.")
    return torch.from_numpy(cast)[None]


def _number(message: Mapping[str, Any], name: str, low: int, high: int) -> int | float | None:
    value = message.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadInput(f"{name}={str(value)[:40]} must be a number from {low:,} to {high:,}.")
    return value


def _truth(message: Mapping[str, Any], name: str) -> bool:
    value = message.get(name, False)
    if not isinstance(value, bool):
        raise BadInput(f"{name}={str(value)[:40]} must be true or false.")
    return value
