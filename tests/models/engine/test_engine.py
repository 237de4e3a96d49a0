"""Rollouts of an engine are the predictor's own, computed once, and never those of weights that are gone."""

import gc
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from gedanken.energies import GoalEnergy
from gedanken.models import JEPA, WindowTransformer, WindowTransformerConfig
from gedanken.models import jepa as jepa_module
from gedanken.models.engine import kept, precision, product, rounding
from gedanken.models.engine.product import Product
from gedanken.models.engine.window import WindowEngine
from gedanken.planners import CEMConfig, cem
from gedanken.types import ActionSpec, Context, Goal, Search

ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
LATENT = 12


class AsSeen(nn.Module):
    def encode(self, observation):
        return observation["latents"]


def made(window: int = 3, latent: int = LATENT, **sizes: int) -> JEPA:
    """A model whose every weight matters, and whose latents actions move."""
    torch.manual_seed(0)
    config = WindowTransformerConfig(
        **{"width": 12, "action_hidden": 16, "depth": 3, "heads": 2, "head_width": 4, "hidden": 16, "head_hidden": 16}
        | {"window": window, **sizes}
    )
    model = JEPA(AsSeen(), WindowTransformer(config, latent, 4), ACTION, 2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(
                torch.randn_like(parameter) * (parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.3)
            )
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1)
        for layer in (model.predictor.from_action[0], model.predictor.from_action[3]):
            layer.weight.mul_(3)
        norm = model.predictor.head[1]
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    model.action_mean.copy_(torch.linspace(-0.2, 0.2, 4))
    model.rollout_type = "float32"  # exact on a chip that multiplies bfloat16 as well
    return model.eval()


def question(frames: int = 1, horizon: int = 5, latent: int = LATENT, batch: int = 2, candidates: int = 3):
    context = Context(torch.randn(batch, frames, 1, latent), torch.randn(batch, frames - 1, 4))
    return context, torch.randn(batch, candidates, horizon, 4)


def plain(model: JEPA, context: Context, actions: Tensor) -> Tensor:
    with torch.enable_grad():
        return model.rollout(context, actions).latents.detach()


@torch.no_grad()
@pytest.mark.parametrize("window", [1, 2, 3, 4])
@pytest.mark.parametrize("frames", [1, 2, 3, 6])
def test_rollouts_are_the_predictors_own(window, frames):
    model = made(window)
    for horizon in (1, 5, 9):
        asked = question(frames, horizon)
        torch.testing.assert_close(model.rollout(*asked).latents, plain(model, *asked), atol=1e-5, rtol=0)


