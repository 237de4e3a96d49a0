"""Each fault in a tiny model is called by its name, and a model without one is called good."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, nn

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.evaluation.doctor import Limits, check_recording, examine
from gedanken.evaluation.doctor.predictions import DECOYS, predictions
from gedanken.types import ActionSpec, Rollout, StreamSpec, Windows
from moving_dot import ACTION, SPECS, dot_episodes

SKIP, HORIZON = 2, 4
MOVES = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))


class Walks:
    """Windows of walks in the plane from far-apart starts; `scale` is the unit of what is recorded as actions."""

    def __init__(self, horizon=HORIZON, scale=1.0, offset=0.0):
        self.horizon, self.scale, self.offset = horizon, scale, offset

    def sample(self, count, generator):
        actions = 2 * torch.rand(count, self.horizon, 2 * SKIP, generator=generator) - 1
        start = 2 * torch.randn(count, 1, 2, generator=generator)
        moved = actions.unflatten(2, (SKIP, 2)).sum(dim=2).cumsum(dim=1)
        places = torch.cat([start, start + moved], dim=1)
        return Windows({"place": places}, self.scale * actions + self.offset)


@dataclass
class Places:
    """A latent that is the place; `believed` is how much of each action it counts, `seen` how large it draws the world."""

    believed: float = 1.0
    seen: float = 1.0
    frame_skip: int = SKIP
    action: ActionSpec = MOVES

    def encode(self, observations):
        return self.seen * observations["place"][:, :, None]

    def rollout(self, context, actions):
        moves = self.seen * self.believed * actions.unflatten(3, (SKIP, 2)).sum(dim=3)
        return Rollout(context.latents[:, -1:, None] + moves.cumsum(dim=2)[:, :, :, None])


class Slow(Places):
    """Two slow directions that hold for a whole episode beside two fast and tiny ones, its own actions well counted."""

    def encode(self, observations):
        place = observations["place"]
        episode = 30 * place[:, :1].expand_as(place)
        return torch.cat([episode, episode.flip(-1), 0.1 * place], dim=-1)[:, :, None]

    def rollout(self, context, actions):
        fast = 0.1 * actions.unflatten(3, (SKIP, 2)).sum(dim=3)
        moves = torch.cat([torch.zeros(*fast.shape[:-1], 4), fast], dim=-1)
        return Rollout(context.latents[:, -1:, None] + moves.cumsum(dim=2)[:, :, :, None])


class Calibrated(nn.Module):
    """`Places` with the statistics of a module."""

    def __init__(self, places=None, **statistics):
        super().__init__()
        self.places, self.frame_skip, self.action = places or Places(), SKIP, MOVES
        usual = {"action_mean": [0.0] * 4, "action_std": [3**-0.5] * 4, "step_change": 0.55}
        for name, value in {**usual, **statistics}.items():
            self.register_buffer(name, torch.tensor(value))

    def encode(self, observations):
        return self.places.encode(observations)

    def rollout(self, context, actions):
        return self.places.rollout(context, actions)


def examined(model, source=None, seed=0):
    return examine(model, source or Walks(), Generator().manual_seed(seed))


def found(diagnosis):
    return {finding.check: finding for finding in diagnosis.findings}


def test_a_model_that_knows_the_world_is_good():
    # The plane has two directions, so their number can only be a warning.
    for model in (Places(), Calibrated(), Places(believed=0.8)):
        diagnosis = examined(model)
        assert diagnosis.verdict == "good"
        assert diagnosis.healthy
        assert {finding.severity for finding in diagnosis.findings} <= {"good", "warn"}


@pytest.mark.parametrize(
    ("model", "verdict", "bad"),
    [
        (
            Places(believed=0.0),
            "ignores its actions",
            {"uses its actions", "ranks true actions first", "beats copying"},
        ),
        (
            Places(believed=-1.0),
            "ignores its actions",
            {"uses its actions", "ranks true actions first", "beats copying"},
        ),
        (Places(seen=1e-3), "collapsed", {"spread of latents"}),
        (Slow(), "slow features", {"pace of latents"}),
        (Places(believed=2.2), "no better than copying", {"beats copying"}),
        (Calibrated(step_change=5.0), "of unknown scale", {"known scale"}),
        (Calibrated(step_change=0.0), "of unknown scale", {"known scale"}),
    ],
)
def test_each_fault_is_called_by_its_name(model, verdict, bad):
    diagnosis = examined(model)
    assert {finding.check for finding in diagnosis.findings if finding.severity == "bad"} == bad
    assert diagnosis.verdict == verdict
    assert not diagnosis.healthy


def test_a_constant_encoder_is_collapsed_whatever_else_it_is():
    diagnosis = examined(Places(seen=0.0))
    assert diagnosis.verdict == "collapsed"
    assert found(diagnosis)["uses its actions"].number == 1
    assert found(diagnosis)["ranks true actions first"].number == 0


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        (Walks(scale=10.0), {"normaliser: actions", "range of actions"}),
        (Walks(scale=0.1), {"normaliser: actions"}),
        (Walks(offset=2.0), {"normaliser: actions", "range of actions"}),
    ],
)
def test_actions_in_other_units_do_not_fit_the_normaliser(source, bad):
    diagnosis = examined(Calibrated(), source)
    assert diagnosis.verdict == "does not fit this data"
    assert {name for name, each in found(diagnosis).items() if each.severity == "bad" and each.check in bad} == bad
    assert found(examined(Calibrated()))["range of actions"].number == 0


def test_pixels_of_another_light_do_not_fit_the_normaliser():
    class Camera(Walks):
        def sample(self, count, generator):
            windows = super().sample(count, generator)
            grey = torch.randint(60, 101, (count, self.horizon + 1, 4, 4, 1), generator=generator)
            return replace(windows, observations={**windows.observations, "pixels": grey.to(torch.uint8)})

    for mean, std, severity in ((80.0, 12.0, "good"), (60.0, 12.0, "bad"), (80.0, 120.0, "bad"), (90.0, 12.0, "warn")):
        model = Calibrated(pixel_mean=[mean], pixel_std=[std])
        assert found(examined(model, Camera()))["normaliser: pixels"].severity == severity
    assert "normaliser: pixels" not in found(examined(Calibrated(pixel_mean=[0.0], pixel_std=[1.0])))


def test_the_numbers_are_those_that_can_be_worked_out():
    said = found(examined(Places(believed=0.5), seed=3))
    # Actions are independent: the true ones leave half of each move unexplained, others' half of their own on top of all.
    assert said["uses its actions"].number == pytest.approx((1 + 0.25) / 0.25, rel=0.15)
    assert said["uses its actions"].low < 5 < said["uses its actions"].high
    assert said["beats copying"].number == 1
    steps = [found(examined(Calibrated(step_change=change)))["known scale"].number for change in (0.1, 0.2)]
    assert steps[0] == pytest.approx(2 * steps[1]) == pytest.approx(5, rel=0.2)


class Stopped(Calibrated):
    """A place that a wall at 1 stops, of which `Places` knows nothing; `told` of its errors is what it expects."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def encode(self, observations):
        return super().encode(observations).clamp(max=1.0)

    def rollout(self, context, actions):
        rollout = super().rollout(context, actions)
        beyond = (rollout.latents - 1).clamp_min(0).square().mean(dim=(3, 4)) / self.step_change
        return replace(rollout, expected_error=self.told(beyond))


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        (lambda errors: errors, "good"),
        (lambda errors: torch.full_like(errors, 0.3), "bad"),
        (lambda errors: 1 / (1 + errors), "bad"),
    ],
)
def test_a_model_that_does_not_know_where_it_errs_is_found(told, severity):
    said = found(examined(Stopped(told)))
    assert said["expects its errors"].severity == severity
    assert "error head" not in said["known scale"].said
    assert "expects its errors" not in found(examined(Calibrated()))


