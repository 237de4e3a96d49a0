"""A world without any picture is trained on, measured, saved and examined like any other; and pictures go with numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator

from gedanken.data import WindowSampler, fit_statistics
from gedanken.encoders import ConvEncoderConfig, FusionEncoderConfig, SensorEncoderConfig
from gedanken.errors import BadInput
from gedanken.evaluation.doctor import examine
from gedanken.recipes import Fitted, Recipe, RefineConfig, fit, load, save
from gedanken.training import RunFolder, TrainConfig
from gedanken.types import Context, Episode, StreamSpec
from moving_dot import SIZE, dot_episodes, dot_recipe
from point_mass import SPECS, mass_episodes, mass_recipe


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Fitted, RunFolder]:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    return fit(mass_episodes(40), mass_recipe(), run), run


@torch.no_grad()
def errors(model, windows) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared latent errors of the last step predicted from the first frame, and of the first latent kept `[W]`."""
    latents = model.encode(windows.observations)
    start = Context(latents[:, :1], windows.actions[:, :0])
    ahead = model.rollout(start, windows.actions[:, None]).latents[:, 0, -1]
    return (ahead - latents[:, -1]).square().mean((1, 2)), (latents[:, 0] - latents[:, -1]).square().mean((1, 2))


def test_a_world_of_numbers_is_predicted_better_than_by_copying(trained):
    windows = WindowSampler(mass_episodes(20, seed=7), 4).sample(256, Generator().manual_seed(0))
    error, copied = errors(trained[0].model, windows)
    assert error.mean() < 0.5 * copied.mean()


def test_the_meter_and_the_doctor_read_it(trained):
    fitted, run = trained
    assert fitted.trained.warnings == ()
    assert [row for row in run.read_metrics() if "health" in row]
    found = examine(fitted.model, WindowSampler(mass_episodes(20, seed=7), 5), Generator().manual_seed(0))
    assert {"normaliser: place", "normaliser: speed", "normaliser: actions"} <= {each.check for each in found.findings}
    assert found.verdict == "good"
    elsewhere = WindowSampler(mass_episodes(20, seed=7, offset=500.0), 5)
    told = examine(fitted.model, elsewhere, Generator().manual_seed(0))
    assert told.verdict == "does not fit this data"
    assert next(each for each in told.findings if each.severity == "bad").check == "normaliser: place"


def test_a_meter_sees_a_collapse_without_pictures():
    recipe = mass_recipe(steps=60)
    collapsing = replace(recipe.objective, variance=0.0, covariance=0.0, inverse_dynamics=0.0, temporal_similarity=50.0)
    encoder = replace(recipe.encoder, head="batch_norm_mlp")
    fitted = fit(mass_episodes(20), replace(recipe, objective=collapsing, encoder=encoder))
    assert any(warning.startswith("Collapsed") for warning in fitted.trained.warnings)


def test_its_statistics_are_those_of_the_training_episodes(trained):
    episodes = mass_episodes(40)
    held = {name.rpartition(".")[2]: value for name, value in trained[0].model.state_dict().items()}
    assert held["sensor_mean_place"].item() == pytest.approx(50, abs=3)
    everything = fit_statistics(episodes, streams=["place", "speed"])
    assert not torch.equal(held["sensor_mean_place"], everything["sensor_mean_place"])


def sees_numbers(model) -> torch.Tensor:
    frames = WindowSampler(mass_episodes(4, seed=3), 6).sample(8, Generator().manual_seed(0)).observations
    with torch.no_grad():
        return model.encode(frames)


def test_it_comes_back_from_its_file_bit_by_bit(trained, tmp_path):
    model = trained[0].model
    save(tmp_path / "model.safetensors", model, mass_recipe(), SPECS)
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.recipe == mass_recipe()
    assert torch.equal(sees_numbers(loaded.model), sees_numbers(model))
    held = loaded.model.state_dict()
    assert all(torch.equal(value, held[name]) for name, value in model.state_dict().items())


def test_the_predictor_goes_on_alone_on_numbers():
    refine = RefineConfig(window=4, ahead=3, train=TrainConfig(steps=3, batch=4, dtype="float32", device="cpu"))
    fitted = fit(mass_episodes(20), replace(mass_recipe(steps=2), refine=refine))
    assert fitted.trained.steps == 5
    with pytest.raises(BadInput, match="trained on 'place', 'speed' and width 1"):
        fit(mass_episodes(20), replace(mass_recipe(steps=2), refine=refine), fresh=dot_episodes(2))


