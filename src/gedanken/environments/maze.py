"""A maze of 3 to 13 cells along a side, with one way between any two places (`maze-v1`).

Positions are in px, x to the right and y downwards, actions in px per environment step. After the diverse mazes of PLDM
(arXiv:2502.14819), with layouts to train in and others to be tested in; drawn in RGB.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from gedanken.environments import dot_render, dot_world
from gedanken.environments.dot_appearance import default_factors, draw_factors
from gedanken.environments.dot_blocks import Blocks
from gedanken.environments.dot_render import IMAGE_SIZE, covered_between, paint
from gedanken.environments.gates import Point, length
from gedanken.environments.maze_geometry import MazeConfig, blocks_of, edges_of, way
from gedanken.environments.maze_layout import TEST, Layout, layout_of
from gedanken.errors import BadInput, unknown_name
from gedanken.types import ActionSpec, Observation, State, StreamSpec

LONGEST_SEEN = 4
"""Passages that training data goes through at most, between any two of an episode's frames; a standard task is longer."""
_LAYOUTS = {"fixed": (0, 1), "train": (0, TEST), "test": (TEST, 2 * TEST)}
_MARGIN = 0.05  # cells that the expert keeps from the corners of walls


class Maze:
    """A batch of mazes, each row of a state one maze; a `gedanken.contracts.World`.

    A state holds `position [B, 2]` (px), `layout [B]` (the maze's number, see `maze_layout`) and the factors of variation that
    `dot_appearance` describes. Nothing is kept between calls but mazes that were drawn.

    Args:
        cells: along a side.
        layouts: `fixed` is one maze, `train` and `test` draw a maze for each row; no maze is in both.
        shortest: passages of the shortest task; by default one more than training data ever goes through.
        config: lengths; its cells win over `cells`.
        size: pixels along a side of what is drawn.
    Raises:
        UnknownName: no such layouts.
        BadInput: no such maze, no task so short or so long, or no picture of this size.
    """

    id = "maze-v1"

    def __init__(
        self,
        cells: int = 7,
        layouts: str = "fixed",
        shortest: int = LONGEST_SEEN + 1,
        config: MazeConfig | None = None,
        *,
        size: int = IMAGE_SIZE,
    ) -> None:
        if layouts not in _LAYOUTS:
            raise unknown_name("maze layouts", layouts, _LAYOUTS)
        self.config = config or MazeConfig(cells=cells)
        if not 1 <= shortest < self.config.cells * 2:
            raise BadInput(f"shortest={shortest} must lie between 1 and {self.config.cells * 2 - 1} passages.")
        self.layouts, self.shortest, self.size = layouts, shortest, dot_world.checked_size(size)

    @property
    def options(self) -> dict[str, str | int]:
        """What `make_world` makes it with."""
        return {"cells": self.config.cells, "layouts": self.layouts, "shortest": self.shortest}

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """One stream, `pixels`: uint8 `(64, 64, 3)`, or of the size asked for."""
        return dot_world.streams(self.size)

    @property
    def action(self) -> ActionSpec:
        """The wanted move (x, y) in px; a longer one than 0.164 cells is shortened to that."""
        return dot_world.action_spec(self.config)

    def sample(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` states of the default look, the dot uniform over the free space (passages included)."""
        layout = {"layout": torch.randint(*_LAYOUTS[self.layouts], (count,), generator=generator)}
        position = dot_world.anywhere_free(self.config, self.blocks(layout), count, generator)
        return {"position": position, **layout, **self._look(count)}

    def pairs(self, count: int, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw `count` tasks in mazes of their own, each length from `shortest` to the maze's longest as likely as any."""
        numbers = torch.randint(*_LAYOUTS[self.layouts], (count,), generator=generator)
        shares = torch.rand(count, 2, generator=generator).tolist()
        cells = [
            self._ends(self._layout(number), *share) for number, share in zip(numbers.tolist(), shares, strict=True)
        ]
        ends = torch.tensor(cells)
        rest = {"layout": numbers, **self._look(count)}
        start, goal = (self._within(ends[:, each], generator) for each in range(2))
        return {"position": start, **rest}, {"position": goal, **rest}

    def step(self, state: State, action: Tensor) -> dict[str, Tensor]:
        """Move each dot by `action` `[B, 2]` px, limited, or to its first contact with a wall or border.

        Raises:
            ShapeError: `action` does not fit the state.
            NonFinite: an action is NaN or infinite.
        """
        return dot_world.stepped(self.config, self.blocks(state), state, action)

    def blocks(self, state: State) -> Blocks:
        """The walls of each maze."""
        return blocks_of(self.config, tuple(state["layout"].long().tolist()))

    def observe(self, state: State) -> Observation:
        """The drawn mazes: `pixels` uint8 `[B, S, S, 3]`, S = 64 or the size asked for."""
        return {"pixels": self.render(state, state["position"][:, None])[:, 0]}

    def render(self, state: State, positions: Tensor) -> Tensor:
        """Whole trajectories: uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]` in each row's maze and look."""
        dot_world.check_positions(state, positions)
        return dot_render.render(self.config, state, positions, self.size, ("layout",), self._blend_walls)

    def reached(self, state: State, goal: State) -> Tensor:
        """Whether each dot is within 0.41 cells of its goal, `[B]` bool."""
        return dot_world.reached(self.config, state, goal)

    def distance(self, state: State, goal: State) -> Tensor:
        """Length in px of the only way, pulled taut, `[B]`."""
        return torch.tensor([length(each) for each in self._ways(state, goal)])

    def expert(self, state: State, goal: State) -> Tensor:
        """Actions `[B, 2]` px along the way, a little off the corners."""
        return dot_world.along(self._ways(state, goal, _MARGIN * self.config.pitch), state["position"], self.config)

    def factors(self, split: str, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` looks from `default`, or from `train` or `test`, whose ranges share no value; dots shrink with the cells.

        Raises:
            UnknownName: there is no such split.
        """
        drawn = draw_factors(split, count, generator)
        shrunk = drawn["dot_sigma"] * (self.config.pitch / 11)
        return {**drawn, "dot_sigma": shrunk.clamp(min=self.config.smallest_dot)}

    def whole_route(self, state: State, positions: Tensor) -> Tensor:
        """Whether two frames of a trajectory `[B, T, 2]` are more than `LONGEST_SEEN` passages apart, `[B]` bool."""
        cells = self._cell(positions).numpy()
        rows = zip(state["layout"].long().tolist(), cells, strict=True)
        extents = [self._layout(number).apart[np.ix_(each, each)].max() for number, each in rows]
        return torch.tensor([extent > LONGEST_SEEN for extent in extents])

    def _look(self, count: int) -> dict[str, Tensor]:
        return {**default_factors(count), **self.factors("default", count, Generator())}

    def _layout(self, number: int | float) -> Layout:
        return layout_of(self.config.cells, int(number))

    def _cell(self, positions: Tensor) -> Tensor:
        """Numbers of the cells that positions `[..., 2]` lie in or nearest to."""
        column, row = (
            ((positions - self.config.low) / self.config.pitch).long().clamp(0, self.config.cells - 1).unbind(-1)
        )
        return row * self.config.cells + column

    def _within(self, cell: Tensor, generator: Generator) -> Tensor:
        """Positions `[B, 2]` uniform over the insides of cells, a step off their walls."""
        corner = torch.stack((cell % self.config.cells, cell // self.config.cells), -1)
        edge = self.config.wall / 2 + 0.1
        share = edge + (1 - 2 * edge) * torch.rand(len(cell), 2, generator=generator)
        return self.config.border + 0.5 + self.config.pitch * (corner + share)

    def _ends(self, layout: Layout, of_lengths: float, of_pairs: float) -> tuple[int, int]:
        """First and last cell of a task, by two shares in [0, 1)."""
        longest = int(layout.apart.max())
        passages = min(self.shortest, longest)
        passages += int(of_lengths * (longest - passages + 1))
        starts, goals = np.nonzero(layout.apart == passages)
        one = int(of_pairs * len(starts))
        return int(starts[one]), int(goals[one])

    def _ways(self, state: State, goal: State, margin: float = 0.0) -> list[list[Point]]:
        rows = zip(state["layout"].tolist(), state["position"].tolist(), goal["position"].tolist(), strict=True)
        return [way(self.config, self._layout(one), (a, b), (x, y), margin) for one, (a, b), (x, y) in rows]

    def _blend_walls(self, frames: Tensor, size: int, place: State) -> None:
        edges = torch.tensor(edges_of(self.config))
        zones = covered_between(edges[1:-2], edges[2:-1], size)  # [2c-1, S]: the border is drawn already
        numbers = place["layout"].long().tolist()
        solid = torch.from_numpy(np.stack([self._layout(number).solid[1:-1, 1:-1] for number in numbers])).float()
        paint(frames, size, zones.T @ solid @ zones, place["wall_color"])
