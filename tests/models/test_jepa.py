import pytest
import torch
from torch import nn

from gedanken.contracts import check_world_model
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.errors import BadInput, ShapeError
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig
from gedanken.types import ActionSpec, Context

ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
SKIP, WIDTH = 2, 4


def made() -> JEPA:
    torch.manual_seed(0)
    encoder = ConvEncoder(ConvEncoderConfig(size=(16, 16), channels=1, width=4, latent=8))
    model = JEPA(encoder, ResidualMLP(ResidualMLPConfig(hidden=16), 8, WIDTH), ACTION, SKIP)
    model.action_mean.copy_(torch.tensor([0.1, -0.2, 0.1, -0.2]))
    model.action_std.copy_(torch.tensor([0.5, 2.0, 0.5, 2.0]))
    return model.eval()


def context(batch: int = 2, past: int = 3) -> Context:
    return Context(torch.randn(batch, past, 1, 8), torch.randn(batch, past - 1, WIDTH))


def frames(batch: int = 2, past: int = 3) -> dict[str, torch.Tensor]:
    return {"pixels": torch.randint(0, 256, (batch, past, 16, 16, 1), dtype=torch.uint8)}


def test_it_keeps_the_contract():
    check_world_model(made(), frames())
    assert made().encode(frames()).shape == (2, 3, 1, 8)


@torch.no_grad()
def test_a_rollout_is_one_prediction_after_another_from_the_newest_latent():
    model, start, actions = made(), context(), torch.randn(2, 3, 5, WIDTH)
    rollout = model.rollout(start, actions)
    assert rollout.latents.shape == (2, 3, 5, 1, 8)
    for row in range(2):
        for candidate in range(3):
            latent = start.latents[row, -1]
            for step in range(5):
                action = (actions[row, candidate, step] - model.action_mean) / model.action_std
                latent = model.predictor(latent, model.predictor.condition(action))
                torch.testing.assert_close(rollout.latents[row, candidate, step], latent, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_actions_move_the_prediction_from_their_own_step_on():
    model, start, actions = made(), context(1, 1), torch.zeros(1, 2, 4, WIDTH)
    actions[0, 1, 2, 3] = 1.0
    still, moved = model.rollout(start, actions).latents[0]
    assert torch.equal(still[:2], moved[:2])
    assert (still[2:] - moved[2:]).flatten(1).norm(dim=1).min() > 0.01


@torch.no_grad()
def test_each_candidate_and_row_is_its_own():
    model, start, actions = made(), context(), torch.randn(2, 4, 3, WIDTH)
    whole = model.rollout(start, actions).latents
    alone = model.rollout(Context(start.latents[1:], start.actions[1:]), actions[1:, 2:3]).latents
    torch.testing.assert_close(whole[1:, 2:3], alone, atol=1e-5, rtol=1e-4)


def test_planning_encodes_nothing(monkeypatch):
    model = made()
    monkeypatch.setattr(model.encoder, "encode", lambda _: pytest.fail("the encoder was asked during a rollout"))
    model.rollout(context(), torch.zeros(2, 64, 4, WIDTH))


def test_what_an_action_adds_is_worked_out_once(monkeypatch):
    model, asked = made(), []
    condition = model.predictor.condition
    monkeypatch.setattr(model.predictor, "condition", lambda actions: asked.append(actions.shape) or condition(actions))
    model.rollout(context(), torch.zeros(2, 8, 6, WIDTH))
    assert asked == [(2, 8, 6, WIDTH), (2, 2, WIDTH)]  # the candidates', and those of the context


def test_a_rollout_has_gradients_to_its_actions():
    actions = torch.zeros(2, 3, 4, WIDTH, requires_grad=True)
    made().rollout(context(), actions).latents[:, :, -1, 0, 0].sum().backward()
    assert actions.grad is not None
    assert (actions.grad.abs().sum(dim=-1) > 0).all()


@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (2, 3, 4, 8), (3, 3, 4, 4)])
def test_actions_of_another_width_or_batch_are_refused(shape):
    with pytest.raises(ShapeError, match="A=4"):
        made().rollout(context(), torch.zeros(shape))


def test_statistics_are_set_by_name():
    model = made()
    wanted = {
        "pixel_mean": torch.tensor([7.0]),
        "pixel_std": torch.tensor([9.0]),
        "action_mean": torch.arange(4.0),
        "action_std": torch.arange(4.0) + 1,
    }
    model.set_statistics(wanted)
    held = model.state_dict()
    for name, place in {name: "encoder." * name.startswith("pixel") + name for name in wanted}.items():
        assert torch.equal(held[place], wanted[name])
    torch.testing.assert_close(model.normalised(torch.arange(4.0)), torch.zeros(4))


@pytest.mark.parametrize(
    ("statistics", "words"),
    [({"action_mean": torch.zeros(2)}, "expects \\(4,\\)"), ({"pixel_variance": torch.zeros(1)}, "pixel_std")],
)
def test_statistics_that_do_not_fit_are_refused(statistics, words):
    with pytest.raises(ShapeError, match=words):
        made().set_statistics(statistics)


def test_something_that_cannot_encode_is_no_encoder():
    with pytest.raises(BadInput, match="Linear has no `encode`"):
        JEPA(nn.Linear(2, 2), made().predictor, ACTION, SKIP)


def test_it_can_be_built_without_memory():
    with torch.device("meta"):
        encoder = ConvEncoder(ConvEncoderConfig(latent=100_000))
        model = JEPA(encoder, ResidualMLP(ResidualMLPConfig(hidden=100_000), 100_000, WIDTH), ACTION, SKIP)
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}
    assert model.state_dict()["action_mean"].shape == (WIDTH,)