@torch.no_grad()
def test_so_are_those_of_latents_that_are_no_tokens_yet():
    model, asked = made(latent=7), question(2, latent=7)
    torch.testing.assert_close(model.rollout(*asked).latents, plain(model, *asked), atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_is_planned_is_the_same_plan(monkeypatch):
    model = made()
    context, _ = question(2, batch=2)
    goal = Goal(plain(model, context, torch.randn(2, 1, 5, 4))[:, 0, -1])
    start = Search(torch.zeros(2, 5, 4), torch.ones(2, 5, 4), -3.0, 3.0)
    config = CEMConfig(candidates=40, elites=6, rounds=8, plain=True, momentum=0.0, returns="mean")

    def planned():
        def energy(actions):
            return GoalEnergy("last")(model.rollout(context, actions), goal, actions)

        return cem(energy, start, config=config, generator=torch.Generator().manual_seed(1))

    quick = planned()
    monkeypatch.setattr(jepa_module, "engine_of", lambda *_: None)
    slow = planned()
    torch.testing.assert_close(quick.actions, slow.actions, atol=1e-5, rtol=0)
    assert (quick.trace.best[-1] < 0.5 * quick.trace.best[0]).all()


class Counted:
    """Counts rows of every product, by the product."""

    def __init__(self, monkeypatch) -> None:
        self.rows: dict[int, int] = {}
        product_of = Product.__call__

        def counted(this, rows):
            self.rows[id(this)] = self.rows.get(id(this), 0) + len(rows)
            return product_of(this, rows)

        monkeypatch.setattr(Product, "__call__", counted)


@torch.no_grad()
def test_nothing_is_computed_twice_and_the_past_once_for_all_candidates(monkeypatch):
    model = made()
    context, actions = question(3, horizon=5, batch=2, candidates=10)
    engine = WindowEngine(model.predictor)
    counted = Counted(monkeypatch)
    engine(context.latents[:, :, 0], context.actions, actions)
    first, last = engine.layers[0], engine.layers[-1]
    rows = [counted.rows[id(each)] for each in (first.to_memory, first.to_query, first.up, last.up, first.modulate)]
    # Pairs of the past: (0, 0), (1, 1), (1, 0); of the candidates: 3 + 3 + 3 + 2 + 1 − those at place 0.
    ahead = [(2, 3), (3, 3), (4, 3), (5, 2), (6, 1)]
    memory = sum(count for _, count in ahead)
    queries = sum(min(count, 2) for _, count in ahead)
    assert rows == [2 * 3 + 20 * memory, 2 * 1 + 20 * queries, 2 * 3 + 20 * memory, 20 * 5, 2 * 2 + 20 * 5]


def moved_by_an_optimiser(predictor):
    optimiser = torch.optim.SGD(predictor.parameters(), lr=1.0)
    with torch.enable_grad():
        sum(parameter.square().sum() for parameter in predictor.parameters()).backward()
    optimiser.step()


def loaded(predictor):
    predictor.load_state_dict({name: tensor * 1.5 for name, tensor in predictor.state_dict().items()})


def written_through_data(predictor):
    predictor.layers[1].to_attention.weight.data[3, 5] += 1


def put_in_its_place(predictor):
    predictor.layers[0].from_heads.weight.data = torch.randn(12, 8)


def its_statistics_moved(predictor):
    predictor.head[1].running_mean.add_(1)


def its_places_moved(predictor):
    predictor.positions.mul_(2)


def a_single_bias(predictor):
    predictor.layers[2].mlp[4].bias[0] += 0.5


CHANGES = [
    moved_by_an_optimiser,
    loaded,
    written_through_data,
    put_in_its_place,
    its_statistics_moved,
    its_places_moved,
    a_single_bias,
]


@torch.no_grad()
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_an_engine_is_never_older_than_the_weights(change, mode):
    model, asked = made(), question(2)
    with mode():
        before = model.rollout(*asked).latents
    change(model.predictor)
    with mode():
        after = model.rollout(*asked).latents.clone()
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, plain(model, *asked), atol=1e-5, rtol=0)


@torch.no_grad()
def test_an_engine_is_made_once_while_nothing_changes_and_goes_with_its_model(monkeypatch):
    makings = []
    kind = kept._ENGINES[WindowTransformer]
    counted = kind._replace(make=lambda *given: makings.append(1) or kind.make(*given))
    monkeypatch.setitem(kept._ENGINES, WindowTransformer, counted)
    model = made()
    for frames in (1, 2, 1):
        model.rollout(*question(frames))
    assert len(makings) == 1
    deepcopy(model).rollout(*question())
    assert len(makings) == 2
    held = len(kept._made)
    del model
    gc.collect()
    assert len(kept._made) < held


def used(model: JEPA, asked, monkeypatch) -> bool:
    calls = []
    call = WindowEngine.__call__
    with monkeypatch.context() as patch:
        patch.setattr(WindowEngine, "__call__", lambda *given: calls.append(1) or call(*given))
        model.rollout(*asked)
    return bool(calls)


