"""Four rooms in a ring: the goal lies in the opposite room, two doors away by either side (`four-rooms-v1`).

The world of Sutton, Precup and Singh 1999 ("Between MDPs and semi-MDPs"), with a dot's continuous moves and seen in pixels.
Positions are in px, x to the right and y downwards, actions in px per environment step.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from gedanken.environments import dot_render, dot_world
from gedanken.environments.dot_appearance import default_factors, draw_factors
from gedanken.environments.dot_blocks import Blocks
from gedanken.environments.dot_render import IMAGE_SIZE, blend, covered, covered_between, dots
from gedanken.environments.four_rooms_geometry import FourRoomsConfig, Ring, blocks_of
from gedanken.environments.gates import Point, length
from gedanken.errors import unknown_name
from gedanken.types import ActionSpec, Observation, State, StreamSpec

JAMB_MARGIN = 0.5  # px the expert keeps from a door's jambs


class FourRooms:
    """A batch of worlds of four rooms, each row of a state one world; a `gedanken.contracts.World`.

    A state holds `position [B, 2]`, `wall_x [B]`, `wall_y [B]`, `doors [B, 4]` (px, see `four_rooms_geometry.DOORS`) and the
    factors of variation that `dot_appearance` describes. Nothing is kept between calls.

    Args:
        wall: `fixed` puts walls and doors in one place, `random` draws them anew for each world.
        config: lengths, in px.
        size: pixels along a side of what is drawn; the world, its px and its physics are the same at any size.
    Raises:
        UnknownName: `wall` is neither.
        BadInput: no picture is drawn at this size.
    """

    id = "four-rooms-v1"

    def __init__(
        self,
        wall: Literal["fixed", "random"] = "fixed",
        config: FourRoomsConfig | None = None,
        *,
        size: int = IMAGE_SIZE,
    ) -> None:
        if wall not in ("fixed", "random"):
            raise unknown_name("wall layout", wall, ("fixed", "random"))
        self.wall, self.size = wall, dot_world.checked_size(size)
        self.config = config or FourRoomsConfig()

    @property
    def options(self) -> dict[str, str | int]:
        """What `make_world` makes it with."""
        return {"wall": self.wall}

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """One stream, `pixels`: uint8 `(64, 64, 3)`, or of the size asked for."""
        return dot_world.streams(self.size)

    @property
    def action(self) -> ActionSpec:
        """The wanted move (x, y) in px; a longer one than 1.8 px is shortened to that."""
        return dot_world.action_spec(self.config)

    def layouts(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw where walls and doors are: `wall_x` and `wall_y` `[B]`, `doors` `[B, 4]`."""
        config = self.config
        if self.wall == "fixed":
            wall_x, wall_y = (torch.full((count,), each) for each in config.fixed_walls)
            return {
                "wall_x": wall_x,
                "wall_y": wall_y,
                "doors": torch.tensor(config.fixed_doors).expand(count, 4).clone(),
            }
        walls = torch.randint(*config.random_walls, (2, count), generator=generator).float()
        share = torch.rand(count, 4, generator=generator)
        near = config.low + config.door_margin, -config.wall_width / 2 - config.door_margin
        far = config.wall_width / 2 + config.door_margin, config.high - config.door_margin
        # Up and left doors lie before the crossing of the walls, right and lower ones behind it.
        wall_x, wall_y = walls
        low = torch.stack(
            (torch.full_like(wall_x, near[0]), wall_x + far[0], wall_y + far[0], torch.full_like(wall_x, near[0])), -1
        )
        high = torch.stack(
            (wall_y + near[1], torch.full_like(wall_x, far[1]), torch.full_like(wall_x, far[1]), wall_x + near[1]), -1
        )
        doors = (low + share * (high - low)).round()
        return {"wall_x": wall_x, "wall_y": wall_y, "doors": doors}

    def sample(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` states of the default look, the dot uniform over the free space (the doors included)."""
        layout = self.layouts(count, generator)
        position = dot_world.anywhere_free(self.config, self.blocks(layout), count, generator)
        return {"position": position, **layout, **default_factors(count)}

    def pairs(self, count: int, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw `count` tasks: start and goal in opposite rooms, in one layout and look."""
        layout = self.layouts(count, generator)
        right, lower = (torch.rand(2, count, generator=generator) < 0.5).unbind(0)
        start = self.in_room(layout, right, lower, generator)
        goal = self.in_room(layout, ~right, ~lower, generator)
        rest = {**layout, **default_factors(count)}
        return {"position": start, **rest}, {"position": goal, **rest}

    def in_room(self, state: State, right: Tensor, lower: Tensor, generator: Generator) -> Tensor:
        """Draw positions `[B, 2]` uniform over the room to the `right` or not, and `lower` or not, `[B]` each."""
        config, reach = self.config, self.config.wall_width / 2 + self.config.clearance
        wall, beyond = torch.stack((state["wall_x"], state["wall_y"]), -1), torch.stack((right, lower), -1)
        low, high = torch.where(beyond, wall + reach, config.low), torch.where(beyond, config.high, wall - reach)
        return low + (high - low) * torch.rand(len(wall), 2, generator=generator)

    def step(self, state: State, action: Tensor) -> dict[str, Tensor]:
        """Move each dot by `action` `[B, 2]` px (limited to 1.8 px), or to its first contact with a wall or border.

        Raises:
            ShapeError: `action` does not fit the state.
            NonFinite: an action is NaN or infinite.
        """
        return dot_world.stepped(self.config, self.blocks(state), state, action)

    def blocks(self, state: State) -> Blocks:
        """The pieces of both walls, of each world."""
        return blocks_of(self.config, state)

    def observe(self, state: State) -> Observation:
        """The drawn worlds: `pixels` uint8 `[B, S, S, 3]`, S = 64 or the size asked for."""
        return {"pixels": self.render(state, state["position"][:, None])[:, 0]}

    def render(self, state: State, positions: Tensor) -> Tensor:
        """Whole trajectories: uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]` in each row's layout and look."""
        dot_world.check_positions(state, positions)
        place = ("wall_x", "wall_y", "doors")
        return dot_render.render(self.config, state, positions, self.size, place, self._blend_walls)

    def reached(self, state: State, goal: State) -> Tensor:
        """Whether each dot is within 4.5 px of its goal, `[B]` bool."""
        return dot_world.reached(self.config, state, goal)

    def distance(self, state: State, goal: State) -> Tensor:
        """Length in px of the shortest way around either side, `[B]`."""
        return torch.tensor([length(way) for way in self._ways(state, goal)])

    def expert(self, state: State, goal: State) -> Tensor:
        """Actions `[B, 2]` px along the shortest way that keeps off the jambs."""
        return dot_world.along(self._ways(state, goal, JAMB_MARGIN), state["position"], self.config)

    def factors(self, split: str, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` looks from `default`, or from `train` or `test`, whose ranges share no value.

        Raises:
            UnknownName: there is no such split.
        """
        return draw_factors(split, count, generator)

    def whole_route(self, state: State, positions: Tensor) -> Tensor:
        """Whether a trajectory `[B, T, 2]` was in two opposite rooms, as every task is, `[B]` bool."""
        walls = torch.stack((state["wall_x"], state["wall_y"]), -1)[:, None]
        side = positions - walls
        inside = (side.abs() > self.config.wall_width / 2).all(-1)  # a doorway is no room
        room = (side > 0).long() @ torch.tensor([1, 2])
        been = torch.stack([(inside & (room == each)).any(1) for each in range(4)], -1)
        return (been[:, 0] & been[:, 3]) | (been[:, 1] & been[:, 2])

    def _ways(self, state: State, goal: State, margin: float = 0.0) -> list[list[Point]]:
        rows = zip(
            *(state[name].tolist() for name in ("wall_x", "wall_y", "doors", "position")),
            goal["position"].tolist(),
            strict=True,
        )
        return [
            Ring(self.config, x, y, tuple(doors)).way(tuple(now), tuple(end), margin) for x, y, doors, now, end in rows
        ]

    def _blend_walls(self, frames: Tensor, size: int, place: State) -> None:
        half = self.config.door_half
        doors = covered_between(place["doors"] - half, place["doors"] + half, size)
        edges = self.config.border + 0.5, self.config.scale - 1.5 - self.config.border
        inside = covered_between(torch.tensor(edges[0]), torch.tensor(edges[1]), size)
        every = torch.arange(size).expand(len(frames), -1)
        # A band across each wall; where both cross, the second covers what the first left.
        column, share = self._band(place["wall_x"], size)
        closed = (inside - doors[:, 0] - doors[:, 2]).clamp(0, 1)[:, :, None]
        blend(frames, size, every, column, closed * share[:, None, :], place["wall_color"])
        row, share = self._band(place["wall_y"], size)
        closed = (inside - doors[:, 1] - doors[:, 3]).clamp(0, 1)[:, None, :]
        blend(frames, size, row, every, closed * share[:, :, None], place["wall_color"])

    def _band(self, wall: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """The dots around a wall `[B, K]`, and the share of each that it covers."""
        scale, centre = size / IMAGE_SIZE, dots(wall, size)
        reach = math.ceil(scale * self.config.wall_width / 2)
        band = centre.round().long()[:, None] + torch.arange(-reach, reach + 1)
        return band, covered(band, centre, scale * self.config.wall_width / 2)
