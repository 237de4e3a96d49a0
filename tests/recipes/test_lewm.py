"""LeWM's two terms, and that they keep latents from collapsing where prediction alone lets them."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from gedanken.energies.losses import open_loop_errors, sigreg
from gedanken.errors import BadInput
from gedanken.recipes import LeWM, LeWMConfig, Recipe, build
from gedanken.recipes.recipe import build_objective
from moving_dot import ACTION, DotWindows, dot_recipe


def lewm_recipe(**weights: float) -> Recipe:
    recipe = dot_recipe()
    return replace(
        recipe,
        encoder=replace(recipe.encoder, head="batch_norm_mlp", head_hidden=32),
        predictor=replace(recipe.predictor, norm=False),
        objective=LeWMConfig(slices=64, **weights),
    )


def test_each_term_is_its_loss_times_its_weight_at_the_papers_batch():
    recipe = lewm_recipe(prediction=3.0, sigreg=0.5)
    torch.manual_seed(0)
    model, objective = build(recipe, ACTION), build_objective(recipe, ACTION)
    model.eval()  # the batch norm would move its statistics between the two passes
    seen = DotWindows(4).sample(6, Generator().manual_seed(1))
    found = objective(model, seen, Generator().manual_seed(2))
    latents = model.encode(seen.observations)
    predicted = model.open_loop(latents, seen.actions, 1)
    assert found["prediction"].item() == pytest.approx(3.0 * open_loop_errors(predicted, latents).mean().item())
    gaussian = sigreg(latents, Generator().manual_seed(2), 64).item()
    assert found["sigreg"].item() == pytest.approx(0.5 * 128 / 6 * gaussian)


@pytest.mark.parametrize(("weight", "collapses"), [(0.0, True), (0.09, False)])
def test_the_gaussian_term_holds_latents_apart(weight, collapses):
    recipe = lewm_recipe(sigreg=weight)
    torch.manual_seed(0)
    model, objective = build(recipe, ACTION), build_objective(recipe, ACTION)
    optimiser, windows = torch.optim.AdamW(model.parameters(), 3e-3), DotWindows(4)
    for step in range(60):
        generator = Generator().manual_seed(step)
        loss = torch.stack(list(objective(model, windows.sample(32, generator), generator).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        spread = model.encode(windows.sample(64, Generator().manual_seed(99)).observations).std(dim=0).mean().item()
    assert (spread < 0.25) == collapses, spread


def test_what_makes_no_sense_is_refused():
    for wrong in ({"ahead": 0}, {"slices": 0}, {"sigreg": -1.0}, {"prediction": -0.1}):
        with pytest.raises(BadInput):
            LeWMConfig(**wrong)
    assert not list(LeWM(LeWMConfig(), 8, 2, 1).parameters())
