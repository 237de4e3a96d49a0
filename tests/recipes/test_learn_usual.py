"""What is usual goes into the model file, and comes from recordings that the model never saw."""

from dataclasses import replace

import pytest
import torch

from gedanken.errors import BadInput
from gedanken.evaluation.surprise import watch
from gedanken.recipes import Loaded, UsualConfig, calibrated, fit, load, save
from gedanken.recipes.usual import window_errors
from moving_dot import dot_episodes, dot_recipe

USUAL = UsualConfig(steps=3, whiten=20, windows=60)


def test_a_recipe_with_it_calibrates_on_held_out_recordings_and_the_file_keeps_it(tmp_path):
    recipe = replace(dot_recipe(steps=5), usual=UsualConfig(steps=3, whiten=2, windows=3))
    episodes = dot_episodes(20)
    model = fit(episodes, recipe).model
    assert model.usual is not None
    # One of twenty episodes is held out: 16 steps, of which 3 make a window.
    assert model.usual.scores.shape == (3,)
    assert (model.usual.scores.diff() >= 0).all()
    assert model.usual.scores[-1] > 0
    save(tmp_path / "model.safetensors", model, recipe, episodes[0].specs)
    again = load(tmp_path / "model.safetensors").model
    assert again.usual is not None
    seen = dot_episodes(1, seed=5)[0]
    assert watch(again, seen, 0.5).as_dict() == watch(model, seen, 0.5).as_dict()


def test_others_may_be_given_and_too_few_are_refused():
    recipe = replace(dot_recipe(steps=2), usual=USUAL)
    model = fit(dot_episodes(20), recipe, usual=dot_episodes(16, seed=3)).model
    assert model.usual is not None
    assert model.usual.variance.shape == (3, 1, recipe.encoder.latent)
    with pytest.raises(BadInput, match="hold 5 windows of 3"):
        fit(dot_episodes(20), recipe)


def test_windows_do_not_overlap_and_errors_are_the_models_own():
    model = fit(dot_episodes(20), dot_recipe(steps=2)).model
    episode = dot_episodes(1, seed=4)[0]
    found = torch.stack(list(window_errors(model, [episode], 5)))
    assert len(found) == 3
    pixels = torch.from_numpy(episode.streams["pixels"][5:11])[None]
    again = model.errors(model.encode({"pixels": pixels}), torch.from_numpy(episode.actions[5:10])[None])
    torch.testing.assert_close(found[1], again[0].detach())


def test_any_model_can_be_told_later():
    recipe, episodes = dot_recipe(steps=2), dot_episodes(20)
    loaded = Loaded(fit(episodes, recipe).model, recipe, episodes[0].specs, {})
    told = calibrated(loaded, dot_episodes(30, seed=6))
    assert told.recipe.usual == UsualConfig(steps=recipe.window - 1, whiten=50, windows=100)
    assert told.model.usual is not None
    with pytest.raises(BadInput, match="hold 0 windows"):
        calibrated(loaded, dot_episodes(30, steps=2))


def test_bad_settings_are_refused():
    with pytest.raises(BadInput, match="windows=0"):
        UsualConfig(windows=0)
