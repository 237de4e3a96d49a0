"""Every recorded action leaves the frame it is paired with, whatever ends an episode."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from gedanken.environments.dot_gym import DotEnv
from gedanken.environments.recorder import Recorder
from gedanken.errors import BadInput, StorageError


class Counter(gymnasium.Env):
    """Shows (episode, step) in one reused frame; ends by termination, truncation or an error as told."""

    observation_space = spaces.Box(0, 255, (2, 2, 3), np.uint8)
    action_space = spaces.Box(-100, 100, (1,), np.float32)

    def __init__(self, terminate_at=None, truncate_at=None, fail_at=None):
        self.ends = terminate_at, truncate_at, fail_at
        self.frame = np.zeros((2, 2, 3), np.uint8)
        self.episode, self.count, self.closed = 0, 0, False

    def _show(self):
        self.frame[..., 0], self.frame[..., 1] = self.episode, self.count
        return self.frame

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.count = self.episode + 1, 0
        return self._show(), {}

    def step(self, action):
        self.count += 1
        if self.count == self.ends[2]:
            raise RuntimeError("the motor is hot")
        action[:] = 99  # not nice, but it happens
        return self._show(), 0.0, self.count == self.ends[0], self.count == self.ends[1], {}

    def close(self):
        self.closed = True


class ListStore(list):
    """An `EpisodeStore` in memory; `append` fails while `is_full`."""

    is_full = False

    def append(self, episode):
        if self.is_full:
            raise StorageError("the disk is full")
        super().append(episode)


def act(env, step):
    return env.step(np.array([step], np.float32))


def check_pairing(episode, number, steps):
    frames = episode.streams["pixels"]
    assert frames[:, 0, 0, 0].tolist() == [number] * (steps + 1)
    assert frames[:, 0, 0, 1].tolist() == list(range(steps + 1))
    assert episode.actions[:, 0].tolist() == list(range(steps))


@pytest.mark.parametrize("ends", [{"terminate_at": 5}, {"truncate_at": 5}])
def test_an_episode_is_stored_when_it_ends(ends):
    store = ListStore()
    env = Recorder(Counter(**ends), store)
    for number in (1, 2):
        env.reset()
        for step in range(5):
            assert len(store) == number - 1
            act(env, step)
        assert len(store) == number
    env.close()
    assert len(store) == 2
    check_pairing(store[0], 1, 5)
    check_pairing(store[1], 2, 5)
    assert store[0].provenance.source == "Counter"


def test_an_early_reset_and_close_store_what_there_is():
    store = ListStore()
    env = Recorder(Counter(), store)
    env.reset()
    env.reset()  # nothing was done: nothing is stored
    for step in range(3):
        act(env, step)
    env.reset()
    act(env, 0)
    env.close()
    assert env.unwrapped.closed
    assert len(store) == 2
    check_pairing(store[0], 2, 3)
    check_pairing(store[1], 3, 1)


def test_stepping_without_a_reset_is_refused():
    env = Recorder(Counter(terminate_at=1), ListStore())
    with pytest.raises(BadInput, match="reset"):
        act(env, 0)
    env.reset()
    act(env, 0)
    with pytest.raises(BadInput, match="around Recorder"):
        act(env, 1)


def test_after_a_failed_step_nothing_is_paired_wrong():
    store = ListStore()
    env = Recorder(Counter(fail_at=3), store)
    env.reset()
    act(env, 0)
    act(env, 1)
    with pytest.raises(RuntimeError, match="hot"):
        act(env, 2)
    with pytest.raises(BadInput):
        act(env, 3)
    env.close()
    check_pairing(store[0], 1, 2)


def test_frames_survive_a_store_that_refuses_them():
    store = ListStore()
    env = Recorder(Counter(terminate_at=2), store)
    env.reset()
    act(env, 0)
    store.is_full = True
    with pytest.raises(StorageError):
        act(env, 1)
    with pytest.raises(StorageError):
        env.reset()
    store.is_full = False
    env.reset()
    check_pairing(store[0], 1, 2)


def test_an_automatic_reset_around_the_recorder_keeps_episodes_apart():
    store = ListStore()
    env = gymnasium.wrappers.Autoreset(Recorder(Counter(terminate_at=3), store))
    env.reset()
    step = 0
    for _ in range(8):
        ended = act(env, step)[2]
        step = -1 if ended else step + 1
    assert len(store) == 2
    check_pairing(store[0], 1, 3)
    check_pairing(store[1], 2, 3)


def test_a_recording_of_two_rooms_replays_to_the_same_pixels():
    store = ListStore()
    env = Recorder(DotEnv("two-rooms-v1", wall="random", max_steps=10), store)
    env.reset(seed=5)
    env.action_space.seed(5)
    for _ in range(10):
        env.step(env.action_space.sample())
    episode = store[0]
    replay = DotEnv("two-rooms-v1", wall="random")
    frames = [replay.reset(seed=5)[0]] + [replay.step(action)[0] for action in episode.actions]
    assert np.array_equal(episode.streams["pixels"], np.stack(frames))
    assert episode.action.width == 2
