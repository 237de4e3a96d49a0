"""Judged in the sensors' own units, on worlds whose best predictor is known: a linear one and a swinging one."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.evaluation.readout import fit_readout
from gedanken.evaluation.sensor_prediction import SensorForecast, evaluate_sensors
from gedanken.evaluation.sensor_report import sensor_chart, sensor_table
from gedanken.types import ActionSpec, Episode, Rollout, StreamSpec

ACTION = ActionSpec(1, (-3.0,), (3.0,), unit="N m", rate_hz=20.0)
SPECS = {"angle": StreamSpec((1,), "float32", 20.0, "mrad"), "speed": StreamSpec((1,), "float32", 20.0, "rad/s")}
STEP, MILLI = 0.05, 1000.0


def swung(state: torch.Tensor, push: torch.Tensor, stiff: bool) -> torch.Tensor:
    """Angle and speed `[..., 2]` one sample later: a pendulum, or with `stiff` a spring."""
    angle, speed = state.unbind(dim=-1)
    for _ in range(5):
        pull = angle if stiff else angle.sin()
        speed = speed + STEP / 5 * (push[..., 0] - 9.0 * pull - 0.1 * speed)
        angle = angle + STEP / 5 * speed
    return torch.stack([angle, speed], dim=-1)


def swings(count: int, seed: int = 0, stiff: bool = False, steps: int = 120) -> list[Episode]:
    generator = torch.Generator().manual_seed(seed)
    push = 6 * torch.rand(count, steps, 1, generator=generator) - 3
    states = [torch.randn(count, 2, generator=generator) * torch.tensor([1.5, 2.0])]
    for step in range(steps):
        states.append(swung(states[-1], push[:, step], stiff))
    told = torch.stack(states, dim=1)
    return [
        Episode(
            {"angle": (MILLI * row[:, :1]).numpy(), "speed": row[:, 1:].numpy()},
            done.numpy().astype(np.float32),
            SPECS,
            ACTION,
        )
        for row, done in zip(told, push, strict=True)
    ]


@dataclass
class Oracle:
    """Knows the true dynamics; its latent is the state, seen through a fixed mixing."""

    stiff: bool = False
    moves: bool = True
    frame_skip: int = 2
    action: ActionSpec = ACTION

    def encode(self, observations):
        state = torch.cat([observations["angle"] / MILLI, observations["speed"]], dim=-1)
        return torch.cat([state + state.flip(-1), state - state.flip(-1)], dim=-1)[:, :, None]

    def rollout(self, context, actions):
        latent = context.latents[:, -1, 0].double()
        state = torch.stack([(latent[:, 0] + latent[:, 2]) / 2, (latent[:, 0] - latent[:, 2]) / 2], dim=-1)
        state, steps = state[:, None].expand(-1, actions.shape[1], -1), []
        for block in actions.double().unbind(dim=2):
            for push in block.split(1, dim=-1) if self.moves else ():
                state = swung(state, push, self.stiff)
            steps.append(state)
        told = torch.stack(steps, dim=2)
        mixed = torch.cat([told + told.flip(-1), told - told.flip(-1)], dim=-1).float()
        return Rollout(mixed[:, :, :, None])


def judged(model, training, held_out, order: int = 2) -> SensorForecast:
    names = ("angle", "speed")
    return evaluate_sensors(
        model, training, held_out, reads=names, sensors=names, horizon=3, order=order, readout_steps=150
    )


@pytest.fixture(scope="module")
def swinging() -> SensorForecast:
    return judged(Oracle(), swings(20), swings(10, seed=1))


def test_who_knows_the_dynamics_beats_a_linear_model_where_they_are_not_linear(swinging):
    for interval in swinging.difference(swinging.linear, ahead=3):
        assert interval.low <= interval.mean <= interval.high < 0
    assert (swinging.rmse(swinging.model, 3) < 0.3 * swinging.rmse(swinging.linear, 3)).all()
    assert (swinging.rmse(swinging.linear, 3) < swinging.rmse(swinging.copy_last, 3)).all()


def test_errors_are_in_the_sensors_own_units(swinging):
    """Angles are told in thousandths: errors of copying are those of the recordings themselves."""
    moved = np.concatenate([each.streams["angle"][8:] - each.streams["angle"][2:-6] for each in swings(10, seed=1)])
    assert swinging.rmse(swinging.copy_last, 3)[0].item() == pytest.approx(float(np.sqrt((moved**2).mean())), rel=0.02)
    spread = np.concatenate([each.streams["angle"] for each in swings(20)]).std()
    assert swinging.scale[0].item() == pytest.approx(float(spread), rel=0.1)
    assert swinging.names == ("angle", "speed")
    assert swinging.units == ("mrad", "rad/s")
    assert len(swinging.blocks.unique()) == 10  # each of the ten episodes


def test_nobody_beats_a_linear_model_where_it_is_true():
    found = judged(Oracle(stiff=True), swings(20, stiff=True), swings(4, seed=1, stiff=True), order=1)
    assert found.rmse(found.linear, 3)[-1] < 0.01
    assert found.difference(found.linear, ahead=3)[-1].low > 0
    assert len(found.blocks.unique()) > 8  # of time, four episodes alone being few


def test_a_model_that_stands_still_is_as_good_as_copying():
    found = judged(Oracle(moves=False), swings(20), swings(4, seed=1))
    ratio = found.rmse(found.model, 2) / found.rmse(found.copy_last, 2)
    assert (ratio - 1).abs().max() < 0.1


def test_linear_model_and_read_out_are_fitted_on_training_recordings_alone(swinging):
    """On held-out recordings of another world, pushed the other way, both stay what they were, and err."""
    contrary = [replace(each, actions=-each.actions) for each in swings(10, seed=1)]
    other = judged(Oracle(), swings(20), contrary)
    assert other.rmse(other.linear, 1)[-1] > 1.5 * swinging.rmse(swinging.linear, 1)[-1]
    torch.testing.assert_close(other.read, swinging.read)
    torch.testing.assert_close(other.scale, swinging.scale)


def test_windows_with_a_missing_sensor_are_left_out():
    episodes = swings(10, seed=1)
    episodes[3].streams["speed"][:] = np.nan
    found = judged(Oracle(), swings(10), episodes)
    assert found.dropped == 113
    assert len(found.blocks.unique()) == 9
    assert torch.isfinite(found.model).all()
    for each in episodes:
        each.streams["speed"][:] = np.nan
    with pytest.raises(BadInput, match="missing in every window"):
        judged(Oracle(), swings(10), episodes)


def test_too_little_is_refused():
    with pytest.raises(BadInput, match="no held-out recording is long enough"):
        judged(Oracle(), swings(10), swings(3, steps=7))
    with pytest.raises(BadInput, match="horizon=0"):
        evaluate_sensors(Oracle(), swings(2), swings(2), reads=["angle"], sensors=["angle"], horizon=0, order=1)
    one = replace(judged(Oracle(), swings(4), swings(2)), blocks=torch.zeros(226, dtype=torch.long))
    with pytest.raises(BadInput, match="one block"):
        one.difference(one.linear, 1)


def test_a_model_that_runs_away_is_named():
    class Wild(Oracle):
        def rollout(self, context, actions):
            return Rollout(super().rollout(context, actions).latents * torch.inf)

    with pytest.raises(NonFinite, match="predictions are not finite"):
        judged(Wild(), swings(4), swings(2))


def test_the_table_and_the_chart_say_what_was_measured(swinging):
    shown = sensor_table(swinging, 2, step_seconds=0.1)
    assert "0.2 s ahead" in shown.title
    assert [row[0] for row in shown.rows] == ["angle [mrad]", "speed [rad/s]", "all [deviations]"]
    assert float(shown.rows[0][3]) == pytest.approx(swinging.rmse(swinging.linear, 2)[0].item(), rel=0.01)
    assert shown.columns[3] == "ARX of order 2"
    assert shown.rows[0][5].startswith("-")
    lines = {line.name: line for line in sensor_chart(swinging, 0.1).series}
    assert list(lines["model"].x) == pytest.approx([0.1, 0.2, 0.3])
    assert lines["copy-last"].y[2] == pytest.approx(swinging.rmse(swinging.copy_last, 3)[-1].item())
    assert "model steps ahead" in sensor_table(swinging, 2).title


def test_a_read_out_finds_a_curved_map():
    sensors = torch.rand(2000, 1) * 4 - 2
    latents = torch.cat([(2 * sensors).sin(), (2 * sensors).cos(), sensors**3], dim=-1)[:, None]

    def fitted():
        return fit_readout(latents[:1000], sensors[:1000], steps=300)

    readout = fitted()
    left = (readout(latents[1000:]) - sensors[1000:]).square().mean().sqrt()
    assert left < 0.05 * sensors.std()
    inputs = torch.cat([latents[:, 0], torch.ones(2000, 1)], dim=1)
    line = inputs @ torch.linalg.lstsq(inputs, sensors).solution
    assert left < 0.5 * (line - sensors).square().mean().sqrt()
    assert all(torch.equal(one, other) for one, other in zip(readout.parameters(), fitted().parameters(), strict=True))


def test_a_linear_map_is_read_off_exactly_whatever_its_unit():
    plain, unit, offset = torch.randn(500, 2), torch.tensor([1e4, 1e-4]), torch.tensor([1e6, 0.0])
    latents = (plain @ torch.randn(2, 6))[:, None]
    readout = fit_readout(latents, plain * unit + offset, steps=1)
    assert (((readout(latents) - offset) / unit - plain).abs() < 0.02).all()


def test_blurred_numbers_are_not_relied_on():
    """Of two numbers that tell the same, the one that is read through noise counts less."""
    sensors = torch.randn(1000, 1)
    latents = sensors.repeat(1, 2)[:, None]
    readout = fit_readout(latents, sensors, blur=torch.tensor([[0.0, 1.0]]), steps=100)
    shaken = [readout(latents + shift) - readout(latents) for shift in torch.eye(2)[:, None, None]]
    assert shaken[1].abs().mean() < 0.2 * shaken[0].abs().mean()


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ShapeError, match="at least one latent"):
        fit_readout(torch.zeros(0, 1, 2), torch.zeros(0, 3))
    with pytest.raises(BadInput, match="steps=0"):
        fit_readout(torch.zeros(5, 1, 2), torch.zeros(5, 3), steps=0)
