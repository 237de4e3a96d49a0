"""What is there decides the recipe, every decision is told, and what was chosen can be built."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gedanken.encoders import ConvEncoderConfig, FusionEncoderConfig, SensorEncoderConfig
from gedanken.errors import BadInput, UnknownName
from gedanken.models import ResidualMLPConfig, StateSpaceConfig
from gedanken.recipes import Recipe, build, choice_for, for_episodes
from gedanken.recipes.changes import changed
from gedanken.recipes.parts import streams_of
from gedanken.types import ActionSpec, Episode, StreamSpec
from moving_dot import dot_episodes
from point_mass import mass_episodes


def recorded(streams: dict[str, np.ndarray], rate: float | None = None, width: int = 1) -> Episode:
    specs = {name: StreamSpec(values.shape[1:], str(values.dtype), rate) for name, values in streams.items()}
    length = len(next(iter(streams.values())))
    action = ActionSpec(width, (-1.0,) * width, (1.0,) * width)
    return Episode(streams, np.zeros((length - 1, width), np.float32), specs, action)


def swing(period: float, length: int = 2000, rate: float | None = None) -> Episode:
    angle = np.sin(2 * np.pi * np.arange(length) / period).astype(np.float32)[:, None]
    return recorded({"angle": angle}, rate)


def camera(length: int, rate: float | None) -> Episode:
    return recorded({"pixels": np.zeros((length, 16, 24, 3), np.uint8)}, rate)


def test_pictures_alone_get_an_encoder_of_their_size():
    choice = choice_for([camera(400, 20.0)], steps=7)
    assert choice.recipe.encoder == ConvEncoderConfig(size=(16, 24), channels=3, width=24)
    assert choice.recipe.frame_skip == 5  # 0.25 s at 20 Hz
    assert choice.recipe.train.steps == 7
    told = " ".join(choice.why)
    assert "16×24" in told
    assert "0.25 s at 20 Hz" in told
    assert for_episodes(dot_episodes(1)).encoder.size == (16, 16)


def test_pictures_of_no_known_rate_are_taken_for_ten_a_second():
    choice = choice_for([camera(400, None)])
    assert choice.recipe.frame_skip == 2
    assert "no rate is told" in " ".join(choice.why)


@pytest.mark.parametrize(("period", "rate"), [(300, 500.0), (60, 100.0)])
def test_numbers_alone_get_a_model_step_by_their_pace(period, rate):
    """The same swing of 0.6 s recorded at two rates: steps of a sixth of it."""
    choice = choice_for([swing(period, 3000, rate)])
    assert choice.recipe.frame_skip / rate == pytest.approx(0.1, rel=0.15)
    assert isinstance(choice.recipe.encoder, SensorEncoderConfig)
    assert (choice.recipe.encoder.streams, choice.recipe.encoder.widths) == (("angle",), (1,))
    assert isinstance(choice.recipe.predictor, StateSpaceConfig)
    assert f"s at {rate:g} Hz: over so long a change" in " ".join(choice.why)


def test_numbers_without_a_pace_take_the_rate_or_every_sample():
    noise = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    assert choice_for([recorded({"noise": noise}, 40.0)]).recipe.frame_skip == 10
    choice = choice_for([recorded({"noise": noise})])
    assert choice.recipe.frame_skip == 1
    assert "every sample counts" in " ".join(choice.why)


def test_pictures_and_numbers_are_fused_and_what_is_neither_is_left_out():
    length = 300
    streams = {
        "pixels": np.zeros((length, 16, 16, 3), np.uint8),
        "joints": np.zeros((length, 7), np.float32),
        "gripper": np.zeros((length,), np.float64),
        "wrist": np.zeros((length, 32, 32, 3), np.uint8),
        "cloud": np.zeros((length, 500, 3), np.float32),
    }
    choice = choice_for([recorded(streams, 10.0, width=7)])
    encoder = choice.recipe.encoder
    assert isinstance(encoder, FusionEncoderConfig)
    assert streams_of(encoder) == ("pixels", "joints", "gripper")
    assert encoder.sensors.widths == (7, 1)
    assert choice.recipe.frame_skip == 2
    assert any("Left out: wrist, cloud" in each for each in choice.why)
    assert any("7 numbers" in each for each in choice.why)
    action = ActionSpec(7, (-1.0,) * 7, (1.0,) * 7)
    seen = {name: torch.from_numpy(values[None, :2]) for name, values in streams.items()}
    assert build(choice.recipe, action).encode(seen).shape == (1, 2, 1, 128)


def test_short_episodes_get_smaller_steps_and_then_shorter_windows():
    slow = choice_for([swing(300, 50), swing(300, 50)])
    assert slow.recipe.frame_skip == 6
    assert slow.recipe.window == 9
    short = choice_for([camera(6, 4.0)])
    assert (short.recipe.frame_skip, short.recipe.window, short.recipe.objective.ahead) == (1, 6, 5)
    assert any("window=6" in each for each in short.why)


def test_what_cannot_be_trained_on_is_refused():
    with pytest.raises(BadInput, match="no episodes"):
        choice_for([])
    with pytest.raises(BadInput, match=r"or streams of numbers; there is .*uint8"):
        choice_for([recorded({"wrist": np.zeros((9, 8, 8, 3), np.uint8)})])
    with pytest.raises(BadInput, match="stretches of 1 frames"):
        choice_for([recorded({"told": np.zeros((1, 2), np.float32)})])


def test_what_is_chosen_comes_back_from_json():
    for episodes in ([camera(300, 20.0)], mass_episodes(3)):
        recipe = for_episodes(episodes)
        assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_any_field_can_be_changed_by_its_path():
    recipe = for_episodes(mass_episodes(3))
    other = changed(
        recipe,
        [
            "encoder.latent=24",
            "train.learning_rate=0.002",
            'predictor={"kind": "residual_mlp", "hidden": 9}',
            "train.device=cpu",
            "name=mine",
        ],
    )
    assert other.encoder.latent == 24
    assert other.train.learning_rate == 0.002
    assert other.predictor == ResidualMLPConfig(hidden=9)
    assert (other.train.device, other.name) == ("cpu", "mine")
    assert replace(other.train, learning_rate=recipe.train.learning_rate, device="auto") == recipe.train
    assert changed(recipe, []) == recipe


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ("encoder.latent", BadInput, "write path=value"),
        ("=3", BadInput, "write path=value"),
        ("encoder.width=3", BadInput, "no 'encoder.width'; there is depth, head"),
        ("window.long=3", BadInput, "there is nothing further"),
        ("window=nine", BadInput, "Recipe.window is 'nine'"),
        ("window=1", BadInput, "too short"),
        ('predictor={"kind": "oracle"}', UnknownName, "no predictor 'oracle'"),
        ("predictor=3", BadInput, "not a recipe"),
    ],
)
def test_a_change_that_makes_no_recipe_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        changed(for_episodes(mass_episodes(3)), [change])
