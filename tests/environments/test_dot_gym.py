"""Two Rooms behind Gymnasium's door: its own checker passes, and the vector form resets as it announces."""

import itertools

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import gedanken.environments
from gedanken.environments.dot_gym import DotEnv, DotVectorEnv
from gedanken.errors import BadInput, UnknownName

# Actions are in px, as the world says, and not in shares of the largest action.
pytestmark = pytest.mark.filterwarnings("ignore:.*symmetric and normalized space.*")


def towards(goal: np.ndarray, position: np.ndarray) -> np.ndarray:
    move = goal - position
    length = np.linalg.norm(move, axis=-1, keepdims=True)
    return (move * np.minimum(1, 1.8 / np.maximum(length, 1e-6))).astype(np.float32)


def test_gymnasium_finds_and_approves_it():
    gedanken.environments.register()  # a second time
    env = gymnasium.make("gedanken/two-rooms-v1", render_mode="rgb_array", wall="random", split="train")
    check_env(env.unwrapped)
    assert isinstance(gymnasium.make_vec("gedanken/two-rooms-v1", num_envs=2), DotVectorEnv)


def test_an_episode_goes_on_to_its_last_step_and_rewards_the_goal():
    env = DotEnv("two-rooms-v1", max_steps=30)
    seen, info = env.reset(seed=0)
    assert seen.shape == info["goal"].shape == (64, 64, 3)
    assert info["distance"] >= 20
    assert not np.array_equal(seen, info["goal"])
    # Put the goal into the room of the start, 10 px further, to walk there straight.
    goal = info["position"] + np.array([0, 10 if info["position"][1] < 32 else -10], np.float32)
    env._tasks.goal["position"] = torch.from_numpy(goal)[None]
    rewards = []
    for step in range(30):
        _, reward, terminated, truncated, info = env.step(towards(goal, info["position"]))
        rewards.append(reward)
        assert not terminated
        assert truncated == (step == 29)
    # 10 px in steps of 1.8 px: within 4.5 px after the fourth.
    assert rewards == [0.0] * 3 + [1.0] * 27


def test_it_ends_at_the_goal_if_asked():
    env = DotEnv("two-rooms-v1", terminate_at_goal=True)
    _, info = env.reset(seed=1)
    world = env._tasks.world
    for _ in range(100):
        action = world.expert(env._tasks.state, env._tasks.goal)[0].numpy()
        seen, reward, terminated, _, info = env.step(action)
        assert (reward == 1) == terminated == bool(info["success"])
        if terminated:
            break
    assert terminated
    # Now the picture is nearly the goal's.
    assert np.abs(seen.astype(int) - info["goal"].astype(int)).mean() < 2


def test_the_vector_form_steps_each_world_as_the_batched_functions_do():
    env = DotVectorEnv("two-rooms-v1", 5, wall="random")
    seen, info = env.reset(seed=0)
    assert env.observation_space.contains(seen)
    assert len(np.unique(info["goal_position"], axis=0)) == 5
    move = np.where(info["position"] < 32, 0.5, -0.5).astype(np.float32)
    move[:, 0] = 0
    _, _, _, _, after = env.step(move)
    np.testing.assert_allclose(after["position"], info["position"] + move, atol=1e-5)


def test_a_world_that_ended_starts_anew_in_the_next_step():
    env = DotVectorEnv("two-rooms-v1", 3, max_steps=4)
    _, info = env.reset(seed=0)
    env._tasks.steps[1] = 2  # one world is ahead of the others
    still = np.zeros((3, 2), np.float32)
    history, positions = [], [info["position"]]
    for _ in range(6):
        _, reward, terminated, truncated, info = env.step(still)
        history.append(truncated.tolist())
        positions.append(info["position"])
        assert not terminated.any()
        assert reward.shape == (3,)
    #             step 2: world 1 ends; step 3: it starts anew, without ending; step 4: the others end
    assert history == [
        [False, False, False],
        [False, True, False],
        [False, False, False],
        [True, False, True],
        [False, False, False],
        [False, False, False],
    ]
    changed = [(a != b).any(axis=1).tolist() for a, b in itertools.pairwise(positions)]
    assert changed[2] == [False, True, False]
    assert changed[4] == [True, False, True]
    assert not any(changed[step][world] for step in (0, 1, 3, 5) for world in range(3))


@pytest.mark.parametrize("terminate", [True, False])
def test_the_vector_form_ends_at_the_goal_only_if_asked(terminate):
    env = DotVectorEnv("two-rooms-v1", 4, terminate_at_goal=terminate)
    env.reset(seed=0)
    at_goal, ended = np.zeros(4, bool), np.zeros(4, bool)
    for _ in range(60):
        action = env._tasks.world.expert(env._tasks.state, env._tasks.goal).numpy()
        _, reward, terminated, _, _ = env.step(action)
        at_goal |= reward == 1
        ended |= terminated
    assert at_goal.all()
    assert (ended == terminate).all()


def test_equal_seeds_give_equal_worlds():
    one, two, other = (DotVectorEnv("two-rooms-v1", 3, wall="random").reset(seed=seed)[0] for seed in (7, 7, 8))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_rendering_is_opt_in():
    env = DotEnv("two-rooms-v1", render_mode="rgb_array")
    seen, _ = env.reset(seed=0)
    assert np.array_equal(env.render(), seen)
    silent = DotVectorEnv("two-rooms-v1", 2)
    silent.reset(seed=0)
    assert silent.render() is None


def test_bad_options_are_refused_at_once():
    with pytest.raises(UnknownName):
        DotEnv("two-rooms-v1", split="validation")
    with pytest.raises(BadInput, match="max_steps=0"):
        DotVectorEnv("two-rooms-v1", 2, max_steps=0)
    with pytest.raises(BadInput, match="list"):
        DotVectorEnv("two-rooms-v1", 2).reset(seed=[1, 2])


@pytest.mark.parametrize("id", ["gedanken/four-rooms-v1", "gedanken/maze-v1"])
def test_the_long_worlds_have_the_same_forms(id):
    check_env(gymnasium.make(id, split="train").unwrapped)
    env = gymnasium.make_vec(id, num_envs=3, max_steps=3)
    seen, info = env.reset(seed=0)
    assert seen.shape == (3, 64, 64, 3)
    assert (info["distance"] > 20).all()
