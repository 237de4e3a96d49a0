"""A cue, a long wait, and a fork where the cue decides: what was seen first must be remembered to the end (`t-maze-v1`).

The task of Hochreiter's and Bakker's T-mazes (Bakker 2001, "Reinforcement learning with long short-term memory"), as a world of
a dot in pixels. A window in the wall, left or right, is seen for a moment; then a gate keeps the dot waiting for `delay` steps.
At each end of the bar is a shaft: that of the side of the window leads to the cell with the prize, the other one to the pit, and
from neither leads a way back. The picture of the goal, the dot beside the prize, looks the same whatever the cue was.
Positions are in px, x to the right and y downwards, actions in px per environment step.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from gedanken.environments import dot_render, dot_world
from gedanken.environments.dot_appearance import default_factors, draw_factors
from gedanken.environments.dot_blocks import Blocks
from gedanken.environments.dot_render import IMAGE_SIZE, covered_between, paint
from gedanken.environments.gates import Point, length
from gedanken.environments.t_maze_geometry import TMazeConfig, arm_of, blocks_of, is_open, ways
from gedanken.errors import BadInput
from gedanken.types import ActionSpec, Observation, State, StreamSpec

CORNER_MARGIN = 1.0  # px the expert keeps from the corners of the T
LONGEST = 10_000_000


class TMaze:
    """A batch of T-mazes, each row of a state one world; a `gedanken.contracts.World`.

    A state holds `position [B, 2]` (px), `cue [B]` (0 left, 1 right), `clock [B]` (environment steps since the start),
    `delay [B]` (steps until the gate opens) and the factors of variation that `dot_appearance` describes.

    Args:
        delay: environment steps until the gate opens.
        shown: environment steps in which the cue is seen.
        config: lengths, in px.
        size: pixels along a side of what is drawn; the world, its px and its physics are the same at any size.
    Raises:
        BadInput: the delay does not outlast the cue, or no picture is drawn at this size.
    """

    id = "t-maze-v1"

    def __init__(
        self, delay: int = 100, shown: int = 16, config: TMazeConfig | None = None, *, size: int = IMAGE_SIZE
    ) -> None:
        if not 1 <= shown <= delay <= LONGEST:
            raise BadInput(f"delay={delay} must be at least shown={shown}, which is at least 1, and at most {LONGEST}.")
        self.delay, self.shown, self.size = delay, shown, dot_world.checked_size(size)
        self.config = config or TMazeConfig()

    @property
    def options(self) -> dict[str, str | int]:
        """What `make_world` makes it with."""
        return {"delay": self.delay, "shown": self.shown}

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """One stream, `pixels`: uint8 `(64, 64, 3)`, or of the size asked for."""
        return dot_world.streams(self.size)

    @property
    def action(self) -> ActionSpec:
        """The wanted move (x, y) in px; a longer one than 1.8 px is shortened to that."""
        return dot_world.action_spec(self.config)

    def sample(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` states of the default look: the dot anywhere, before or after the gate opens."""
        share = torch.rand(count, generator=generator)
        state = {**self._begun(count, generator), "clock": (2 * self.delay * share).long()}
        position = dot_world.anywhere_free(self.config, self.blocks(state), count, generator)
        # Whoever is in a shaft is on the way down already.
        inward = self.config.shaft + self.config.clearance
        across = position[:, 0].clamp(self.config.low + inward, self.config.high - inward)
        return {**state, "position": torch.stack((across, position[:, 1]), -1)}

    def pairs(self, count: int, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw `count` tasks: from where one waits, the cue in sight, to the prize."""
        start = self._begun(count, generator)
        prize = torch.tensor(self.config.prize).expand(count, 2)
        return start, {**start, "position": prize, "clock": start["delay"].clone()}

    def step(self, state: State, action: Tensor) -> dict[str, Tensor]:
        """Move each dot by `action` `[B, 2]` px (limited to 1.8 px), or to its first contact; down a shaft if it ends in one.

        Raises:
            ShapeError: `action` does not fit the state.
            NonFinite: an action is NaN or infinite.
        """
        moved = dot_world.stepped(self.config, self.blocks(state), state, action)
        arm = arm_of(self.config, moved["position"])
        prize, pit = torch.tensor(self.config.prize), torch.tensor(self.config.pit)
        landed = torch.where((arm == state["cue"])[:, None], prize, pit)
        position = torch.where((arm >= 0)[:, None], landed, moved["position"])
        return {**moved, "position": position, "clock": state["clock"] + 1}

    def rest(self, state: State, steps: int) -> dict[str, Tensor]:
        """The state after `steps` steps in which nothing is done: what so many calls of `step` would give."""
        return {**state, "clock": state["clock"] + steps}

    def blocks(self, state: State) -> Blocks:
        """The walls, and the gate while it is shut."""
        return blocks_of(self.config, state)

    def observe(self, state: State) -> Observation:
        """The drawn worlds: `pixels` uint8 `[B, S, S, 3]`, S = 64 or the size asked for."""
        return {"pixels": self.render(state, state["position"][:, None])[:, 0]}

    def render(self, state: State, positions: Tensor) -> Tensor:
        """Whole trajectories: uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]`, the first at each row's clock."""
        dot_world.check_positions(state, positions)
        batch, times = positions.shape[:2]
        # Cue and gate change with time, so each frame is drawn as a world of its own.
        each = {name: values.repeat_interleave(times, 0) for name, values in state.items()}
        each["clock"] = each["clock"] + torch.arange(times).repeat(batch)
        place = ("cue", "clock", "delay", "background_color")
        frames = dot_render.render(self.config, each, positions.reshape(-1, 1, 2), self.size, place, self._blend_walls)
        return frames.view(batch, times, *frames.shape[2:])

    def reached(self, state: State, goal: State) -> Tensor:
        """Whether each dot is within 4.5 px of its goal, `[B]` bool."""
        return dot_world.reached(self.config, state, goal)

    def distance(self, state: State, goal: State) -> Tensor:
        """Length in px of the shortest way, `[B]`, waiting not counted; inf where none leads there, as out of the pit."""
        found = self._ways(state, goal)
        return torch.tensor([sum(map(length, way)) if way else torch.inf for way in found])

    def expert(self, state: State, goal: State) -> Tensor:
        """Actions `[B, 2]` px along the shortest way; at rest while the gate is shut, and where no way leads."""
        pieces, here = self._ways(state, goal, CORNER_MARGIN), state["position"].tolist()
        way = [_first(each) if each else [tuple(at)] for each, at in zip(pieces, here, strict=True)]
        shut = ~is_open(state) & (state["position"][:, 1] > self.config.rows[3])
        return dot_world.along(way, state["position"], self.config).masked_fill(shut[:, None], 0.0)

    def factors(self, split: str, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` looks from `default`, or from `train` or `test`, whose ranges share no value.

        Raises:
            UnknownName: there is no such split.
        """
        return draw_factors(split, count, generator)

    def whole_route(self, state: State, positions: Tensor) -> Tensor:
        """Whether a trajectory `[B, T, 2]` leads from where one waits down a shaft, `[B]` bool."""
        rows, y = self.config.rows, positions[..., 1]
        waited = (y > rows[4]) & (y < rows[5])
        landed = (y < rows[0]) | (y > rows[6])
        return waited.any(1) & landed.any(1)

    def _begun(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """The start of `count` episodes."""
        low, high = torch.tensor(self.config.waiting)
        return {
            "position": low + (high - low) * torch.rand(count, 2, generator=generator),
            "cue": torch.randint(2, (count,), generator=generator),
            "clock": torch.zeros(count, dtype=torch.long),
            "delay": torch.full((count,), self.delay),
            **default_factors(count),
        }

    def _ways(self, state: State, goal: State, margin: float = 0.0) -> list[list[list[Point]]]:
        rows = zip(state["position"].tolist(), state["cue"].tolist(), goal["position"].tolist(), strict=True)
        return [ways(self.config, tuple(now), cue, tuple(end), margin) for now, cue, end in rows]

    def _blend_walls(self, frames: Tensor, size: int, place: State) -> None:
        walls = torch.stack([_square(*corners, size) for corners in self.config.solids]).sum(0).clamp(max=1)
        shut = ~is_open(place)
        share = walls + shut[:, None, None] * _square(*self.config.gate, size)
        paint(frames, size, share.clamp(max=1).expand(len(frames), -1, -1), place["wall_color"])
        self._blend_cue(frames, size, place)

    def _blend_cue(self, frames: Tensor, size: int, place: State) -> None:
        """A window in the wall, while it is to be seen."""
        half, rows, (left, right) = self.config.sign / 2, self.config.rows, self.config.stem
        middle = (rows[4] + rows[5]) / 2
        sides = torch.stack(
            [
                _square((x - half, middle - half), (x + half, middle + half), size)
                for x in ((self.config.low + left) / 2, (right + self.config.high) / 2)
            ]
        )
        seen = (place["clock"] < self.shown)[:, None, None]
        paint(frames, size, seen * sides[place["cue"].long()], place["background_color"])


def _first(pieces: list[list[Point]]) -> list[Point]:
    """The first piece of a way; one that ends at a shaft, a step farther on into it."""
    way = pieces[0]
    if len(pieces) == 1:
        return way
    (x, y), before = way[-1], way[-2][0]
    return [*way[:-1], (x + (2.0 if x > before else -2.0), y)]


def _square(low: Point, high: Point, size: int) -> Tensor:
    """Share of each dot `[S, S]` that a rectangle covers."""
    edges = [
        covered_between(torch.tensor(first), torch.tensor(last), size) for first, last in zip(low, high, strict=True)
    ]
    return edges[1][:, None] * edges[0]
