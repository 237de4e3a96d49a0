"""The page says what was measured: values at their place in time, differences with their sign, strips from the right start."""

import numpy as np
import pytest
import torch

from gedanken.data import WindowSampler
from gedanken.evaluation.decoder import FrameBank, fit_decoder
from gedanken.evaluation.prediction import Forecast, PredictionResult
from gedanken.evaluation.prediction_report import (
    prediction_charts,
    prediction_figures,
    prediction_strips,
    prediction_table,
)
from gedanken.evaluation.report.numerals import percent
from gedanken.types import Episode, Rollout, StreamSpec
from moving_dot import dot_episodes

WINDOWS, HORIZON = 40, 3


def forecast(error: float, found: float) -> Forecast:
    """Errors that grow with the horizon, and the same share found in every block of ten windows."""
    rank = (torch.arange(WINDOWS) % 10 >= 10 * found).long()
    return Forecast(error * torch.arange(1.0, HORIZON + 1).repeat(WINDOWS, 1), rank[:, None].repeat(1, HORIZON))


@pytest.fixture
def result() -> PredictionResult:
    ways = forecast(1.0, 0.7), forecast(2.0, 0.4), forecast(4.0, 0.1), forecast(2.5, 0.2)
    return PredictionResult(*ways, blocks=torch.arange(WINDOWS) // 10, candidates=10)


def test_charts_put_each_step_at_its_time_in_shares_of_the_mean_latents_error(result):
    error, found = prediction_charts(result, step_seconds=0.2)
    drawn = {line.name: line for line in error.series}
    assert set(drawn) == {"model", "shuffled actions", "copy-last"}
    np.testing.assert_allclose(drawn["model"].x, [0.2, 0.4, 0.6])
    # The mean latent errs by 2.5, 5 and 7.5: by 5 on the whole.
    np.testing.assert_allclose(drawn["model"].y, [0.2, 0.4, 0.6], rtol=1e-6)
    np.testing.assert_allclose(drawn["copy-last"].y, [0.8, 1.6, 2.4], rtol=1e-6)
    np.testing.assert_allclose({line.name: line for line in found.series}["mean latent"].y, [0.2] * 3, rtol=1e-6)
    assert found.mark == (0.1, "chance")


def test_the_table_subtracts_the_other_guess_from_the_model(result):
    rows = {name: (error, found) for name, error, found in prediction_table(result, ahead=2).rows}
    assert rows["copy-last"] == ("-120.0 % [-120.0, -120.0]", "60.0 % [60.0, 60.0]")
    assert rows["shuffled actions"] == ("-40.0 % [-40.0, -40.0]", "30.0 % [30.0, 30.0]")


def test_figures_are_taken_at_the_step_asked_for(result):
    found, *ratios = prediction_figures(result, ahead=3)
    assert found.value == percent(0.7)
    assert f"chance {percent(0.1)}" in found.note
    assert {figure.label: figure.value for figure in ratios} == {
        "error over shuffled actions": "0.50",
        "error over copy-last": "0.25",
        "error over mean latent": "0.40",
    }


class Brightness:
    """The latent is the mean grey level; each action's first number is added to it."""

    frame_skip, action = 1, dot_episodes(1)[0].action

    def encode(self, observations):
        return observations["pixels"].float().mean(dim=(2, 3, 4))[..., None, None]

    def rollout(self, context, actions):
        return Rollout(context.latents[:, -1:, None] + actions[..., :1].cumsum(dim=2)[..., None])


def test_strips_show_what_came_above_what_was_imagined_from_the_first_frame():
    # Frames get brighter by what the action says: 10 levels a step, from 20.
    levels = np.arange(20, 120, 10, dtype=np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (10, 16, 16, 3)).copy()
    actions = np.tile(np.float32([10, 0]), (9, 1))
    episode = Episode(
        {"pixels": frames}, actions, {"pixels": StreamSpec((16, 16, 3), "uint8")}, dot_episodes(1)[0].action
    )
    bank = FrameBank(torch.from_numpy(levels).float()[:, None, None], torch.from_numpy(frames))
    windows = WindowSampler([episode], 4)
    (strip,) = prediction_strips(Brightness(), windows, torch.tensor([2]), bank, fit_decoder(bank, steps=1), 0.5)
    assert strip.columns == ["now", "+0.5 s", "+1.0 s", "+1.5 s"]
    came, nearest, drawn = (shown for _, shown in strip.rows)
    assert came[:, 0, 0, 0].tolist() == [40, 50, 60, 70]
    assert np.array_equal(nearest, came)
    assert drawn.shape == came.shape
