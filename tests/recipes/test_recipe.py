import json
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from importlib.metadata import EntryPoint
from typing import Literal

import pytest
import torch
from torch import nn

from gedanken.agent import AgentConfig
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.errors import BadInput, UnknownName
from gedanken.models import GRUPredictor, GRUPredictorConfig, ResidualMLP
from gedanken.planners import PLANNERS, GradientConfig, ICEMConfig, MPPIConfig, TreeConfig
from gedanken.recipes import PLDM, PLDMConfig, Recipe, build, parts, two_rooms_demo
from gedanken.recipes.error_head import ErrorHeadConfig
from gedanken.recipes.levels import LevelsConfig
from gedanken.recipes.parts import ENCODERS, OBJECTIVES, PREDICTORS
from gedanken.recipes.reachability import ReachConfig
from gedanken.recipes.recipe import build_objective
from gedanken.recipes.refine import RefineConfig
from gedanken.recipes.usual import UsualConfig
from moving_dot import ACTION, dot_recipe

WRITTEN_BY_0_1 = """{
  "name": "two-rooms-demo", "window": 9, "frame_skip": 4,
  "encoder": {"stem": "patchify", "size": [64, 64], "channels": 3, "width": 16, "latent": 128},
  "predictor": {"hidden": 256, "depth": 2},
  "objective": {"ahead": 8, "prediction": 1.0, "variance": 16.0, "covariance": 8.0, "temporal_similarity": 25.0,
    "inverse_dynamics": 4.0, "time_variance": 0.0},
  "train": {"steps": 600, "batch": 64, "learning_rate": 0.0015, "weight_decay": 1e-05, "warm_up": 0.05, "clip": 2.0,
    "seed": 0, "dtype": "auto", "device": "auto", "log_every": 10, "checkpoint_seconds": 20.0, "on_collapse": "warn"},
  "agent": {"horizon": 16,
    "warm": {"candidates": 128, "rounds": 2, "elite_share": 0.1, "temperature": 0.5, "rho": [0.9, 0.5],
      "fresh_share": 0.1, "fresh_std": 1.5, "fresh_rho": 0.85, "piecewise_share": 0.25, "pieces": 3,
      "piece_reach": [0.3333333333333333, 1.0], "piece_stop": 0.3, "min_std": 0.1, "max_std": 1.2},
    "cold": {"candidates": 256, "rounds": 6, "elite_share": 0.1, "temperature": 0.5, "rho": [0.9, 0.5],
      "fresh_share": 0.1, "fresh_std": 1.5, "fresh_rho": 0.85, "piecewise_share": 0.25, "pieces": 3,
      "piece_reach": [0.3333333333333333, 1.0], "piece_stop": 0.3, "min_std": 0.1, "max_std": 1.2},
    "restless": 3, "spread": 0.67, "past": 1}
}"""
"""From the model file of version 0.1.0, whose parts could not be chosen; it must be read for ever."""


def unusual() -> Recipe:
    agent = AgentConfig(horizon=5, warm=MPPIConfig(candidates=64, rho=(0.1, 0.2, 0.3)), past=2, spread=0.4)
    return replace(dot_recipe(seed=7, on_collapse="stop"), agent=agent)


@pytest.mark.parametrize("recipe", [Recipe(name="plain"), unusual(), two_rooms_demo(3).recipe])
def test_a_recipe_comes_back_from_json_as_it_was(recipe):
    again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
    assert again == recipe
    assert again != replace(recipe, name="other")


def test_what_0_1_wrote_is_read_as_it_was_meant():
    recipe = Recipe.from_dict(json.loads(WRITTEN_BY_0_1))
    written = json.loads(WRITTEN_BY_0_1)
    again = json.loads(json.dumps(recipe.as_dict()))
    for path in leaves(written):
        assert at(again, path) == at(written, path), path
    now = replace(two_rooms_demo(0).recipe, agent=AgentConfig())  # trained and searched otherwise since then
    train = replace(now.train, learning_rate=1.5e-3, beta2=0.999)
    assert recipe == replace(now, objective=replace(now.objective, starts=0), train=train)
    assert isinstance(recipe.agent.warm, MPPIConfig)
    model = build(recipe, ACTION)
    assert isinstance(model.encoder, ConvEncoder)
    assert isinstance(model.predictor, ResidualMLP)


@pytest.mark.parametrize("name", PLANNERS)
def test_each_planner_comes_back_from_json(name):
    search = PLANNERS[name].config(candidates=99)
    recipe = replace(dot_recipe(), agent=AgentConfig(warm=search, cold=PLANNERS["icem"].config(rounds=3)))
    again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
    assert again.agent.warm == search
    assert again.agent.cold == ICEMConfig(rounds=3)


@pytest.mark.parametrize("role", [ENCODERS, PREDICTORS, OBJECTIVES], ids=lambda role: role.name)
def test_each_part_comes_back_from_json_and_is_built(role):
    for kind, part in role.ours.items():
        config = part.config()
        assert getattr(config, "kind", role.usual) == kind
        recipe = Recipe(name="plain", **{role.name: config})
        again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
        assert type(getattr(again, role.name)) is part.config
        assert again == recipe
        built = {"encoder": build(again, ACTION).encoder, "predictor": build(again, ACTION).predictor}
        assert (built | {"objective": build_objective(again, ACTION)})[role.name].config == config


