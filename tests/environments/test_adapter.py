"""The adapter finds pixels wherever they are, and says in one sentence what it cannot use."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from gedanken.environments.adapter import adapt
from gedanken.errors import BadInput, NonFinite, ShapeError

PICTURE = spaces.Box(0, 255, (6, 8, 3), np.uint8)
POSE = spaces.Box(-1, 1, (4,), np.float64)


class Stage(gymnasium.Env):
    """Shows what its spaces say; renders a picture that tells how often it was drawn."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012

    def __init__(self, observation_space, action_space=None, render_mode=None):
        self.observation_space = observation_space
        self.action_space = action_space or spaces.Box(np.float32([[-1, -2]]), np.float32([[1, 2]]))
        self.render_mode = render_mode
        self.drawn = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def render(self):
        self.drawn += 1
        return np.full((10, 20, 3), self.drawn, np.uint8)


def test_the_observation_itself_is_the_picture():
    adapter = adapt(Stage(PICTURE))
    assert set(adapter.streams) == {"pixels"}
    assert adapter.streams["pixels"].shape == (6, 8, 3)
    assert adapter.streams["pixels"].rate_hz == 25
    raw = PICTURE.sample()
    seen = adapter.observation(raw)["pixels"]
    assert np.array_equal(seen, raw)
    assert not np.shares_memory(seen, raw)


def test_an_entry_is_the_picture_and_other_boxes_are_streams():
    space = spaces.Dict(camera=PICTURE, pose=POSE, mode=spaces.Discrete(3))
    adapter = adapt(Stage(space))
    raw = space.sample()
    seen = adapter.observation(raw)
    assert set(seen) == set(adapter.streams) == {"pixels", "pose"}
    assert np.array_equal(seen["pixels"], raw["camera"])
    assert np.array_equal(seen["pose"], raw["pose"])
    assert adapter.streams["pose"].dtype == "float64"


def test_of_several_pictures_one_is_chosen():
    space = spaces.Dict(front=PICTURE, wrist=PICTURE)
    with pytest.raises(BadInput, match="front, wrist"):
        adapt(Stage(space))
    raw = space.sample()
    assert np.array_equal(adapt(Stage(space), pixels="wrist").observation(raw)["pixels"], raw["wrist"])
    with pytest.raises(BadInput, match=r"'side'.*front, wrist"):
        adapt(Stage(space), pixels="side")


def test_without_a_picture_the_environment_is_drawn():
    env = Stage(POSE, render_mode="rgb_array")
    adapter = adapt(env)
    raw = POSE.sample()
    seen = adapter.observation(raw)
    assert seen["pixels"].shape == adapter.streams["pixels"].shape == (10, 20, 3)
    assert (seen["pixels"] == env.drawn).all()
    assert np.array_equal(seen["vector"], raw)
    with pytest.raises(BadInput, match="render_mode='rgb_array'"):
        adapt(Stage(POSE))


def test_pixels_are_scaled_by_the_mean_of_what_they_cover():
    adapter = adapt(Stage(PICTURE), size=(3, 4))
    raw = PICTURE.sample()
    seen = adapter.observation(raw)["pixels"]
    mean = raw.reshape(3, 2, 4, 2, 3).mean((1, 3))
    assert seen.shape == adapter.streams["pixels"].shape == (3, 4, 3)
    assert np.abs(seen - mean).max() <= 1


def test_actions_are_flat_and_kept_in_their_box():
    adapter = adapt(Stage(PICTURE))
    assert (adapter.action.width, adapter.action.low, adapter.action.high) == (2, (-1, -2), (1, 2))
    command = adapter.command(np.array([5.0, -1.5]))
    assert command.tolist() == [[1.0, -1.5]]
    assert command.dtype == np.float32
    with pytest.raises(ShapeError, match="3 numbers; this environment wants 2"):
        adapter.command(np.zeros(3))
    with pytest.raises(NonFinite):
        adapter.command(np.array([np.nan, 0]))


def test_actions_that_cannot_be_planned_are_refused():
    with pytest.raises(BadInput, match=r"Discrete\(3\).*expected a Box"):
        adapt(Stage(PICTURE, spaces.Discrete(3)))
    with pytest.raises(BadInput, match="no bounds"):
        adapt(Stage(PICTURE, spaces.Box(-np.inf, np.inf, (2,))))


def test_a_frame_that_breaks_its_promise_is_refused():
    adapter = adapt(Stage(PICTURE))
    with pytest.raises(ShapeError, match=r"float32 \(6, 8, 3\)"):
        adapter.observation(np.zeros((6, 8, 3), np.float32))


def test_an_entry_called_pixels_must_be_a_picture():
    grey = spaces.Box(0, 255, (6, 8, 1), np.uint8)
    with pytest.raises(BadInput, match="'pixels'"):
        adapt(Stage(spaces.Dict(pixels=grey, camera=PICTURE)))
