"""The table as a world to plan in (`table-v1`): a finger pushes a glass along a table, and may push it over the edge.

Positions are in px of the 64 px picture, x to the right and y downwards; an action is the finger's way in px and a grip.
Rigid bodies by pymunk; pictures by `render.py`. Clips that surprise are made by `clips`, of the same states.
"""

from __future__ import annotations

from random import Random

import numpy as np
import torch
from torch import Generator, Tensor

from gedanken.environments.table.looks import default_look, draw_look
from gedanken.environments.table.physics import FINGER, MAX_STEP, advanced
from gedanken.environments.table.render import SIZE, render
from gedanken.environments.table.shapes import SHAPES, TUMBLER
from gedanken.environments.table.stage import Stage, standing
from gedanken.environments.table.state import FLOOR, FRAME_RATE, GLASS, GRAVITY, LEG, TABLE, Row, stacked
from gedanken.errors import NonFinite, ShapeError
from gedanken.types import ActionSpec, Observation, State, StreamSpec

TOP = 34.0  # y of the table's top
EDGES = (8.0, 56.0)  # x of the table's edges
GLASS_SIZE = 4.5
GOAL_RADIUS = 2.0  # px
APART = 10.0  # px between start and goal
HIGH, LOW = 18.0, 32.0  # y of the finger where it passes over the glass, and where it pushes
BROKEN = 128.0  # px, the distance from a goal no glass comes to any more


