"""The worlds of a dot as Gymnasium environments: one world at a time, or a vector of them on the batched functions.

The observation is what the world's `observe` draws; `info` holds the goal's picture (`goal`), both positions in px, the
shortest way left in px (`distance`) and whether the goal is reached (`success`). The reward is 1 in a step that ends at
the goal, else 0.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Generator

from gedanken.environments.dot_world import RATE_HZ
from gedanken.environments.registry import make_world
from gedanken.errors import BadInput

Info = dict[str, Any]
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": RATE_HZ}


class _Tasks:
    """Rows of start, goal and step count: what the two environments below share."""

    def __init__(self, world: str, options: Info, split: str, max_steps: int, count: int) -> None:
        if max_steps < 1 or count < 1:
            raise BadInput(f"max_steps={max_steps} and num_envs={count} must be at least 1.")
        self.world = make_world(world, **options)
        self.world.factors(split, 1, Generator())  # refuses an unknown split now rather than at the first reset
        self.split, self.max_steps, self.count = split, max_steps, count
        action, (pixels,) = self.world.action, self.world.streams.values()
        self.action_space = spaces.Box(
            np.array(action.low, np.float32), np.array(action.high, np.float32), dtype=np.float32
        )
        self.observation_space = spaces.Box(0, 255, pixels.shape, dtype=np.uint8)
        self.steps = np.zeros(count, dtype=np.int64)

    def draw(self, rows: NDArray[np.bool_], random: np.random.Generator) -> None:
        """New tasks for the chosen rows."""
        generator = Generator().manual_seed(int(random.integers(2**63 - 1)))
        count = int(rows.sum())
        start, goal = self.world.pairs(count, generator)
        look = self.world.factors(self.split, count, generator)
        pixels = self.world.observe({**goal, **look})["pixels"]
        if rows.all():
            self.state = {key: value.clone() for key, value in {**start, **look}.items()}
            self.goal = {key: value.clone() for key, value in {**goal, **look}.items()}
            self.goal_pixels = pixels.numpy()
        else:
            chosen = torch.from_numpy(rows)
            for kept, drawn in ((self.state, {**start, **look}), (self.goal, {**goal, **look})):
                for key, value in drawn.items():
                    kept[key] = kept[key].index_put((chosen,), value)
            self.goal_pixels[rows] = pixels.numpy()
        self.steps[rows] = 0

    def advance(self, action: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """One step of every row: (at the goal, out of steps)."""
        self.state = dict(self.world.step(self.state, torch.as_tensor(action, dtype=torch.float32)))
        self.steps += 1
        return self.world.reached(self.state, self.goal).numpy(), self.steps >= self.max_steps

    def seen(self) -> NDArray[np.uint8]:
        return self.world.observe(self.state)["pixels"].numpy()

    def info(self) -> Info:
        """Arrays `[count, ...]` of the caller's own: changing them changes no world."""
        return {
            "goal": self.goal_pixels.copy(),
            "position": self.state["position"].numpy().copy(),
            "goal_position": self.goal["position"].numpy().copy(),
            "distance": self.world.distance(self.state, self.goal).numpy(),
            "success": self.world.reached(self.state, self.goal).numpy(),
        }


class DotEnv(gymnasium.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """One world of a dot.

    Args:
        world: its id, such as `maze-v1`.
        split: looks to draw from: `default`, `train` or `test`.
        max_steps: steps after which an episode is truncated.
        terminate_at_goal: whether reaching the goal ends the episode.
        render_mode: `rgb_array`, or None.
        options: of the world, such as `cells=9`.
    """

    metadata: dict[str, Any] = METADATA

    def __init__(
        self,
        world: str = "two-rooms-v1",
        split: str = "default",
        max_steps: int = 200,
        terminate_at_goal: bool = False,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._tasks = _Tasks(world, options, split, max_steps, count=1)
        self.terminate_at_goal = terminate_at_goal
        self.render_mode = render_mode
        self.action_space, self.observation_space = self._tasks.action_space, self._tasks.observation_space

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[NDArray[np.uint8], Info]:
        """Draw a new task."""
        super().reset(seed=seed)
        self._tasks.draw(np.ones(1, dtype=np.bool_), self.np_random)
        return self._tasks.seen()[0], self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float, bool, bool, Info]:
        """Move by `action` (x, y) px."""
        reached, late = self._tasks.advance(np.asarray(action)[None])
        terminated = bool(reached[0]) and self.terminate_at_goal
        return self._tasks.seen()[0], float(reached[0]), terminated, bool(late[0]), self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """The current frame, uint8 `(64, 64, 3)`; None where no render mode was asked for."""
        return self._tasks.seen()[0] if self.render_mode == "rgb_array" else None

    def _info(self) -> Info:
        return {key: value[0] for key, value in self._tasks.info().items()}


class DotVectorEnv(VectorEnv[NDArray[np.uint8], NDArray[np.float32], NDArray[Any]]):
    """Many worlds of a dot in one batch; a world that ended starts anew in the next step, whose action it ignores.

    Args:
        world: its id, such as `maze-v1`.
        num_envs: number of worlds.
        split: looks to draw from: `default`, `train` or `test`.
        max_steps: steps after which an episode is truncated.
        terminate_at_goal: whether reaching the goal ends the episode.
        render_mode: `rgb_array`, or None.
        options: of the world, such as `cells=9`.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        world: str = "two-rooms-v1",
        num_envs: int = 1,
        split: str = "default",
        max_steps: int = 200,
        terminate_at_goal: bool = False,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._tasks = _Tasks(world, options, split, max_steps, count=num_envs)
        self.num_envs = num_envs
        self.terminate_at_goal = terminate_at_goal
        self.render_mode = render_mode
        self.single_action_space = self._tasks.action_space
        self.single_observation_space = self._tasks.observation_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._ended = np.zeros(num_envs, dtype=np.bool_)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Info | None = None
    ) -> tuple[NDArray[np.uint8], Info]:
        """Draw a new task for every world.

        Raises:
            BadInput: `seed` is a list; all worlds are drawn from one generator.
        """
        if isinstance(seed, list):
            raise BadInput("seed is a list; these worlds share one generator, so give one number.")
        super().reset(seed=seed)
        self._tasks.draw(np.ones(self.num_envs, dtype=np.bool_), self.np_random)
        self._ended[:] = False
        return self._tasks.seen(), self._info()

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Move every world by its action `[num_envs, 2]` px; worlds that ended before start anew instead."""
        reached, late = self._tasks.advance(actions)
        fresh = self._ended
        if fresh.any():
            self._tasks.draw(fresh, self.np_random)
        reward = np.where(fresh, 0.0, reached)
        terminated = reached & ~fresh & self.terminate_at_goal
        truncated = late & ~fresh
        self._ended = terminated | truncated
        return self._tasks.seen(), reward, terminated, truncated, self._info()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The current frames, uint8 `(64, 64, 3)` each; None where no render mode was asked for."""
        return tuple(self._tasks.seen()) if self.render_mode == "rgb_array" else None

    def _info(self) -> Info:
        info = self._tasks.info()
        # Gymnasium's vector infos say by `_key` which worlds have an entry; here all have.
        return info | {f"_{key}": np.ones(self.num_envs, dtype=np.bool_) for key in info}
