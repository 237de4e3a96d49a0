"""A predictor that recalls: memories change what is predicted, and by what is in them alone."""

from dataclasses import replace

import pytest
import torch

from gedanken.contracts import check_world_model
from gedanken.errors import BadInput, ShapeError
from gedanken.models import (
    JEPA,
    CarryingPredictor,
    GRUPredictor,
    GRUPredictorConfig,
    Recalling,
    RecallingConfig,
    RecallingPredictor,
    ResidualMLP,
    ResidualMLPConfig,
)
from gedanken.types import ActionSpec, Context, Recollection

D, P, K = 6, 2, 5
ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))


class AsSeen(torch.nn.Module):
    def encode(self, observation):
        return observation["places"]


def model(predictor=None) -> JEPA:
    torch.manual_seed(0)
    made = JEPA(AsSeen(), predictor or Recalling(RecallingConfig(hidden=16, count=K, head_width=8), D, 2), ACTION, 1)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made.eval()


def memories(batch=3) -> Recollection:
    torch.manual_seed(1)
    ages = torch.tensor([1.0, 10.0, 100.0, 1e3, 1e6]).expand(batch, K).clone()
    return Recollection(torch.randn(batch, K, P, D), torch.rand(batch, K), ages, torch.randn(batch, K, 2))


def predicted(of: JEPA, recalled: Recollection | None) -> torch.Tensor:
    torch.manual_seed(2)
    context = Context(torch.randn(3, 1, P, D), torch.zeros(3, 0, 2), recalled=recalled)
    with torch.no_grad():
        return of.rollout(context, torch.randn(3, 4, 6, 2)).latents


def test_it_keeps_the_contract_and_says_what_it_wants_and_how_much():
    made = model()
    check_world_model(made, {"places": torch.randn(2, 3, P, D)})
    assert isinstance(made.predictor, RecallingPredictor)
    assert made.recalls == K
    assert made.asked(torch.randn(3, P, D)).shape == (3, P, D)
    other = model(ResidualMLP(ResidualMLPConfig(hidden=8), D, 2))
    assert other.recalls == 0
    assert other.asked(torch.randn(3, P, D)) is None
    with pytest.raises(BadInput, match="looks at no memories"):
        predicted(other, memories())


@pytest.mark.parametrize("part", ["latents", "distances", "ages", "moves"])
def test_everything_that_a_memory_says_counts(part):
    made, told = model(), memories()
    changed = replace(told, **{part: getattr(told, part).flip(1)})
    assert (predicted(made, told) - predicted(made, changed)).abs().max() > 1e-4


def test_the_order_of_memories_says_nothing():
    made, told = model(), memories()
    shuffled = Recollection(*(getattr(told, name).flip(1) for name in ("latents", "distances", "ages", "moves")))
    torch.testing.assert_close(predicted(made, told), predicted(made, shuffled))


def test_no_memories_are_the_same_as_none_to_look_at():
    made, told = model(), memories()
    none = replace(told, distances=torch.full((3, K), torch.inf))
    torch.testing.assert_close(predicted(made, none), predicted(made, None))
    assert predicted(made, replace(told, moves=torch.full((3, K, 2), torch.nan))).isfinite().all()


def test_a_moment_many_times_over_outweighs_not_what_was_asked_for():
    """Ten thousand copies add log 10,000 to a weight; that much nearness is taken off by a little distance."""
    made, told = model(), memories()
    made.predictor.log_sharpness.data.fill_(5.0)
    near = told.distances.clone()
    near[:, 0], near[:, 1:] = 0.0, 1.0
    many = near - torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0]) * torch.tensor(1e4).log() / made.predictor.sharpness
    one, other = (predicted(made, replace(told, distances=each)) for each in (near, many))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_gradients_are_finite_where_there_is_nothing_to_recall():
    made = model()
    made.train()
    told = replace(memories(), distances=torch.full((3, K), torch.inf), moves=torch.full((3, K, 2), torch.nan))
    made.open_loop(torch.randn(3, 4, P, D), torch.randn(3, 3, 2), 3, 1, told)[-1].square().sum().backward()
    assert all(each.grad is None or bool(each.grad.isfinite().all()) for each in made.parameters())


def test_memories_of_another_shape_and_sizes_out_of_range_are_refused():
    with pytest.raises(ShapeError, match="memories are"):
        predicted(model(), replace(memories(), latents=torch.randn(3, K, 1, D)))
    for wrong in ({"hidden": 0}, {"count": 0}, {"likeness": 0.0}, {"depth": 99}):
        with pytest.raises(BadInput, match="must"):
            RecallingConfig(**wrong)


def test_a_gru_carried_on_remembers_what_reading_all_of_it_would():
    made = model(GRUPredictor(GRUPredictorConfig(hidden=8), D, 2))
    assert isinstance(made.predictor, CarryingPredictor)
    latents, actions, ahead = torch.randn(2, 9, P, D), torch.randn(2, 8, 2), torch.randn(2, 4, 3, 2)
    state = None
    with torch.no_grad():
        for step in range(8):
            state = made.carry(state, latents[:, step], actions[:, step])
        whole = made.rollout(Context(latents, actions), ahead).latents
        carried = made.rollout(Context(latents[:, -1:], actions[:, :0], state=state), ahead).latents
    torch.testing.assert_close(whole, carried)
    assert model().carry(None, latents[:, 0], actions[:, 0]) is None
    with pytest.raises(BadInput, match="carries no state"):
        model().rollout(Context(latents[:, -1:], actions[:, :0], state=state), ahead)