def test_a_predictor_is_built_for_its_encoder_and_the_block_of_actions():
    predictor = GRUPredictorConfig(hidden=5)
    model = build(replace(dot_recipe(), predictor=predictor, frame_skip=3), ACTION)
    assert isinstance(model.predictor, GRUPredictor)
    assert model.predictor.from_latent.weight.shape == (15, 8)
    assert model.predictor.from_action.weight.shape == (15, 6)


def test_the_objective_is_built_for_the_latent_and_the_actions():
    objective = build_objective(replace(dot_recipe(), frame_skip=3), ACTION)
    assert isinstance(objective, PLDM)
    same = PLDM(PLDMConfig(), 8, 2, 3)
    assert [each.shape for each in objective.parameters()] == [each.shape for each in same.parameters()]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("encoder",), "no encoder 'nothing'; there are conv, fusion, grid, keypoints, patches, sensors, vit"),
        (
            ("predictor",),
            "no predictor 'nothing'; there are causal_transformer, conv_gru, gru, recalling, residual_mlp, state_space",
        ),
        (("objective",), "no objective 'nothing'; there are .*pldm"),
        (("agent", "cold"), "no planner 'nothing'; there are cem, gradient, icem, mppi, random-shooting"),
    ],
)
def test_an_unknown_kind_lists_those_there_are(path, words):
    with pytest.raises(UnknownName, match=words):
        Recipe.from_dict(changed(PLAIN, "nothing", *path, "kind"))
    for wrong in (None, 3, ["mppi"], {}, "x" * 10_000):
        with pytest.raises(BadInput, match="which is no name") as refused:
            Recipe.from_dict(changed(PLAIN, wrong, *path, "kind"))
        assert len(str(refused.value)) < 200


def test_the_fields_of_one_kind_are_refused_for_another():
    with pytest.raises(BadInput, match="CEMConfig has no field 'elite_share'"):
        Recipe.from_dict(changed(PLAIN, "cem", "agent", "warm", "kind"))
    with pytest.raises(BadInput, match="ViTEncoderConfig has no field 'stem'"):
        Recipe.from_dict(changed(PLAIN, "vit", "encoder", "kind"))
    search = {"kind": "gradient", **asdict(GradientConfig()), "restarts": 1.5}
    with pytest.raises(BadInput, match=r"GradientConfig\.restarts is '1\.5'"):
        Recipe.from_dict(changed(PLAIN, search, "agent", "warm"))


@dataclass(frozen=True, kw_only=True)
class MeanColourConfig:
    kind: Literal["mean-colour", "conv"] = "mean-colour"
    latent: int = 4


class MeanColour(nn.Module):
    """An encoder of another package: the mean colour of a frame, as a latent of any width."""

    def __init__(self, config: MeanColourConfig) -> None:
        super().__init__()
        self.latent = config.latent

    def encode(self, observation):
        return observation["pixels"].float().mean(dim=(2, 3, 4))[:, :, None, None].expand(-1, -1, 1, self.latent)


theirs = (MeanColourConfig, MeanColour)


def test_others_parts_are_found_by_entry_point_and_do_not_replace_ours(monkeypatch):
    def installed(group):
        assert group == "gedanken.encoders"
        return [EntryPoint(name, f"{__name__}:theirs", group) for name in ("mean-colour", "conv")]

    monkeypatch.setattr(parts, "entry_points", installed)
    recipe = replace(dot_recipe(), encoder=MeanColourConfig(latent=3))
    again = Recipe.from_dict(json.loads(json.dumps(recipe.as_dict())))
    assert again == recipe
    assert isinstance(build(again, ACTION).encoder, MeanColour)
    assert build(again, ACTION).predictor.norm.weight.shape == (3,)
    assert isinstance(build(dot_recipe(), ACTION).encoder, ConvEncoder)
    with pytest.raises(
        BadInput, match="a MeanColourConfig is no configuration of the encoder 'conv', which takes a Conv"
    ):
        build(replace(recipe, encoder=MeanColourConfig(kind="conv")), ACTION)
    assert type(Recipe.from_dict(PLAIN).encoder) is ConvEncoderConfig


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
        (("encoder", "depth"), "ConvEncoderConfig has no field 'depth'; it has channels, head"),
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


def at(values: dict, path: tuple[str, ...]) -> object:
    for key in path:
        values = values[key]
    return values


WHOLE = Recipe(
    name="plain",
    refine=RefineConfig(),
    error_head=ErrorHeadConfig(),
    reach=ReachConfig(),
    levels=LevelsConfig(),
    usual=UsualConfig(),
    agent=AgentConfig(tree=TreeConfig()),
)
PLAIN = json.loads(json.dumps(WHOLE.as_dict()))


@pytest.mark.parametrize("path", leaves(PLAIN), ids=".".join)
def test_no_field_takes_a_value_of_another_kind(path):
    expected = at(PLAIN, path)
    wrong = [None, {}, [], [1, "a", None], 10**30]
    wrong += [] if isinstance(expected, bool) else [True]
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
