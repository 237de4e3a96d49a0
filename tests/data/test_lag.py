"""Action lag: declared, and found in worlds whose lag is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gedanken.data import WindowSampler
from gedanken.data.lag import estimated_lag, lagged
from gedanken.errors import BadInput
from gedanken.types import ActionSpec, Episode, StreamSpec

ANY = ActionSpec(1, (-99.0,), (99.0,))


def numbered(length: int, **more) -> Episode:
    """Frame t holds t, and so does action t."""
    rows = np.arange(length, dtype=np.float32)[:, None]
    return Episode({"t": rows}, rows[:-1], {"t": StreamSpec((1,), "float32")}, ANY, **more)


@pytest.mark.parametrize("lag", [-2, -1, 0, 1, 3])
def test_a_frame_is_paired_with_the_action_so_many_frames_earlier(lag):
    moved = lagged(numbered(10, times=np.arange(10.0)), lag)
    assert len(moved) == 10 - abs(lag)
    assert (moved.streams["t"][:-1] - moved.actions == lag).all()
    assert moved.times is not None
    assert (moved.times == moved.streams["t"][:, 0]).all()


@pytest.mark.parametrize("lag", [-2, -1, 0, 1, 3])
def test_no_window_pairs_across_a_reset(lag):
    moved = lagged(numbered(30, resets=(12, 14)), lag)
    windows = WindowSampler([moved], 2)
    every = windows.take(torch.arange(len(windows)))
    frames, actions = every.observations["t"][:, :, 0], every.actions[:, 0, 0]
    stretch = np.searchsorted([12, 14], [frames[:, 0].numpy(), frames[:, 1].numpy(), actions.numpy()], side="right")
    assert (stretch == stretch[0]).all()
    # A stretch of n frames has n − 1 steps, of which the lag takes some; before a reset an action more is stored.
    taken = max(lag, -lag - 1)
    assert len(windows) == max(0, 11 - taken) + max(0, 1 - taken) + 15 - abs(lag)


def test_a_lag_longer_than_the_episode_is_refused():
    with pytest.raises(BadInput, match="5 are needed"):
        lagged(numbered(4), 3)


def sensors(lag: int, seed: int, smooth: bool = False, length: int = 800) -> Episode:
    """A damped oscillator that answers to its force so many frames late, and a second sensor of noise."""
    generator = np.random.default_rng(seed)
    force = generator.normal(size=length + 20)
    if smooth:
        force = np.convolve(force, np.ones(9) / 3, mode="same")
    state, rows = np.zeros(2), []
    for now in range(length):
        rows.append([*state, generator.normal()])
        pull = force[now + 10 - lag]
        state = state + 0.2 * np.array([state[1], pull - state[0] - 0.3 * state[1]])
    streams = np.array(rows, np.float32) + generator.normal(size=(length, 3)).astype(np.float32) * 0.002
    actions = force[10 : 10 + length - 1].astype(np.float32)[:, None]
    return Episode({"s": streams}, actions, {"s": StreamSpec((3,), "float32")}, ANY)


@pytest.mark.parametrize("smooth", [False, True], ids=["white", "smooth"])
@pytest.mark.parametrize("lag", [-1, 0, 1, 4])
def test_the_lag_of_sensors_is_found(lag, smooth):
    found = estimated_lag(sensors(lag, seed=1, smooth=smooth))
    assert found.frames == lag
    assert found.sure
    assert (found.stream, found.component) == ("s", 1)
    assert found.correlations[lag + 2] == found.correlation
    assert abs(found.correlation) == max(map(abs, found.correlations))


def test_lag_declared_as_found_leaves_none():
    episode = sensors(3, seed=2)
    assert estimated_lag(lagged(episode, estimated_lag(episode).frames)).frames == 0


@pytest.mark.parametrize("seed", range(5))
def test_commands_that_do_nothing_have_no_sure_lag(seed):
    episode = sensors(0, seed)
    others = np.random.default_rng(seed + 100).normal(size=episode.actions.shape).astype(np.float32)
    found = estimated_lag(replace(episode, actions=others))
    assert found.chance > 0.05
    assert not found.sure


def test_a_lag_is_sure_only_where_redraws_and_chance_both_say_so():
    found = estimated_lag(sensors(1, seed=1))
    assert found.sure
    assert found.chance == 0
    assert not replace(found, chance=0.05).sure
    assert not replace(found, between=(0, 2)).sure


def test_the_lag_of_images_is_found_by_how_far_they_move():
    generator = np.random.default_rng(0)
    scene = generator.integers(0, 255, (40, 400, 1), dtype=np.uint8).repeat(3, axis=2)
    speed = generator.integers(-3, 4, 300)
    place = 200 + np.clip(np.cumsum(speed), -150, 150)
    frames = np.stack([scene[:, at : at + 40] for at in place])
    commands = np.diff(place, append=place[-1])
    commands = np.roll(commands, -2).astype(np.float32)  # given two frames before it shows
    episode = Episode({"pixels": frames}, commands[:-1, None], {"pixels": StreamSpec((40, 40, 3), "uint8")}, ANY)
    found = estimated_lag(episode)
    assert (found.frames, found.stream, found.component) == (2, "pixels", 0)
    assert found.sure
    assert found.correlation < -0.9  # the camera goes right, the picture left


def test_what_gives_no_lag_is_told_in_a_sentence():
    still = numbered(200)
    with pytest.raises(BadInput, match="no action changes"):
        estimated_lag(replace(still, actions=np.zeros_like(still.actions)))
    with pytest.raises(BadInput, match="not 50 moments"):
        estimated_lag(numbered(20))
    with pytest.raises(BadInput, match="least=3"):
        estimated_lag(still, least=3, most=2)
