import numpy as np
import pytest
import torch

from gedanken.data import EpisodeList, fit_statistics
from gedanken.data.normalise import ACTION_FLOOR
from gedanken.errors import BadInput, UnknownName
from gedanken.types import ActionSpec, Episode, StreamSpec

SPECS = {"pixels": StreamSpec((6, 5, 3), "uint8")}
ACTION = ActionSpec(2, (-2.0, -1.0), (2.0, 1.0))


def episode(length: int, seed: int, level: int = 0, resets: tuple[int, ...] = ()) -> Episode:
    random_numbers = np.random.default_rng(seed)
    pixels = random_numbers.integers(level, level + 50, (length, 6, 5, 3), dtype=np.uint8)
    pixels[..., 2] = 255
    actions = random_numbers.uniform(-1, 1, (length - 1, 2)).astype(np.float32) + level
    actions[:, 1] = 0.5
    return Episode({"pixels": pixels}, actions, SPECS, ACTION, resets=resets)


def test_statistics_are_those_of_the_pixels_and_actions_and_repeat_over_the_block():
    episodes = EpisodeList([episode(40, 0), episode(60, 1, level=100)])
    found = fit_statistics(episodes, frame_skip=3)
    pixels = np.concatenate([each.streams["pixels"] for each in episodes]).astype(np.float64)
    actions = np.concatenate([each.actions for each in episodes]).astype(np.float64)
    assert set(found) == {"pixel_mean", "pixel_std", "action_mean", "action_std"}
    assert all(value.dtype == torch.float32 for value in found.values())
    expected_std = pixels.std(axis=(0, 1, 2))
    torch.testing.assert_close(found["pixel_mean"].double(), torch.from_numpy(pixels.mean(axis=(0, 1, 2))))
    torch.testing.assert_close(found["pixel_std"][:2].double(), torch.from_numpy(expected_std[:2]))
    torch.testing.assert_close(found["action_mean"].double(), torch.from_numpy(np.tile(actions.mean(axis=0), 3)))
    torch.testing.assert_close(found["action_std"][::2].double(), torch.full((3,), actions[:, 0].std()).double())


def test_what_never_changes_does_not_explode():
    found = fit_statistics([episode(40, 0)])
    assert found["pixel_mean"][2] == 255
    assert found["pixel_std"][2] == 1.0
    assert found["action_std"][1] == pytest.approx(ACTION_FLOOR * 2.0)
    unbounded = ActionSpec(2, (-np.inf, -np.inf), (np.inf, np.inf))
    still = Episode(episode(40, 0).streams, np.zeros((39, 2), np.float32), SPECS, unbounded)
    assert fit_statistics([still])["action_std"].tolist() == pytest.approx([ACTION_FLOOR] * 2)


def test_only_the_training_episodes_count():
    training, held_out = episode(40, 0), episode(40, 1, level=150)
    found = fit_statistics([held_out, training, held_out], 2, episodes=[1])
    alone = fit_statistics([training], 2)
    assert all(torch.equal(found[name], alone[name]) for name in alone)
    assert found["pixel_mean"][0] < 60
    assert found["action_mean"][0] < 1


def test_an_action_into_a_reset_does_not_count():
    teleported = episode(10, 0, resets=(6,))
    teleported.actions[5] = 1e6
    assert fit_statistics([teleported])["action_mean"].max() < 1


def test_a_sample_of_frames_is_fixed_by_its_seed_and_drawn_from_everywhere():
    episodes = [episode(50, number, level=20 * number) for number in range(10)]
    full = fit_statistics(episodes)["pixel_mean"][0]
    some = [fit_statistics(episodes, frames=100, seed=seed)["pixel_mean"][0] for seed in (0, 0, 1)]
    assert some[0] == some[1]
    assert some[0] != some[2]
    assert all(abs(value - full) < 25 for value in some)


def test_other_pixels_and_empty_data_are_refused():
    still = Episode({"pixels": np.zeros((1, 6, 5, 3), np.uint8)}, np.zeros((0, 2), np.float32), SPECS, ACTION)
    with pytest.raises(BadInput, match="not one action"):
        fit_statistics([still])
    specs = {"pixels": StreamSpec((3,), "float32")}
    with pytest.raises(BadInput, match="expected uint8"):
        fit_statistics([Episode({"pixels": np.zeros((2, 3), np.float32)}, np.zeros((1, 2), np.float32), specs, ACTION)])
    sensors = {"tank": StreamSpec((3,), "float32")}
    with pytest.raises(UnknownName, match="pixels"):
        fit_statistics([Episode({"tank": np.zeros((2, 3), np.float32)}, np.zeros((1, 2), np.float32), sensors, ACTION)])
    for wrong in ({"frame_skip": 0}, {"frames": 0}):
        with pytest.raises(BadInput, match="at least 1"):
            fit_statistics([episode(5, 0)], **wrong)
