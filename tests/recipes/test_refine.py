from dataclasses import replace

import pytest
import torch
from torch import Generator

from gedanken.data import EpisodeList
from gedanken.data.kept import KeptLatents
from gedanken.errors import BadInput, BadRunFolder
from gedanken.recipes import Recipe, fit, two_rooms_demo
from gedanken.recipes.keep import keep
from gedanken.recipes.refine import RefineConfig, refine
from gedanken.training import RunFolder, TrainConfig
from gedanken.types import Context
from moving_dot import DotWindows, dot_episodes, dot_recipe


def refining(steps: int = 60, **train: object) -> RefineConfig:
    settings = {"batch": 32, "learning_rate": 1e-2, "dtype": "float32", "device": "cpu", "log_every": 1, **train}
    return RefineConfig(window=4, ahead=3, train=TrainConfig(steps=steps, **settings))


def kept(model, count: int, seed: int = 5) -> KeptLatents:
    return keep(model, dot_episodes(count, seed=seed), 4)[0]


@pytest.fixture
def model():
    return fit(dot_episodes(60), dot_recipe(steps=60)).model


def error_of(model) -> float:
    windows = DotWindows(4).sample(256, Generator().manual_seed(99))
    with torch.no_grad():
        latents = model.encode(windows.observations)
        start = Context(latents[:, :1], torch.zeros(256, 0, 2))
        predicted = model.rollout(start, windows.actions[:, None]).latents[:, 0]
    return (predicted - latents[:, 1:]).square().mean().item()


def weights_of(module) -> list[torch.Tensor]:
    return [value.clone() for value in module.state_dict().values()]


@pytest.mark.parametrize("components", [0, 3])
def test_the_predictor_gets_better_and_all_else_stays(model, components):
    before, predictor, rest = error_of(model), weights_of(model.predictor), weights_of(model.encoder)
    statistics = [model.action_mean.clone(), model.action_std.clone(), model.step_change.clone()]
    refine(model, kept(model, 200), replace(refining(200), components=components))
    assert error_of(model) < 0.7 * before
    assert not all(map(torch.equal, predictor, weights_of(model.predictor)))
    assert all(map(torch.equal, rest, weights_of(model.encoder)))
    assert all(map(torch.equal, statistics, [model.action_mean, model.action_std, model.step_change]))
    assert not model.training


def test_frames_are_taken_on_the_models_clock_between_resets():
    episode = dot_episodes(1, steps=21)[0]
    episode = replace(episode, resets=(10,))
    recipe = replace(dot_recipe(steps=1, batch=2), frame_skip=2, window=4)
    model = fit(dot_episodes(10), recipe).model
    seen = {}

    class Watched(KeptLatents):
        def __init__(self, latents, actions, length):
            seen["latents"], seen["actions"] = latents, actions
            super().__init__(latents, actions, length)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gedanken.recipes.keep.KeptLatents", Watched)
        keep(model, [episode], 4)
    frames = torch.from_numpy(episode.streams["pixels"])
    with torch.no_grad():
        first, second = (model.encode({"pixels": frames[a:b:2, None]})[:, 0] for a, b in ((0, 9), (10, 21)))
    torch.testing.assert_close(seen["latents"][0], first)
    torch.testing.assert_close(seen["latents"][1], second)
    done = torch.from_numpy(episode.actions)
    assert torch.equal(seen["actions"][0], done[:8].reshape(4, 4))
    assert torch.equal(seen["actions"][1], done[10:20].reshape(5, 4))


def test_a_predictor_may_begin_anew(model):
    before, latents = weights_of(model.predictor), kept(model, 50)
    refine(model, latents, replace(refining(1, learning_rate=1e-9), fresh=True))
    after = weights_of(model.predictor)
    assert not any(torch.allclose(one, other) for one, other in zip(before, after, strict=True) if one.dim() > 1)
    refine(model, latents, replace(refining(1, learning_rate=1e-9), fresh=True))
    assert all(torch.allclose(one, other) for one, other in zip(after, weights_of(model.predictor), strict=True))
    refine(model, kept(model, 200), replace(refining(200), fresh=True))
    assert error_of(model) < 0.02


