"""What surprised a model in a recording: which frames, where in the picture, and how rarely the usual surprises so much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch

from gedanken.data.windows import stretches
from gedanken.errors import BadInput, ShapeError
from gedanken.models import JEPA
from gedanken.types import Episode, Surprised

_MOMENTS = 8


@dataclass(frozen=True)
class Watched:
    """A recording as a model saw it, at the M frames that it could predict.

    Args:
        numbers: `[M]` of those frames in the recording.
        curve: `[M]` surprise of each, about 1 where nothing is unusual.
        places: `[M, h, w]` the same for each place of the picture.
        line: what the curve exceeds somewhere in a share `rate` of usual windows at most.
        rate: the false-alarm rate asked for.
        p_value: how often a recording of this length in which nothing unusual happens would surprise so much, at most.
        windows: in how many windows it was looked at.
        seconds_a_frame: None where the recording does not say.
        told: what had to be assumed, in a sentence each.
    """

    numbers: np.ndarray
    curve: np.ndarray
    places: np.ndarray
    line: float
    rate: float
    p_value: float
    windows: int
    seconds_a_frame: float | None = None
    told: tuple[str, ...] = ()

    @property
    def surprising(self) -> bool:
        """Whether it surprises by more than a share `rate` of usual recordings of its length do."""
        return self.p_value <= self.rate

    @property
    def moments(self) -> list[int]:
        """Rows of the frames that surprised: the highest of each stretch above the line, the most surprising first."""
        above = np.flatnonzero(self.curve > self.line)
        runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(above) else []
        peaks = [int(run[self.curve[run].argmax()]) for run in runs]
        return sorted(peaks, key=lambda row: -self.curve[row])[:_MOMENTS]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "surprising": self.surprising,
            "p_value": self.p_value,
            "false_alarm_rate": self.rate,
            "line": self.line,
            "windows": self.windows,
            "frames": self.numbers.tolist(),
            "surprise": [round(value, 4) for value in self.curve.tolist()],
            "moments": [self._moment(row) for row in self.moments],
            "told": list(self.told),
        }

    def _moment(self, row: int) -> Mapping[str, Any]:
        place = np.unravel_index(int(self.places[row].argmax()), self.places.shape[1:])
        frame, share = (
            int(self.numbers[row]),
            [(at + 0.5) / of for at, of in zip(place, self.places.shape[1:], strict=True)],
        )
        seconds = None if self.seconds_a_frame is None else round(frame * self.seconds_a_frame, 3)
        told = {"frame": frame, "seconds": seconds, "surprise": round(float(self.curve[row]), 4)}
        return {**told, "down": round(float(share[0]), 3), "across": round(float(share[1]), 3)}


@torch.no_grad()
def watch(model: JEPA, episode: Episode, rate: float = 0.01) -> Watched:
    """Watch a recording, each stretch between resets by itself.

    Args:
        model: told what errors are usual.
        episode: with the streams that the model reads; where it says nothing of actions, those are taken that were usual.
        rate: of false alarms.
    Raises:
        BadInput: the model was never told what is usual, or on too few windows for `rate`, or no stretch is two model steps long.
        ShapeError: the actions are not the model's.
    """
    if model.usual is None:
        raise BadInput(
            "this model does not know what errors are usual; calibrate it on recordings of what may happen "
            "(gedanken.recipes.calibrated, or `gedanken surprise --usual`)."
        )
    line, skip = model.usual.line(rate), model.frame_skip
    episode, told = with_usual_actions(model, episode)
    numbers, found = list[np.ndarray](), list[Surprised]()
    for start, stop in stretches(episode):
        steps = (stop - start - 1) // skip
        if steps < 1:
            continue
        rows = slice(start, start + steps * skip + 1, skip)
        frames = {name: torch.from_numpy(np.array(values[rows]))[None] for name, values in episode.streams.items()}
        done = torch.from_numpy(np.array(episode.actions[start : start + steps * skip])).float()
        found.append(model.surprise(frames, done.reshape(1, steps, -1)))
        numbers.append(start + skip * np.arange(1, steps + 1))
    if not found:
        raise BadInput(
            f"no stretch of the recording's {len(episode)} frames is a model step ({skip} frames) long, so "
            "there is nothing to predict."
        )
    grid = getattr(model.encoder, "grid", (1, 1))
    places = torch.cat([each.places[0] for each in found])
    windows = torch.cat([each.windows[0] for each in found])
    grid = grid if prod(grid) == places.shape[1] else (places.shape[1], 1)
    rate_hz = next((spec.rate_hz for spec in episode.specs.values() if spec.rate_hz), None)
    return Watched(
        np.concatenate(numbers),
        torch.cat([each.curve[0] for each in found]).numpy(),
        places.view(-1, *grid).numpy(),
        line,
        rate,
        min(1.0, float(windows.min()) * len(windows)),
        len(windows),
        None if rate_hz is None else 1 / rate_hz,
        told,
    )


def with_usual_actions(model: JEPA, episode: Episode) -> tuple[Episode, tuple[str, ...]]:
    """The recording with the mean action of the training all along where it says nothing of actions, and that in a sentence.

    Raises:
        ShapeError: it has other actions than the model's.
    """
    width, skip = model.action.width, model.frame_skip
    if episode.action.width == width:
        return episode, ()
    if episode.action.width:
        raise ShapeError(
            f"the recording has actions of width {episode.action.width} and the model asks for {width}; give the same actions, "
            "or none."
        )
    mean = model.action_mean.view(skip, width).mean(0).cpu().numpy().astype(np.float32)
    actions = np.broadcast_to(mean, (len(episode) - 1, width))
    told = "The recording says nothing of actions; the mean action of the training was taken all along."
    return replace(episode, actions=actions, action=model.action), (told,)
