import pytest
import torch
from torch import Generator

from gedanken.energies.losses import covariance, open_loop_errors, temporal_similarity, time_variance, variance
from gedanken.errors import BadInput
from gedanken.recipes import PLDM, PLDMConfig, build
from gedanken.types import Context
from moving_dot import ACTION, DotWindows, dot_recipe

TERMS = ("prediction", "variance", "covariance", "temporal_similarity", "inverse_dynamics", "time_variance")


def parts(**weights: float):
    torch.manual_seed(0)
    model = build(dot_recipe(), ACTION)
    model.set_statistics({"action_mean": torch.tensor([0.3, -0.2]), "action_std": torch.tensor([2.0, 0.5])})
    return model, PLDM(PLDMConfig(ahead=3, **weights), latent=8, width=2, frame_skip=1)


def windows():
    return DotWindows(4).sample(6, Generator().manual_seed(1))


def terms(**weights: float) -> dict[str, float]:
    model, objective = parts(**weights)
    return {name: term.item() for name, term in objective(model, windows(), Generator()).items()}


def test_each_term_is_its_loss_times_its_weight():
    weights = dict(zip(TERMS, (1.5, 2.0, 3.0, 5.0, 7.0, 11.0), strict=True))
    model, objective = parts(**weights)
    seen = windows()
    latents, actions = model.encode(seen.observations), (seen.actions - model.action_mean) / model.action_std
    samples = latents.reshape(-1, 8)  # every frame of every window

    predicted = [latents]
    for k in range(3):
        predicted.append(model.predictor(predicted[-1][:, : 3 - k], model.predictor.condition(actions[:, k:])))

    losses = {
        "prediction": open_loop_errors(predicted[1:], latents).mean(),
        "variance": variance(samples),
        "covariance": covariance(samples),
        "temporal_similarity": temporal_similarity(latents),
        "inverse_dynamics": objective.inverse_dynamics(latents, actions),
        "time_variance": time_variance(latents),
    }
    assert terms(**weights) == pytest.approx({name: weights[name] * loss.item() for name, loss in losses.items()})
    assert all(loss > 0 for loss in losses.values())


def test_predicting_from_the_first_frames_alone_leaves_the_rest_as_it_is():
    every, first = terms(), terms(starts=1)
    assert {name: every[name] for name in TERMS[1:5]} == {name: first[name] for name in TERMS[1:5]}
    model, objective = parts(starts=1)
    seen = windows()
    latents = model.encode(seen.observations)
    ahead = model.rollout(Context(latents[:, :1], seen.actions[:, :0]), seen.actions[:, None]).latents[:, 0]
    expected = (ahead - latents[:, 1:]).square().mean()
    torch.testing.assert_close(objective(model, seen, Generator())["prediction"], expected)


def test_a_weight_of_zero_leaves_its_term_out():
    assert set(terms()) == set(TERMS) - {"time_variance"}
    for name in TERMS:
        assert set(terms(**{"time_variance": 1.0, name: 0.0})) == set(TERMS) - {name}


def test_prediction_reaches_the_encoder_and_the_predictor():
    model, objective = parts()
    objective(model, windows(), Generator())["prediction"].backward()
    for part in (model.encoder, model.predictor):
        assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in part.parameters())


def test_predicting_is_one_step_of_a_rollout():
    from gedanken.types import Context

    model, _ = parts()
    latents, actions = torch.randn(3, 1, 1, 8), torch.randn(3, 1, 2)
    predicted = model.open_loop(latents, actions, 1)[0]
    rollout = model.rollout(Context(latents, torch.zeros(3, 0, 2)), actions[:, None])
    torch.testing.assert_close(predicted[:, 0], rollout.latents[:, 0, 0])


def test_impossible_weights_are_refused():
    with pytest.raises(BadInput, match="covariance are negative"):
        PLDMConfig(covariance=-1.0)
    with pytest.raises(BadInput, match="ahead=0"):
        PLDMConfig(ahead=0)
