"""A model that is far off in half of the places: its error head knows where, and a planner can ask."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gedanken.energies import Doubt
from gedanken.errors import BadInput, BadRunFolder
from gedanken.recipes import Recipe, fit, load, save
from gedanken.recipes.error_head import ErrorHeadConfig, learn_errors
from gedanken.recipes.keep import keep
from gedanken.training import RunFolder, TrainConfig
from gedanken.types import Context, Goal, Rollout
from moving_dot import dot_episodes, dot_recipe


def learning(steps: int = 200, **train: object) -> ErrorHeadConfig:
    settings = {"batch": 64, "learning_rate": 1e-2, "dtype": "float32", "device": "cpu", "log_every": 50, **train}
    return ErrorHeadConfig(hidden=32, components=3, train=TrainConfig(steps=steps, **settings))


class Wrong(torch.nn.Module):
    """A predictor that is exactly right but where the latent's first number is positive: there it is far off."""

    past = 1

    def __init__(self, right: torch.nn.Module) -> None:
        super().__init__()
        self.right = right

    def condition(self, actions: Tensor) -> Tensor:
        return self.right.condition(actions)

    def starts(self, latents: Tensor, condition: Tensor) -> tuple[Tensor, ...]:
        return self.right.starts(latents, condition)

    def step(self, state: tuple[Tensor, ...], condition: Tensor) -> tuple[Tensor, ...]:
        (after,) = self.right.step(state, condition)
        return (after + 3.0 * (state[0][..., :1] > 0),)


@pytest.fixture
def model():
    found = fit(dot_episodes(60), dot_recipe(steps=60)).model
    found.predictor = Wrong(found.predictor)
    return found


def errors_of(model) -> tuple[Tensor, Tensor]:
    """Expected and made errors of one step, in step changes."""
    kept = keep(model, dot_episodes(40, seed=8), 2)[0]
    windows = kept.sample(300, torch.Generator().manual_seed(0))
    latents = windows.observations["latents"]
    with torch.no_grad():
        rollout = model.rollout(Context(latents[:, :1], torch.zeros(300, 0, 2)), windows.actions[:, None])
    made = (rollout.latents[:, 0, 0] - latents[:, 1]).square().mean(dim=(1, 2)) / model.step_change
    return rollout.expected_error[:, 0, 0], made


def test_the_head_knows_where_the_model_is_wrong_and_changes_nothing_else(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learn_errors(model, keep(model, dot_episodes(100, seed=5), 4)[0], learning())
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(each.requires_grad for each in model.predictor.parameters())
    expected, made = errors_of(model)
    logs = torch.stack([expected.log1p(), made.log1p()])
    assert torch.corrcoef(logs)[0, 1] > 0.9
    assert (logs[0] - logs[1]).abs().mean() < 0.3 * (logs[1] - logs[1].mean()).abs().mean()


def test_a_killed_run_ends_in_the_same_head(model, tmp_path):
    kept, config = keep(model, dot_episodes(50, seed=5), 4)[0], learning(30, checkpoint_seconds=0.0, log_every=1)
    learn_errors(model, kept, config, RunFolder(tmp_path / "whole"))
    whole, model.error_head = model.error_head.state_dict(), None

    class Killed(Exception):
        pass

    def killed(progress):
        if progress.step > 10:
            raise Killed

    with pytest.raises(Killed):
        learn_errors(model, kept, config, RunFolder(tmp_path / "k"), killed)
    assert all(each.requires_grad for each in model.predictor.parameters())
    learn_errors(model, kept, config, RunFolder(tmp_path / "k"))
    assert all(torch.equal(value, whole[name]) for name, value in model.error_head.state_dict().items())
    with pytest.raises(BadRunFolder):
        learn_errors(model, keep(model, dot_episodes(50, seed=6), 4)[0], config, RunFolder(tmp_path / "k"))


def test_a_recipe_with_it_is_fitted_saved_and_loaded(tmp_path):
    recipe = replace(dot_recipe(steps=20), error_head=learning(20))
    episodes, run = dot_episodes(60), RunFolder(tmp_path / "run")
    plain = fit(episodes, replace(recipe, error_head=None), run)  # an error head may be learned later
    fitted = fit(episodes, recipe, run)
    assert fitted.trained.steps == plain.trained.steps + 20
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, fitted.model.state_dict()[name])
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    save(tmp_path / "model.safetensors", fitted.model, recipe, episodes[0].specs)
    again = load(tmp_path / "model.safetensors").model
    torch.testing.assert_close(errors_of(again)[0], errors_of(fitted.model)[0])


def test_errors_are_expected_step_by_step_of_each_candidate(model):
    learn_errors(model, keep(model, dot_episodes(50, seed=5), 4)[0], learning(20))
    kept = keep(model, dot_episodes(10, seed=8), 4)[0]
    latents, actions = kept.latents[:6, None], torch.randn(6, 5, 3, 2)
    rollout = model.rollout(Context(latents, torch.zeros(6, 0, 2)), actions)
    assert rollout.expected_error is not None
    assert rollout.expected_error.shape == (6, 5, 3)
    assert (rollout.expected_error >= 0).all()
    step = model.rollout(Context(rollout.latents[:, 2, :1], torch.zeros(6, 0, 2)), actions[:, 2:3, 1:2])
    torch.testing.assert_close(step.expected_error[:, 0, 0], rollout.expected_error[:, 2, 1])


def test_doubt_counts_only_what_is_not_tolerated():
    expected = torch.tensor([[[0.1, 0.65, 0.2], [0.1, 2.3, 32.0]]])
    rollout = Rollout(torch.zeros(1, 2, 3, 1, 4), expected_error=expected)
    found = Doubt()(rollout, Goal(torch.zeros(1, 1, 4)), torch.zeros(1, 2, 3, 2))
    torch.testing.assert_close(found, torch.tensor([[1.0, 2.0 * 20.0]]).log())


def test_a_model_that_says_nothing_of_its_errors_cannot_be_doubted():
    with pytest.raises(BadInput, match="error_head"):
        Doubt()(Rollout(torch.zeros(1, 2, 3, 1, 4)), Goal(torch.zeros(1, 1, 4)), torch.zeros(1, 2, 3, 2))
    with pytest.raises(BadInput, match="tolerated"):
        Doubt(-1.0)


def test_a_model_never_calibrated_learns_no_errors(model):
    kept = keep(model, dot_episodes(10, seed=5), 4)[0]
    model.step_change.fill_(0.0)
    with pytest.raises(BadInput, match="calibrate"):
        learn_errors(model, kept, learning(2))


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"hidden": 2**20}, {"components": -1}])
def test_a_head_that_cannot_be_is_refused(wrong):
    with pytest.raises(BadInput, match="hidden="):
        ErrorHeadConfig(**wrong)