def test_every_window_meets_other_windows_and_never_itself():
    drawn = Walks().sample(40, Generator().manual_seed(0))
    seen = predictions(Places(), drawn, Generator().manual_seed(1))
    assert seen.true.shape == (40, HORIZON)
    assert seen.true.max() < 1e-9
    assert seen.decoys.min() > 1e-4
    assert (seen.ahead == 0).all()
    places = drawn.observations["place"]
    torch.testing.assert_close(seen.copied, (places[:, 1:] - places[:, :1]).square().mean(dim=-1))


def test_the_same_generator_gives_the_same_diagnosis():
    one, same, other = (examined(Places(believed=0.5), seed=seed).as_dict() for seed in (1, 1, 2))
    assert one == same != other


def test_what_cannot_be_examined_is_refused():
    for source, windows in ((Walks(horizon=0), 20), (Walks(), DECOYS)):
        with pytest.raises(ShapeError, match="windows of"):
            examine(Places(), source, Generator(), windows=windows)
    with pytest.raises(NonFinite, match="not finite"):
        examined(Places(believed=float("nan")))
    with pytest.raises(BadInput, match="two different numbers"):
        Limits(1.0, 1.0)


def test_a_recording_of_another_kind_is_refused():
    episode = dot_episodes(1)[0]
    check_recording(SPECS, ACTION, episode)
    with pytest.raises(ShapeError, match=r"the recording has uint8 \(16, 16, 1\)"):
        check_recording({"pixels": StreamSpec((64, 64, 3), "uint8")}, ACTION, episode)
    with pytest.raises(ShapeError, match="'speed' as float32 \\(1,\\) and the recording has none"):
        check_recording({"speed": StreamSpec((1,), "float32")}, ACTION, episode)
    with pytest.raises(ShapeError, match="actions of 3 numbers and the recording's have 2"):
        check_recording(SPECS, ActionSpec(3, (-1.0,) * 3, (1.0,) * 3), episode)


@pytest.mark.parametrize(
    ("limits", "number", "severity"),
    [
        (Limits(good=2.0, bad=1.0), 2.0, "good"),
        (Limits(good=2.0, bad=1.0), 1.5, "warn"),
        (Limits(good=2.0, bad=1.0), 1.0, "bad"),
        (Limits(good=1.0, bad=2.0), 1.0, "good"),
        (Limits(good=1.0, bad=2.0), 1.5, "warn"),
        (Limits(good=1.0, bad=2.0), 2.0, "bad"),
        (Limits(good=1.0, bad=2.0), float("nan"), "bad"),
        (Limits(good=2.0, bad=1.0), float("nan"), "bad"),
    ],
)
def test_limits_grade_a_number(limits, number, severity):
    assert limits.severity(number) == severity