class Table:
    """A batch of tables, each row of a state one world; a `gedanken.contracts.World`.

    A state holds what `state.py` lists. Nothing is kept between calls.
    """

    id = "table-v1"

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """One stream, `pixels`: uint8 `(64, 64, 3)`."""
        return {"pixels": StreamSpec((SIZE, SIZE, 3), "uint8", rate_hz=FRAME_RATE)}

    @property
    def action(self) -> ActionSpec:
        """The finger's way (x, y) in px, at most 6 px long, and a grip: the hand is closed where it is above 0."""
        limit = MAX_STEP
        return ActionSpec(3, (-limit, -limit, -1.0), (limit, limit, 1.0), unit="px, px, closed", rate_hz=FRAME_RATE)

    def sample(self, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` tables, a glass anywhere on each, the finger anywhere above it, in the default look."""
        share = torch.rand(count, 3, generator=generator).tolist()
        low, high = EDGES[0] + GLASS_SIZE, EDGES[1] - GLASS_SIZE
        return stacked([_table(low + (high - low) * x, 6 + 52 * fx, 6 + 18 * fy) for x, fx, fy in share])

    def pairs(self, count: int, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw `count` tasks: a glass on the table, and a place on it at least 10 px away where it should stand."""
        margin = GLASS_SIZE + 4.0
        low, high = EDGES[0] + margin, EDGES[1] - margin
        start, finger = (torch.rand(count, generator=generator) for _ in range(2))
        start = low + (high - low) * start
        goal = torch.full((count,), torch.nan)
        while bool((near := ~((goal - start).abs() >= APART)).any()):
            goal = torch.where(near, low + (high - low) * torch.rand(count, generator=generator), goal)
        above = (8 + 48 * finger).tolist()
        tables = [[_table(x, f, HIGH) for x, f in zip(xs.tolist(), above, strict=True)] for xs in (start, goal)]
        return stacked(tables[0]), stacked(tables[1])

    def step(self, state: State, action: Tensor) -> dict[str, Tensor]:
        """One frame, 1/12 s, of each world under `action` `[B, 3]`.

        Raises:
            ShapeError: `action` does not fit the state.
            NonFinite: an action is NaN or infinite.
        """
        rows = len(state["clock"])
        if action.shape != (rows, 3):
            raise ShapeError(
                f"actions have shape {tuple(action.shape)}; expected ({rows}, 3), one (x, y, grip) a world."
            )
        if not bool(torch.isfinite(action).all()):
            raise NonFinite("an action is NaN or infinite; check what the planner returned.")
        done = action.float().numpy()
        return stacked([advanced(row, done[k]) for k, row in enumerate(rows_of(state))]) if rows else dict(state)

    def observe(self, state: State) -> Observation:
        """The drawn worlds: `pixels` uint8 `[B, 64, 64, 3]`."""
        return {"pixels": render(state)}

    def render(self, states: State) -> Tensor:
        """Whole trajectories, states `[B, T, ...]`: uint8 `[B, T, 64, 64, 3]`."""
        batch, length = states["clock"].shape
        flat = {name: values.flatten(0, 1) for name, values in states.items()}
        return render(flat).view(batch, length, SIZE, SIZE, 3)

    def reached(self, state: State, goal: State) -> Tensor:
        """Whether each glass is whole and within 2 px of where it should be, `[B]` bool."""
        return self.distance(state, goal) < GOAL_RADIUS

    def distance(self, state: State, goal: State) -> Tensor:
        """px from the glass to where it should be, `[B]`; 128 where it is broken."""
        apart = (state["position"][:, 0] - goal["position"][:, 0]).norm(dim=-1)
        return torch.where(state["present"][:, 0] > 0, apart, torch.tensor(BROKEN))

    def expert(self, state: State, goal: State) -> Tensor:
        """Actions `[B, 3]` that lift the finger over the glass where it must, lower it on the far side, and push."""
        glass, finger = state["position"][:, 0, 0], state["finger"]
        to_go = goal["position"][:, 0, 0] - glass
        side = -to_go.sign()  # where the finger must stand
        reach = GLASS_SIZE * SHAPES[TUMBLER].half_width + FINGER
        beside = glass + side * (reach + 1.5)
        off = beside - finger[:, 0]
        low = finger[:, 1] > HIGH + 2.0
        behind = (finger[:, 0] - glass) * side >= reach - 0.3
        there = off.abs() < 1.0
        x = torch.where(behind & low, to_go.sign() * to_go.abs().clamp(max=1.5), off.clamp(-5, 5))
        y = torch.where(behind & (there | low), LOW - finger[:, 1], HIGH - finger[:, 1])
        x = torch.where(low & ~behind, torch.zeros_like(x), x)  # first up, then over
        x = torch.where(behind & low & (LOW - finger[:, 1] > 1.0), torch.zeros_like(x), x)  # down before it pushes
        done = torch.where(
            (self.reached(state, goal) & (to_go.abs() < 0.75))[:, None], torch.zeros(2), torch.stack((x, y), -1)
        )
        return torch.cat((done.clamp(-4, 4), -torch.ones(len(done), 1)), -1)

    def factors(self, split: str, count: int, generator: Generator) -> dict[str, Tensor]:
        """Draw `count` looks from `default`, or from `train` or `test`, whose ranges share no value.

        Raises:
            UnknownName: there is no such split.
        """
        seeds = [0] * count if split == "default" else torch.randint(2**31, (count,), generator=generator).tolist()
        looks = [draw_look(split, Random(seed)) for seed in seeds]
        return stacked(looks) if looks else {name: torch.from_numpy(v[None][:0]) for name, v in default_look().items()}


def rows_of(state: State) -> list[Row]:
    """The worlds of a batch, one by one."""
    arrays = {name: values.float().numpy() for name, values in state.items()}
    return [
        {name: np.array(values[k], dtype=np.float32) for name, values in arrays.items()}
        for k in range(len(state["clock"]))
    ]


def _table(glass: float, finger_x: float, finger_y: float) -> Row:
    stage = Stage(default_look(), FLOOR, GRAVITY)
    stage.slab(0, TABLE, EDGES[0], TOP, EDGES[1], TOP + 4.0)
    for place, x in ((1, EDGES[0] + 3.0), (2, EDGES[1] - 6.0)):
        stage.slab(place, LEG, x, TOP + 4.0, x + 3.0, FLOOR)
    at = (glass, standing(TUMBLER, GLASS_SIZE, TOP))
    stage.put(0, TUMBLER, GLASS_SIZE, at, material=GLASS, friction=0.5, bounce=0.05)
    stage.finger(finger_x, finger_y)
    return stage.row