def test_it_is_used_for_planning_and_for_nothing_else(monkeypatch):
    model, asked = made(), question()
    assert not used(model, asked, monkeypatch)
    with torch.no_grad():
        assert used(model, asked, monkeypatch)
        patches = Context(torch.randn(2, 1, 3, LATENT), asked[0].actions)
        assert not used(model, (patches, asked[1]), monkeypatch)
        with torch.autocast("cpu", torch.bfloat16):
            assert not used(model, asked, monkeypatch)
        assert not used(model.train(), asked, monkeypatch)
        model.eval().predictor.layers[0].dropout.train()
        assert not used(model, asked, monkeypatch)
        model.eval()
        hook = model.predictor.layers[1].register_forward_hook(lambda *_: None)
        assert not used(model, asked, monkeypatch)
        hook.remove()
        assert used(model, asked, monkeypatch)
        model.predictor.layers[0].mlp[2] = nn.GELU(approximate="tanh")
        model.predictor.layers[0].mlp[1] = nn.Sequential(model.predictor.layers[0].mlp[1], nn.Tanh())
        assert not used(model, asked, monkeypatch)
        assert not used(
            made().double(),
            (Context(*(x.double() for x in vars(asked[0]).values() if x is not None)), asked[1].double()),
            monkeypatch,
        )


@torch.no_grad()
def test_bfloat16_rounds_little_of_what_actions_do_and_is_measured(monkeypatch):
    model, asked = made(), question(2, candidates=20)
    exact = model.rollout(*asked).latents
    model.rollout_type = "bfloat16"
    rounded = model.rollout(*asked).latents
    assert rounded.dtype == torch.float32
    share = rounding(WindowEngine(model.predictor), WindowEngine(model.predictor, torch.bfloat16))
    assert 1e-4 < share < 0.05
    error = (rounded - exact).square().mean().sqrt() / exact.std(dim=1).square().mean().sqrt()
    assert 0.2 * share < error < 5 * share
    # Actions that do next to nothing drown in what is rounded.
    for layer in model.predictor.layers:
        layer.modulate[1].weight.mul_(1e-3)
    assert rounding(WindowEngine(model.predictor), WindowEngine(model.predictor, torch.bfloat16)) > 1.0


@torch.no_grad()
@pytest.mark.parametrize(("chip", "faster", "quiet", "taken"), [
    (True, True, True, torch.bfloat16),
    (False, True, True, torch.float32),
    (True, False, True, torch.float32),
    (True, True, False, torch.float32),
])  # fmt: skip
def test_bfloat16_is_taken_where_it_is_faster_and_safe(chip, faster, quiet, taken, monkeypatch):
    model = made()
    if not quiet:
        for layer in model.predictor.layers:
            layer.modulate[1].weight.mul_(1e-3)
    monkeypatch.setattr(kept, "multiplies_bfloat16", lambda: chip)
    monkeypatch.setattr(precision, "LARGEST_ROUNDING", 0.1)  # so small a model rounds 3 to 5 %
    times = iter([2.0, 1.0] * 3 if faster else [1.0, 1.0] * 3)
    monkeypatch.setattr(precision, "_timed", lambda work: next(times))
    assert kept.engine_of(model.predictor, question()[0].latents).dtype == taken
    assert kept.engine_of(model.predictor, question()[0].latents, "float32").dtype == torch.float32


@torch.no_grad()
@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("packs", [False, True])
def test_a_product_is_the_same_packed_or_not(gelu, dtype, packs, monkeypatch):
    monkeypatch.setattr(product, "packing_pays", lambda _: packs)
    weight, bias, rows = torch.randn(8, 6, dtype=torch.float64), torch.randn(8, dtype=torch.float64), torch.randn(5, 6)
    found = Product(weight, bias, dtype, gelu)(rows.to(dtype)).double()
    expected = rows.double() @ weight.T + bias
    expected = nn.functional.gelu(expected) if gelu else expected
    torch.testing.assert_close(found, expected, atol=1e-5 if dtype == torch.float32 else 0.05, rtol=0.02)


@torch.no_grad()
def test_without_the_private_operators_it_goes_on(monkeypatch):
    monkeypatch.setattr(product, "_packed", lambda weight: None)
    product.packing_pays.cache_clear()
    model, asked = made(), question()
    torch.testing.assert_close(model.rollout(*asked).latents, plain(model, *asked), atol=1e-5, rtol=0)
    product.packing_pays.cache_clear()
