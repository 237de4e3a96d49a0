"""Four clips of one scene, crossed in the simulator: two that may happen, two that may not.

Contexts A and B are simulated to the end. While both look the same, pixel for pixel, the world of one takes on the state of
the other and goes on from there by the same physics: so context A may end in outcome 2. Each context and each outcome stands
in one possible and one impossible clip, and the frame at which they are joined shows nothing. What reads single frames or
neighbouring ones, or the context alone, or the outcome alone, is therefore right in one pair for each in which it is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gedanken.environments.table.properties import PROPERTIES
from gedanken.environments.table.render import render
from gedanken.environments.table.scene import FRAMES, Scene, played
from gedanken.environments.table.splits import Draw
from gedanken.environments.table.state import Row, copied, stacked
from gedanken.errors import BadInput, unknown_name
from gedanken.types import State

HIDDEN = 3  # frames for which both contexts look the same, at least
EVIDENCE = 300.0  # grey levels, summed over a frame, by which the outcomes differ at most clearly, at least
LOUDEST = 0.97  # share of the context's largest change that no change of an outcome exceeds
PERTURBED = 2  # times a scene is played again, all its lengths and speeds changed by up to 2 %
ATTEMPTS = 200
_STEP = 0.02


@dataclass(frozen=True, eq=False)
class Quadruplet:
    """Four clips of one scene.

    Args:
        property: which of the ten.
        split: what it was drawn from.
        number: of the scene, within its property, split and part.
        frames: uint8 `[context, frame, 64, 64, 3]` of the two possible clips, A then 1 and B then 2.
        actions: float32 `[context, 31, 3]`.
        starts: the worlds of both contexts at frame 0, a state of two rows; only an oracle may look at it.
        crossing: frame from which on a clip shows its outcome rather than its context; both are hidden around it.
        onset: first frame in which the outcomes differ.
        rejected: scenes that were drawn in vain before this one, by reason.
    """

    property: str
    split: str
    number: int
    frames: Tensor
    actions: Tensor
    starts: State
    crossing: int
    onset: int
    rejected: Mapping[str, int] = field(default_factory=dict)

    def clip(self, context: int, outcome: int) -> Tensor:
        """Frames uint8 `[32, 64, 64, 3]` of context 0 or 1 with outcome 0 or 1; possible where they are equal."""
        return torch.cat((self.frames[context, : self.crossing], self.frames[outcome, self.crossing :]))

    def done(self, context: int, outcome: int) -> Tensor:
        """Actions `[31, 3]` of that clip; action k leaves frame k."""
        return torch.cat((self.actions[context, : self.crossing], self.actions[outcome, self.crossing :]))


@dataclass(frozen=True)
class Trajectory:
    """The worlds of both contexts, frame by frame, which is what a simulator knows of a quadruplet."""

    rows: tuple[list[Row], list[Row]]
    actions: tuple[np.ndarray, np.ndarray]


def quadruplet(property: str, split: str, part: str, number: int) -> Quadruplet:
    """The scene of this name, drawn until one is clear; always the same one.

    Raises:
        UnknownName: no such property or split.
        BadInput: hardly any scene is clear; the ranges it is drawn from leave no room.
    """
    return played_quadruplet(property, split, part, number)[0]


def played_quadruplet(property: str, split: str, part: str, number: int) -> tuple[Quadruplet, Trajectory]:
    """The scene of this name, and the worlds behind it."""
    if property not in PROPERTIES:
        raise unknown_name("property", property, PROPERTIES)
    rejected: Counter[str] = Counter()
    for attempt in range(ATTEMPTS):
        draw = Draw(split, f"{part}/{property}/{number}/{attempt}")
        scene = PROPERTIES[property](draw)
        scene = scene.mirrored() if draw.split.mirrored else scene
        found = _examined(scene, draw)
        if isinstance(found, str):
            rejected[found] += 1
            continue
        frames, crossing, onset, rows = found
        actions = torch.from_numpy(np.stack(scene.actions))
        each = Quadruplet(
            property, split, number, frames, actions, stacked(scene.starts), crossing, onset, dict(rejected)
        )
        return each, Trajectory(rows, scene.actions)
    raise BadInput(f"of {ATTEMPTS} scenes of {property!r} in {split!r} none was clear: {dict(rejected)}.")


def _examined(scene: Scene, draw: Draw) -> str | tuple[Tensor, int, int, tuple[list[Row], list[Row]]]:
    """The clips of a scene, or why it will not do."""
    rows = tuple(played(*each) for each in zip(scene.starts, scene.actions, strict=True))
    if [scene.first(each[-1]) for each in rows] != [True, False]:
        return "other outcome"
    frames = render(stacked([*rows[0], *rows[1]])).view(2, FRAMES, *render(stacked([rows[0][0]])).shape[1:])
    apart = (frames[0].int() - frames[1].int()).abs().flatten(1).sum(1)
    hidden = _longest_hidden(apart > 0)
    if hidden is None:
        return "not hidden"
    first, onset = hidden
    if float(apart[onset:].max()) < EVIDENCE or float(apart[:first].max()) < EVIDENCE:
        return "faint"
    change = (frames[:, 1:].int() - frames[:, :-1].int()).abs().flatten(2).float()
    for size in (change.sum(-1), change.square().sum(-1)):
        if float(size[:, onset - 1 :].max()) > LOUDEST * float(size[:, : onset - 1].amax(1).min()):
            return "loud"
    for _ in range(PERTURBED):
        ends = [
            played(_perturbed(start, draw), done)[-1] for start, done in zip(scene.starts, scene.actions, strict=True)
        ]
        if [scene.first(each) for each in ends] != [True, False]:
            return "ambiguous"
    return frames, (first + onset + 1) // 2, onset, (rows[0], rows[1])


def _longest_hidden(differ: Tensor) -> tuple[int, int] | None:
    """First frame of the longest stretch in which both contexts look the same, and the first frame after it."""
    shown = differ.nonzero().flatten().tolist()
    gaps = [(after - before - 1, before + 1, after) for before, after in pairwise(shown)]
    length, first, onset = max(gaps, default=(0, 0, 0))
    return (first, onset) if length >= HIDDEN and shown[0] < first else None


def _perturbed(start: Row, draw: Draw) -> Row:
    """The same world, its things' places and speeds changed by up to 2 % (places: of the thing's own size)."""
    row = copied(start)
    noise = np.array([draw.random.uniform(-_STEP, _STEP) for _ in range(4 * len(row["size"]) + 4)], dtype=np.float32)
    across, along = noise[: 2 * len(row["size"])].reshape(-1, 2), noise[2 * len(row["size"]) : -4].reshape(-1, 2)
    row["position"] += across * 2 * row["size"][:, None]
    row["velocity"] *= 1 + along
    row["gravity"] *= 1 + noise[-1]
    row["friction"] *= 1 + noise[-2]
    row["finger"] += noise[-4:-2] * (row["holding"] == 0)
    return row