@pytest.mark.parametrize("components", [0, 3])
def test_a_killed_run_ends_in_the_same_weights(model, tmp_path, components):
    start = weights_of(model.predictor)
    config = replace(refining(30, checkpoint_seconds=0.0), components=components)
    refine(model, kept(model, 50), config, RunFolder(tmp_path / "whole"))
    whole = weights_of(model.predictor)

    def back_to_the_start() -> None:
        model.predictor.load_state_dict(dict(zip(model.predictor.state_dict(), start, strict=True)))

    def killed(progress) -> None:
        if progress.step == 17:
            raise KeyboardInterrupt

    back_to_the_start()
    with pytest.raises(KeyboardInterrupt):
        refine(model, kept(model, 50), config, RunFolder(tmp_path / "killed"), killed)
    back_to_the_start()
    refine(model, kept(model, 50), config, RunFolder(tmp_path / "killed"))
    assert all(map(torch.equal, whole, weights_of(model.predictor)))


def test_a_run_is_not_resumed_with_other_episodes(model, tmp_path):
    refine(model, kept(model, 50), refining(3), RunFolder(tmp_path))
    with pytest.raises(BadRunFolder, match="other data"):
        refine(model, kept(model, 50, seed=6), refining(3), RunFolder(tmp_path))


def test_a_recipe_with_it_is_fitted_in_two_parts(tmp_path):
    recipe = replace(dot_recipe(steps=20), refine=refining(30))
    run = RunFolder(tmp_path)
    plain = fit(dot_episodes(60), replace(recipe, refine=None), run)  # what comes after may be decided later
    fitted = fit(dot_episodes(60), recipe, run, fresh=dot_episodes(60, seed=7))
    assert fitted.trained.steps == 50
    assert fitted.trained.core_seconds > plain.trained.core_seconds
    assert all(map(torch.equal, weights_of(fitted.model.encoder), weights_of(plain.model.encoder)))
    assert not all(map(torch.equal, weights_of(fitted.model.predictor), weights_of(plain.model.predictor)))
    again = fit(dot_episodes(60), recipe, run, fresh=dot_episodes(60, seed=7))
    assert all(map(torch.equal, weights_of(fitted.model), weights_of(again.model)))


def test_without_fresh_episodes_the_training_ones_are_used():
    recipe = replace(dot_recipe(steps=5), refine=refining(5))
    fitted = fit(dot_episodes(20), recipe)
    given = fit(dot_episodes(20), recipe, fresh=[dot_episodes(20)[number] for number in range(20)])
    assert fitted.trained.steps == 10
    assert not all(map(torch.equal, weights_of(fitted.model.predictor), weights_of(given.model.predictor)))


def test_a_recipe_with_it_reads_back_from_json():
    recipe = replace(dot_recipe(), refine=refining())
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    old = {name: value for name, value in dot_recipe().as_dict().items() if name != "refine"}
    assert Recipe.from_dict(old).refine is None


@pytest.mark.parametrize("wrong", [{"ahead": 0}, {"window": 6}, {"starts": 0}, {"starts": 2}])
def test_windows_too_short_are_refused(wrong):
    with pytest.raises(BadInput, match="does not hold ahead"):
        RefineConfig(**{"window": 7, "ahead": 6, **wrong})


def test_fewer_components_than_none_are_refused():
    with pytest.raises(BadInput, match="components=-1"):
        RefineConfig(components=-1)


def test_episodes_too_short_are_refused(model):
    with pytest.raises(BadInput, match="longest stretch has 3"):
        keep(model, dot_episodes(5, steps=2), 4)


def test_fresh_episodes_are_drawn_anew_in_the_same_kind_of_world():
    run = replace(two_rooms_demo(3), episodes=4, steps=8, wall="random", fresh=3, fresh_steps=6)
    store = EpisodeList()
    run.record(store)
    drawn = run.draw_fresh()
    assert drawn is not None
    fresh = list(drawn)
    assert [len(each) for each in fresh] == [7, 7, 7]
    assert not any((one.actions[:6] == other.actions[:6]).all() for one in fresh for other in store)
    again, other_seed = run.draw_fresh(), replace(two_rooms_demo(4), wall="random", fresh=3, fresh_steps=6).draw_fresh()
    assert again is not None
    assert other_seed is not None
    assert (next(again).actions == fresh[0].actions).all()
    assert (next(other_seed).actions != fresh[0].actions).any()
    assert two_rooms_demo().draw_fresh() is None


def test_episodes_of_another_kind_are_refused(model):
    episode = dot_episodes(1)[0]
    wide = replace(
        episode, actions=episode.actions[:, :1], action=replace(episode.action, width=1, low=(-2.0,), high=(2.0,))
    )
    with pytest.raises(BadInput, match="actions of width 1; the model was trained on 'pixels' and width 2"):
        keep(model, [episode, wide], 4)
