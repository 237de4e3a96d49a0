import json
from dataclasses import replace

import pytest
import torch

from gedanken.data import EpisodeList, fit_statistics, split_episodes
from gedanken.errors import BadInput, BadRunFolder
from gedanken.recipes import Fitted, fit
from gedanken.recipes.fit import _split
from gedanken.training import RunFolder
from gedanken.training.loop import Progress, step_generator
from gedanken.types import Context
from moving_dot import DotWindows, dot_episodes, dot_recipe, drawn


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Fitted, RunFolder, list[Progress]]:
    run, seen = RunFolder(tmp_path_factory.mktemp("run")), []
    return fit(EpisodeList(dot_episodes(60)), dot_recipe(), run, seen.append), run, seen


@pytest.fixture
def fitted(trained) -> Fitted:
    return trained[0]


def test_episodes_become_a_model_that_predicts_better_than_copying(fitted):
    """On walks it never saw, one, two and three steps ahead; about half of copying's error after so short a training."""
    windows = DotWindows(4).sample(256, step_generator(99, 0))
    with torch.no_grad():
        latents = fitted.model.encode(windows.observations)
        start = Context(latents[:, :1], torch.zeros(256, 0, 2))
        predicted = fitted.model.rollout(start, windows.actions[:, None]).latents[:, 0]
    error = (predicted - latents[:, 1:]).square().mean(dim=(0, 2, 3))
    copied = (latents[:, :1] - latents[:, 1:]).square().mean(dim=(0, 2, 3))
    assert (error < 0.7 * copied).all()


def test_latents_know_where_the_dot_is(fitted):
    """A linear map from latents finds the place within a pixel or so; the dot is drawn up to 13 pixels apart."""
    places = 1 + 13 * torch.rand(400, 2)
    with torch.no_grad():
        latents = fitted.model.encode({"pixels": drawn(places)[:, None]})[:, 0, 0]
    inputs = torch.cat([latents, torch.ones(400, 1)], dim=1)
    solution = torch.linalg.lstsq(inputs[:200], places[:200]).solution
    assert (inputs[200:] @ solution - places[200:]).abs().mean() < 1.5


def test_the_run_is_written_and_told(trained):
    fitted, run, seen = trained
    assert fitted.trained.steps == 120
    assert fitted.trained.warnings == ()
    assert run.checkpoint.exists()
    assert len(run.read_metrics()) == len(seen)
    assert not fitted.model.training
    assert json.dumps(run.read_metrics())


def test_one_step_of_change_is_calibrated_on_the_training_windows(fitted):
    with torch.no_grad():
        latents = fitted.model.encode(fitted.training.sample(256, step_generator(0, -1)).observations)
    change = latents.diff(dim=1).square().mean(dim=(-2, -1)).median()
    torch.testing.assert_close(fitted.model.step_change, change)
    assert change > 0.01


def test_statistics_come_from_the_training_episodes_alone():
    """Held-out episodes are much brighter and pushed one way, so a single one of them would show."""
    episodes = dot_episodes(40)
    keep, hold = split_episodes(40, 0, (0.95, 0.05))
    for number in hold:
        episodes[number].streams["pixels"][:] = 255
        episodes[number].actions[:] = 2.0
    fitted = fit(EpisodeList(episodes), dot_recipe(steps=1, batch=2))
    expected = fit_statistics([episodes[number] for number in keep])
    held = {name.rpartition(".")[2]: value for name, value in fitted.model.state_dict().items()}
    for name, value in expected.items():
        assert torch.equal(held[name], value)
    everything = fit_statistics(episodes)
    assert all(not torch.allclose(everything[name], value, rtol=0.01) for name, value in expected.items())


def test_training_and_held_out_windows_share_no_episode():
    episodes = dot_episodes(40)
    for number, each in enumerate(episodes):
        each.streams["pixels"][:, 0, 0] = number
    fitted = fit(EpisodeList(episodes), dot_recipe(steps=1, batch=2))

    def numbers(windows) -> set[int]:
        return set(windows.take(torch.arange(len(windows))).observations["pixels"][:, :, 0, 0].unique().tolist())

    training, held_out = numbers(fitted.training), numbers(fitted.held_out)
    assert len(training) == 38
    assert len(held_out) == 2
    assert not training & held_out


def test_a_split_can_be_given():
    fitted = fit(dot_episodes(3), dot_recipe(steps=1, batch=2), split=((2, 0), (1,)))
    assert len(fitted.training) == 2 * len(fitted.held_out)


def test_the_seed_decides_all_and_another_seed_decides_otherwise():
    def weights(seed: int) -> list[torch.Tensor]:
        model = fit(dot_episodes(20), dot_recipe(steps=3, batch=4, seed=seed)).model
        return list(model.state_dict().values())

    assert all(torch.equal(one, other) for one, other in zip(weights(0), weights(0), strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(weights(0), weights(1), strict=True))


@pytest.mark.parametrize(("count", "steps", "words"), [(1, 16, "record more"), (40, 2, "no episode is long enough")])
def test_too_little_data_is_refused(count, steps, words):
    with pytest.raises(BadInput, match=words):
        fit(dot_episodes(count, steps), dot_recipe(steps=1))


def test_a_run_folder_is_refused_for_other_recordings_or_another_recipe(trained):
    _, run, _ = trained
    with pytest.raises(BadRunFolder, match="another configuration or other data"):
        fit(EpisodeList(dot_episodes(40)), dot_recipe(), run)
    other = dot_recipe()
    other = replace(other, objective=replace(other.objective, temporal_similarity=99.0))
    with pytest.raises(BadRunFolder, match="another configuration or other data"):
        fit(EpisodeList(dot_episodes(60)), other, run)


def test_what_a_run_cost_outlives_its_process(trained):
    fitted, run, _ = trained
    again = fit(EpisodeList(dot_episodes(60)), dot_recipe(), run)
    assert again.trained.core_seconds >= 0.9 * fitted.trained.core_seconds


@pytest.mark.parametrize("count", [2, 5, 10])
def test_few_episodes_hold_one_out(count):
    keep, hold = _split(count)
    assert len(hold) == 1
    assert sorted([*keep, *hold]) == list(range(count))


def test_one_episode_says_what_to_do():
    with pytest.raises(BadInput, match="time_blocks"):
        _split(1)
