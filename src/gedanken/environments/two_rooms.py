"""Two rooms and a door: a dot that must turn away from its goal to reach it (`two-rooms-v1`).

Positions are in px, x to the right and y downwards, actions in px per environment step. Geometry and task after the
Wall environment of PLDM (arXiv:2502.14819) and Two Rooms of EB-JEPA (arXiv:2602.03604); drawn in RGB.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor

from gedanken.environments import dot_world
from gedanken.environments.dot_appearance import default_factors, draw_factors
from gedanken.environments.dot_blocks import Blocks
from gedanken.environments.dot_render import IMAGE_SIZE
from gedanken.environments.two_rooms_geometry import TwoRoomsConfig, Walls, geodesic
from gedanken.environments.two_rooms_render import render
from gedanken.errors import unknown_name
from gedanken.types import ActionSpec, Observation, State, StreamSpec

STAGING = 2.0  # px in front of the door at which the expert turns into it
JAMB_MARGIN = 0.5  # px the expert keeps from the door's jambs


class TwoRooms:
    """A batch of two-room worlds, each row of a state one world; a `gedanken.contracts.World`.

    A state holds `position [B, 2]`, `wall_x [B]`, `door_y [B]` (px) and the factors of variation that
    `dot_appearance` describes. Nothing is kept between calls.

    Args:
        wall: `fixed` puts wall and door in one place, `random` draws both anew for each world.
        config: lengths, in px.
        size: pixels along a side of what is drawn; the world, its px and its physics are the same at any size.
    Raises:
        UnknownName: `wall` is neither.
        BadInput: no picture is drawn at this size.
    """

    id = "two-rooms-v1"

    def __init__(
        self,
        wall: Literal["fixed", "random"] = "fixed",
        config: TwoRoomsConfig | None = None,
        *,
        size: int = IMAGE_SIZE,
    ) -> None:
        if wall not in ("fixed", "random"):
            raise unknown_name("wall layout", wall, ("fixed", "random"))
        self.wall, self.size = wall, dot_world.checked_size(size)
        self.config = config or TwoRoomsConfig()

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """One stream, `pixels`: uint8 `(64, 64, 3)`, or of the size asked for."""
        return dot_world.streams(self.size)

    @property
    def action(self) -> ActionSpec:
        """The wanted move (x, y) in px; a longer one than 1.8 px is shortened to that."""
        return dot_world.action_spec(self.config)

    @property
    def options(self) -> dict[str, str | int]:
        """What `make_world` makes it with."""
        return {"wall": self.wall}

    def layouts(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw where wall and door are: `wall_x` and `door_y`, `[B]` each."""
        config = self.config
        if self.wall == "fixed":
            return {
                "wall_x": torch.full((count,), config.fixed_wall_x),
                "door_y": torch.full((count,), config.fixed_door_y),
            }
        return {
            "wall_x": torch.randint(*config.random_wall_x, (count,), generator=generator).float(),
            "door_y": torch.randint(*config.random_door_y, (count,), generator=generator).float(),
        }

    def sample(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` states of the default look, the dot uniform over the free space (the door included)."""
        layout = self.layouts(count, generator)
        position = dot_world.anywhere_free(self.config, self.blocks(layout), count, generator)
        return {"position": position, **layout, **default_factors(count)}

    def pairs(self, count: int, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw `count` tasks: start and goal in different rooms and at least 20 px apart, in one layout and look."""
        layout = self.layouts(count, generator)
        leftward = torch.rand(count, generator=generator) < 0.5
        start, goal = self.in_room(layout, ~leftward, generator), self.in_room(layout, leftward, generator)
        while bool((near := (start - goal).norm(dim=-1) < self.config.min_task_distance).any()):
            start = torch.where(near[:, None], self.in_room(layout, ~leftward, generator), start)
            goal = torch.where(near[:, None], self.in_room(layout, leftward, generator), goal)
        rest = {**layout, **default_factors(count)}
        return {"position": start, **rest}, {"position": goal, **rest}

    def in_room(self, state: State, left: Tensor, generator: Generator) -> Tensor:
        """Draw positions `[B, 2]` uniform over the left room where `left` `[B]` is true, else over the right one."""
        walls, low, high = self._walls(state), self.config.low, self.config.high
        share = torch.rand(len(left), 2, generator=generator)
        from_x = torch.where(left, torch.full_like(walls.left, low), walls.right)
        to_x = torch.where(left, walls.left, torch.full_like(walls.right, high))
        return torch.stack((from_x + share[:, 0] * (to_x - from_x), low + share[:, 1] * (high - low)), -1)

    def limited(self, action: Tensor) -> Tensor:
        """The action as it is carried out: shortened to 1.8 px where it is longer, its direction kept."""
        return dot_world.limited(self.config, action)

    def step(self, state: State, action: Tensor) -> dict[str, Tensor]:
        """Move each dot by `action` `[B, 2]` px (limited to 1.8 px), or to its first contact with a wall or border.

        Raises:
            ShapeError: `action` does not fit the state.
            NonFinite: an action is NaN or infinite.
        """
        return dot_world.stepped(self.config, self.blocks(state), state, action)

    def blocks(self, state: State) -> Blocks:
        """The wall above the door and the wall below it, of each world."""
        return self._walls(state).blocks

    def observe(self, state: State) -> Observation:
        """The drawn worlds: `pixels` uint8 `[B, S, S, 3]`, S = 64 or the size asked for."""
        return {"pixels": render(self.config, state, state["position"][:, None], self.size)[:, 0]}

    def render(self, state: State, positions: Tensor) -> Tensor:
        """Whole trajectories: uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]` in each row's layout and look.

        It draws one background a row, so it is the fast way to many frames.
        """
        dot_world.check_positions(state, positions)
        return render(self.config, state, positions, self.size)

    def reached(self, state: State, goal: State) -> Tensor:
        """Whether each dot is within 4.5 px of its goal, `[B]` bool."""
        return dot_world.reached(self.config, state, goal)

    def distance(self, state: State, goal: State) -> Tensor:
        """Length in px of the shortest way around the door's jambs, `[B]`."""
        return geodesic(self._walls(state), state["position"], goal["position"])

    def expert(self, state: State, goal: State) -> Tensor:
        """Actions `[B, 2]` px that lead to a place before the door, straight through it, and to the goal."""
        walls, position, end = self._walls(state), state["position"], goal["position"]
        room, goal_room = self._side(walls, position), self._side(walls, end)
        beyond = self._before_door(state, goal_room)
        through = torch.where((goal_room == 0)[:, None], end, beyond)
        staging = self._before_door(state, room)
        enter = self._clear(state, position, through) | ((position - staging).norm(dim=-1) < JAMB_MARGIN)
        outward = torch.where(((room == 0) | enter)[:, None], through, staging)
        aim = torch.where((room == goal_room)[:, None], end, outward)
        return self.limited(aim - position)

    def factors(self, split: str, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` looks from `default`, or from `train` or `test`, whose ranges share no value.

        Raises:
            UnknownName: there is no such split.
        """
        return draw_factors(split, count, generator)

    def whole_route(self, state: State, positions: Tensor) -> Tensor:
        """Whether a trajectory `[B, T, 2]` was in both rooms, as every task is, `[B]` bool."""
        walls = self._walls(state)
        x = positions[..., 0]
        return (x <= walls.left[:, None]).any(1) & (x >= walls.right[:, None]).any(1)

    def _walls(self, state: State) -> Walls:
        return Walls.of(self.config, state["wall_x"], state["door_y"])

    def _side(self, walls: Walls, position: Tensor) -> Tensor:
        """Which room each position is in: -1 left, 1 right, 0 in the doorway."""
        x = position[:, 0]
        return (x >= walls.right).int() - (x <= walls.left).int()

    def _before_door(self, state: State, side: Tensor) -> Tensor:
        """The place in front of the door on the given side; in the doorway itself for side 0."""
        offset = self.config.wall_width / 2 + STAGING
        return torch.stack((state["wall_x"] + side * offset, state["door_y"]), -1)

    def _clear(self, state: State, position: Tensor, aim: Tensor) -> Tensor:
        """Whether the straight line to `aim`, a point in or right behind the doorway, keeps off both jambs."""
        opening = self.config.door_half - JAMB_MARGIN
        half = self.config.wall_width / 2
        run = aim[:, 0] - position[:, 0]
        clear = torch.ones_like(run, dtype=torch.bool)
        for face in (state["wall_x"] - half, state["wall_x"] + half):
            share = ((face - position[:, 0]) / torch.where(run == 0, 1.0, run)).clamp(0, 1)
            row = position[:, 1] + share * (aim[:, 1] - position[:, 1])
            crossed = (share > 0) & (share < 1)
            clear &= ~crossed | ((row - state["door_y"]).abs() <= opening)
        return clear
