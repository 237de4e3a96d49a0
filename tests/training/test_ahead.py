"""Windows that are read ahead: while a step is computed, the same ones, and no more than there are."""

from threading import Event, current_thread

import pytest
import torch

from gedanken.data import EpisodeFolder, JPEGConfig, WindowSampler
from gedanken.recipes import PLDM, build
from gedanken.training import ahead, train
from gedanken.training.ahead import Ahead, ahead_where_it_pays
from gedanken.types import ActionSpec, Episode, StreamSpec
from moving_dot import ACTION, DotWindows, dot_recipe


def test_the_next_step_is_read_while_this_one_is_computed():
    begun, threads = [Event() for _ in range(5)], []

    def read(step: int) -> int:
        begun[step].set()
        threads.append(current_thread().name)
        return step

    reading = Ahead(read, 4)
    for step in range(4):
        assert reading(step) == step
        # This is where the step is computed: the next one must be on its way without another call.
        assert begun[step + 1].wait(10) if step < 3 else not begun[4].is_set()
    assert threads[0] == current_thread().name
    assert all(name.startswith("windows-ahead") for name in threads[1:])


def test_a_failure_belongs_to_its_step():
    def read(step: int) -> int:
        if step == 1:
            raise ValueError("step 1 cannot be read")
        return step

    reading = Ahead(read, 3)
    assert reading(0) == 0
    with pytest.raises(ValueError, match="step 1"):
        reading(1)


def test_a_step_out_of_turn_is_read_anew():
    reading = Ahead(lambda step: step, 10)
    assert [reading(step) for step in (3, 4, 8, 0)] == [3, 4, 8, 0]


@pytest.fixture
def sampler(tmp_path):
    specs, action = {"pixels": StreamSpec((16, 16, 3), "uint8")}, ActionSpec(1, (-1.0,), (1.0,))
    store = EpisodeFolder.create(tmp_path, specs, action, coded={"pixels": JPEGConfig()})
    levels = torch.arange(40, dtype=torch.uint8)[:, None, None, None] * 6
    pixels = levels.expand(40, 16, 16, 3).contiguous().numpy()
    store.append(Episode({"pixels": pixels}, torch.zeros(39, 1).numpy(), specs, action))
    return WindowSampler(store, length=2)


def test_it_pays_for_what_is_decoded_and_with_a_second_core(sampler, monkeypatch):
    monkeypatch.setattr(ahead, "_cores", lambda: 2)
    assert isinstance(ahead_where_it_pays(lambda step: step, 3, sampler), Ahead)
    assert not isinstance(ahead_where_it_pays(lambda step: step, 3, object()), Ahead)
    monkeypatch.setattr(ahead, "_cores", lambda: 1)
    assert not isinstance(ahead_where_it_pays(lambda step: step, 3, sampler), Ahead)


def test_a_run_that_reads_ahead_ends_in_the_same_weights(monkeypatch):
    weights = []
    for cores in (1, 2):
        monkeypatch.setattr(ahead, "_cores", lambda cores=cores: cores)
        windows, taken = DotWindows(4), []
        windows.decodes = True
        sample = windows.sample
        windows.sample = lambda *asked, sample=sample, taken=taken: (
            taken.append(current_thread().name) or sample(*asked)
        )
        torch.manual_seed(0)
        recipe = dot_recipe(steps=4, batch=8)
        model = build(recipe, ACTION)
        model.set_statistics({"pixel_mean": torch.tensor([20.0]), "pixel_std": torch.tensor([50.0])})
        train(model, PLDM(recipe.objective, recipe.encoder.latent, ACTION.width, 1), windows, recipe.train)
        weights.append(torch.cat([each.flatten() for each in model.parameters()]))
        assert any(name.startswith("windows-ahead") for name in taken) == (cores == 2)
        assert len(taken) == 1 + 4  # the meter's probe, and a batch a step
    assert torch.equal(*weights)
