"""Does the recording fit the model? Frames and actions of the right kind, and in the range its normaliser was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.data.normalise import ACTION_FLOOR, PIXEL_FLOOR, SENSOR_FLOOR
from gedanken.errors import ShapeError
from gedanken.evaluation.doctor.diagnosis import Finding
from gedanken.evaluation.doctor.limits import NORMALISER, OUTSIDE
from gedanken.types import ActionSpec, Episode, StreamSpec, Windows

MISFIT = "does not fit this data"
FAR_OUT = 4.0
"""Deviations from the mean, beyond which an action counts as one that training cannot have shown."""


def check_recording(streams: Mapping[str, StreamSpec], action: ActionSpec, episode: Episode) -> None:
    """Raise where a recording is of another kind than what a model reads.

    Args:
        streams: what the model reads.
        action: what it is told was done.
        episode: one episode of the recording.
    Raises:
        ShapeError: a stream is missing or has another shape or dtype, or actions have another width.
    """
    for name, spec in streams.items():
        found = episode.specs.get(name)
        if found is None or (found.shape, found.dtype) != (spec.shape, spec.dtype):
            came = "none" if found is None else f"{found.dtype} {found.shape}"
            raise ShapeError(
                f"the model reads {name!r} as {spec.dtype} {spec.shape} and the recording has {came}; convert the "
                "recording to that, or train a model on it."
            )
    if episode.action.width != action.width:
        raise ShapeError(
            f"the model was trained on actions of {action.width} numbers and the recording's have "
            f"{episode.action.width}; bring them into the same form, or train a model on the recording."
        )


def fit_findings(statistics: Mapping[str, Tensor], action: ActionSpec, windows: Windows) -> list[Finding]:
    """How far windows lie from what a normaliser was fitted to; nothing for a model that keeps no statistics.

    Args:
        statistics: `pixel_mean [C]`, `pixel_std [C]`, `action_mean [A]`, `action_std [A]`, and of each sensor stream
            `sensor_mean_<stream>`, `sensor_std_<stream>`, in the data's own units.
        action: bounds of one environment action.
        windows: of the recording.
    """
    said = []
    if {"pixel_mean", "pixel_std"} <= set(statistics) and "pixels" in windows.observations:
        pixels = windows.observations["pixels"].flatten(0, -2).double()
        floor = torch.tensor(PIXEL_FLOOR)
        cure = "use frames of the same camera, colours and light, or train on this recording too"
        said.append(_distance("pixels", pixels, statistics["pixel_mean"], statistics["pixel_std"], floor, cure))
    for name, values in windows.observations.items():
        if {f"sensor_mean_{name}", f"sensor_std_{name}"} <= set(statistics):
            said.append(_sensor(name, values, statistics))
    if {"action_mean", "action_std"} <= set(statistics):
        actions = windows.actions.flatten(0, 1).double()
        mean, std = statistics["action_mean"], statistics["action_std"]
        reach = torch.tensor(action.high) - torch.tensor(action.low)
        floor = (ACTION_FLOOR * torch.where(torch.isfinite(reach), reach, 1.0)).repeat(len(mean) // action.width)
        cure = "check the units and the order of the numbers, or train on this recording too"
        said.append(_distance("actions", actions, mean, std, floor, cure))
        said.append(_outside(actions, mean, std, action))
    return said


def _sensor(name: str, values: Tensor, statistics: Mapping[str, Tensor]) -> Finding:
    """Of one stream; a number that is missing in a frame is left out, and one that is missing in all counts as the mean."""
    mean, std = statistics[f"sensor_mean_{name}"], statistics[f"sensor_std_{name}"]
    rows = values.double().reshape(-1, len(mean))
    rows = torch.where(torch.isfinite(rows), rows, torch.nan)
    rows = torch.where(torch.isfinite(rows), rows, rows.nanmean(dim=0)).nan_to_num()
    cure = "check the sensor and its unit, or train on this recording too"
    return _distance(name, rows, mean, std, SENSOR_FLOOR * rows.abs().amax(dim=0), cure)


def _distance(
    what: str, values: Float[Tensor, "rows C"], mean: Tensor, std: Tensor, floor: Tensor, cure: str
) -> Finding:
    """Whether the values have the mean and the spread that the normaliser was fitted to; floors as it has them."""
    mean, std = mean.double(), std.double()
    shift = float(((values.mean(dim=0) - mean).abs() / std).max())
    ratios = torch.maximum(values.std(dim=0), floor.double()) / std
    ratio = float(ratios[ratios.log().abs().argmax()])
    number = max(shift, abs(log(ratio)))
    severity = NORMALISER.severity(number)
    told = f"{what.capitalize()} lie {shift:.2f} deviations from the model's mean and spread {ratio:.2f} times as far"
    told += ": the normaliser fits" if severity == "good" else f"; {cure}"
    return Finding(f"normaliser: {what}", severity, number, NORMALISER, f"{told}.", MISFIT)


def _outside(actions: Float[Tensor, "rows A"], mean: Tensor, std: Tensor, action: ActionSpec) -> Finding:
    times = actions.shape[1] // action.width
    low, high = torch.tensor(action.low).repeat(times), torch.tensor(action.high).repeat(times)
    slack = 1e-3 * torch.where(torch.isfinite(high - low), high - low, 0.0)
    far = ((actions - mean).abs() > FAR_OUT * std) | (actions < low - slack) | (actions > high + slack)
    share = float(far.any(dim=1).double().mean())
    severity = OUTSIDE.severity(share)
    told = f"{share:.1%} of the model steps hold an action beyond the model's bounds or {FAR_OUT:.0f} deviations from its mean"
    told += ": it knows the range" if severity == "good" else "; limit the actions, or train on this recording too"
    return Finding("range of actions", severity, share, OUTSIDE, f"{told}.", MISFIT)
