import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from gedanken import modelfile
from gedanken.agent import configure
from gedanken.errors import BadInput, BadModelFile
from gedanken.modelfile import ModelFile
from gedanken.models import JEPA
from gedanken.recipes import Loaded, build, load, save
from gedanken.types import Context
from moving_dot import ACTION, SPECS, dot_recipe, drawn

RECIPE = dot_recipe(seed=3)
STATISTICS = {
    "pixel_mean": torch.tensor([31.0]),
    "pixel_std": torch.tensor([47.0]),
    "action_mean": torch.tensor([0.4, -0.3]),
    "action_std": torch.tensor([1.7, 0.6]),
}


def made() -> JEPA:
    """An untrained model with statistics of its own; what it learnt does not matter here."""
    torch.manual_seed(0)
    model = build(RECIPE, ACTION)
    model.set_statistics({**STATISTICS, "step_change": torch.tensor(0.002)})
    return model.eval()


def frames(count: int, past: int = 1) -> dict[str, Tensor]:
    return {"pixels": drawn(2 + 10 * torch.rand(count, past, 2))}


@torch.no_grad()
def imagined(model: JEPA) -> Tensor:
    torch.manual_seed(1)
    latents = model.encode(frames(2, 3))
    return model.rollout(Context(latents, torch.zeros(2, 2, 2)), torch.randn(2, 4, 5, 2)).latents


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "model.safetensors"
    save(path, made(), RECIPE, SPECS, {"data": "dots", "steps": 0})
    return path


def test_what_was_saved_is_what_is_loaded(written):
    loaded = load(written)
    assert torch.equal(imagined(loaded.model), imagined(made()))
    assert loaded.recipe == RECIPE
    assert loaded.observation == SPECS
    assert loaded.lineage == {"data": "dots", "steps": 0}
    assert loaded.model.action == ACTION
    assert not loaded.model.training
    held = loaded.model.state_dict()
    assert all(torch.equal(value, held[name]) for name, value in made().state_dict().items())


def test_an_agent_of_the_loaded_model_decides_the_same(written):
    model = made()
    agents = load(written).agent(5), Loaded(model, RECIPE, SPECS, {}).agent(5)
    goal, seen = ({"pixels": each["pixels"][:, 0]} for each in (frames(2), frames(2)))
    decisions = []
    for agent in agents:
        agent.begin(goal)
        decisions.append([agent.act(seen).plan for _ in range(2)])
    for one, other in zip(*decisions, strict=True):
        assert torch.equal(one.actions, other.actions)
        assert torch.equal(one.energy, other.energy)
    assert decisions[0][0].actions.abs().max() > 0.1
    assert agents[0].thresholds == configure(made().step_change.item())[1]


def test_the_content_hash_is_that_of_the_weights(tmp_path):
    one = save(tmp_path / "one", made(), RECIPE, SPECS)
    again = save(tmp_path / "again", made(), RECIPE, SPECS)
    other = made()
    other.action_std[0] += 0.1
    assert one == again == modelfile.read_header(tmp_path / "one").content_hash
    assert save(tmp_path / "other", other, RECIPE, SPECS) != one


def rewritten(path, *, tensors=None, config=None, frame_skip=1) -> None:
    """The file again, sound in itself but with other contents."""
    model = made()
    held = {name: value for name, value in model.state_dict().items() if tensors is None or name in tensors}
    modelfile.write(path, ModelFile(config or {"recipe": RECIPE.as_dict()}, held, ACTION, SPECS, frame_skip))


@pytest.mark.parametrize(
    "name", ["encoder.pixel_mean", "encoder.pixel_std", "action_mean", "action_std", "step_change"]
)
def test_a_file_without_one_of_its_statistics_is_refused(written, name):
    with safe_open(written, "pt") as file:
        names = set(file.keys())
    assert name in names
    rewritten(written, tensors=names - {name})
    with pytest.raises(BadModelFile, match=f"'{name}' is missing"):
        load(written)


def test_a_file_of_another_shape_than_its_recipe_is_refused(written):
    wider = replace(RECIPE, predictor=replace(RECIPE.predictor, hidden=64))
    rewritten(written, config={"recipe": wider.as_dict()})
    with pytest.raises(BadModelFile, match=r"'predictor.from_latent.bias' is torch.float32 \(32,\), expected"):
        load(written)
    rewritten(written, frame_skip=2)
    with pytest.raises(BadModelFile, match="its recipe has frame_skip=1 and its header 2"):
        load(written)


def test_a_file_that_holds_no_recipe_is_refused(written):
    rewritten(written, config={"model": "unknown"})
    with pytest.raises(BadModelFile, match="holds no recipe"):
        load(written)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("predictor", "depth", 10**9),
        ("predictor", "hidden", 2**61),
        ("predictor", "hidden", 1.5),
        ("encoder", "latent", "8"),
        ("encoder", "size", []),
        ("encoder", "latent", 2**40),
    ],
)
def test_a_recipe_that_asks_for_the_impossible_is_refused(written, part, field, value):
    recipe = json.loads(json.dumps(RECIPE.as_dict()))
    recipe[part][field] = value
    rewritten(written, config={"recipe": recipe})
    with pytest.raises(BadModelFile):
        load(written)


def test_a_model_that_was_never_calibrated_makes_no_agent(tmp_path):
    model = made()
    model.step_change.zero_()
    save(tmp_path / "model", model, RECIPE, SPECS)
    with pytest.raises(BadInput, match="calibrate the model"):
        load(tmp_path / "model").agent()