def with_height(episodes: list[Episode], seed: int = 0) -> list[Episode]:
    """Walks of the dot with a height that only a sensor tells, moved by a third action."""
    lifted = []
    for number, episode in enumerate(episodes):
        lift = np.random.default_rng((seed, number)).uniform(-2, 2, (len(episode) - 1, 1)).astype(np.float32)
        height = np.concatenate([np.zeros((1, 1), np.float32), lift]).cumsum(axis=0)
        specs = {**episode.specs, "height": StreamSpec((1,), "float32", 10.0, "m")}
        action = replace(episode.action, width=3, low=(-2.0,) * 3, high=(2.0,) * 3)
        actions = np.concatenate([episode.actions, lift], axis=1)
        lifted.append(Episode({**episode.streams, "height": height}, actions, specs, action))
    return lifted


def fusion_recipe(**train: object) -> Recipe:
    pixels = ConvEncoderConfig(size=(SIZE, SIZE), channels=1, width=4, latent=8)
    sensors = SensorEncoderConfig(streams=("height",), widths=(1,), hidden=16, latent=8)
    encoder = FusionEncoderConfig(pixels=pixels, sensors=sensors, latent=16, hide=0.2)
    return replace(dot_recipe(**{"steps": 250, **train}), encoder=encoder)


@pytest.fixture(scope="module")
def fused() -> Fitted:
    return fit(with_height(dot_episodes(60)), fusion_recipe())


def height_told(model, *streams: str) -> float:
    """Share of the height's variance that a linear map finds in latents of these streams."""
    windows = WindowSampler(with_height(dot_episodes(40, seed=5), seed=5), 1).sample(600, Generator().manual_seed(1))
    with torch.no_grad():
        latents = model.encode({name: windows.observations[name] for name in streams})[:, 0, 0]
    inputs, wanted = torch.cat([latents, torch.ones(600, 1)], dim=1), windows.observations["height"][:, 0]
    solution = torch.linalg.lstsq(inputs[:300], wanted[:300], driver="gelsd").solution
    left = (inputs[300:] @ solution - wanted[300:]).square().mean()
    return 1 - float(left / wanted[300:].var())


def test_fusion_uses_a_sensor_that_is_there(fused):
    assert height_told(fused.model, "pixels", "height") > 0.8
    assert height_told(fused.model, "pixels") < 0.3


@pytest.mark.parametrize("streams", [("pixels", "height"), ("pixels",), ("height",)])
def test_fusion_predicts_with_either_absent(fused, streams):
    windows = WindowSampler(with_height(dot_episodes(40, seed=5), seed=5), 4).sample(256, Generator().manual_seed(1))
    there = replace(windows, observations={name: windows.observations[name] for name in streams})
    error, copied = errors(fused.model, there)
    assert error.mean() < 0.7 * copied.mean()


def test_fusion_comes_back_from_its_file_bit_by_bit(fused, tmp_path):
    episodes = with_height(dot_episodes(4))
    save(tmp_path / "model.safetensors", fused.model, fusion_recipe(), episodes[0].specs)
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.recipe == fusion_recipe()
    frames = WindowSampler(episodes, 3).sample(4, Generator().manual_seed(0)).observations
    with torch.no_grad():
        assert torch.equal(loaded.model.encode(frames), fused.model.encode(frames))


def test_fusion_in_a_strangers_file_is_read_as_strictly_as_all_else():
    values = fusion_recipe().as_dict()
    for path, wrong in (
        (("pixels", "kind"), "fusion"),
        (("pixels", "kind"), "nothing"),
        (("sensors", "kind"), "conv"),
        (("sensors", "widths"), ["1"]),
        (("pixels",), 3),
        (("latent",), "8"),
    ):
        changed = fusion_recipe().as_dict()
        place = changed["encoder"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = wrong
        with pytest.raises(BadInput):
            Recipe.from_dict(changed)
    del values["encoder"]["sensors"]
    with pytest.raises(BadInput, match="not a recipe's configuration"):
        Recipe.from_dict(values)
