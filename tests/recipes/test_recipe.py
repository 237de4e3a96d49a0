import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from gedanken.agent import AgentConfig
from gedanken.errors import BadInput
from gedanken.planners import MPPIConfig
from gedanken.recipes import Recipe, build, for_episodes, two_rooms_demo
from moving_dot import ACTION, dot_episodes, dot_recipe


def unusual() -> Recipe:
    agent = AgentConfig(horizon=5, warm=MPPIConfig(candidates=64, rho=(0.1, 0.2, 0.3)), past=2, spread=0.4)
    return replace(dot_recipe(seed=7, on_collapse="stop"), agent=agent)


@pytest.mark.parametrize("recipe", [Recipe(name="plain"), unusual(), two_rooms_demo(3).recipe])
def test_a_recipe_comes_back_from_json_as_it_was(recipe):
    again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
    assert again == recipe
    assert again != replace(recipe, name="other")


def without(values: dict, *path: str) -> dict:
    values = deepcopy(values)
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return values


def changed(values: dict, value: object, *path: str) -> dict:
    values = deepcopy(values)
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return values


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("learning_rat",), "Recipe has no field 'learning_rat'"),
        (("encoder", "depth"), "ConvEncoderConfig has no field 'depth'; it has channels, latent"),
        (("train", "learning_rat"), "TrainConfig has no field"),
        (("agent", "warm", "elites"), "MPPIConfig has no field"),
    ],
)
def test_an_unknown_field_is_refused_with_those_there_are(path, words):
    with pytest.raises(BadInput, match=words):
        Recipe.from_dict(changed(Recipe(name="plain").as_dict(), 1, *path))


@pytest.mark.parametrize("path", [("name",), ("encoder",), ("train",), ("agent",), ("agent", "cold")])
def test_a_missing_part_is_refused(path):
    with pytest.raises(BadInput, match="not a recipe's configuration"):
        Recipe.from_dict(without(Recipe(name="plain").as_dict(), *path))


def leaves(values: dict, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [
        leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)] for key, value in values.items()
    ]
    return [path for each in found for path in each]


PLAIN = json.loads(json.dumps(Recipe(name="plain").as_dict()))


@pytest.mark.parametrize("path", leaves(PLAIN), ids=".".join)
def test_no_field_takes_a_value_of_another_kind(path):
    expected = PLAIN
    for key in path:
        expected = expected[key]
    wrong = [None, True, {}, [], [1, "a", None], 10**30]
    wrong += [] if isinstance(expected, str) and path[-1] in ("name", "device") else ["text"]
    wrong += [1.5] if not isinstance(expected, float) else ["1.5"]
    for value in wrong:
        with pytest.raises(BadInput) as refused:
            Recipe.from_dict(changed(PLAIN, value, *path))
        assert "TypeCheckError" not in str(refused.value)  # the type checks that only the tests have


def test_a_whole_number_is_a_number():
    assert Recipe.from_dict(changed(PLAIN, 8, "objective", "covariance")).objective.covariance == 8


@pytest.mark.parametrize(
    ("settings", "words"), [({"window": 8}, "make it at least 9"), ({"frame_skip": 0}, "at least 1 environment step")]
)
def test_a_recipe_that_cannot_train_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        Recipe(name="plain", **settings)


def test_the_same_seed_builds_the_same_model_of_the_recipes_shape():
    recipe = replace(dot_recipe(), frame_skip=3)

    def weights():
        torch.manual_seed(5)
        return build(recipe, ACTION).state_dict()

    one, other = weights(), weights()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["action_mean"].shape == (6,)
    assert one["predictor.from_action.weight"].shape == (32, 6)
    assert one["encoder.project.weight"].shape[0] == 8


def test_a_recipe_for_own_episodes_fits_their_frames_and_rate():
    recipe = for_episodes(dot_episodes(1))
    assert recipe.encoder.size == (16, 16)
    assert recipe.encoder.channels == 1
    assert recipe.frame_skip == 4  # 0.4 s at 10 Hz
    with pytest.raises(BadInput, match="no episodes"):
        for_episodes([])
