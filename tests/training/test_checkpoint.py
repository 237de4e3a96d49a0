import os
from pathlib import Path

import pytest
import torch
from torch import nn

from gedanken.errors import BadRunFolder, StorageError
from gedanken.training import load_checkpoint, save_checkpoint


def trained(seed: int, steps: int = 3, width: int = 4) -> tuple[dict[str, nn.Module], torch.optim.AdamW]:
    torch.manual_seed(seed)
    modules = {"model": nn.Linear(width, 2), "objective": nn.Linear(2, 1), "unused": nn.Linear(1, 1)}
    optimiser = torch.optim.AdamW([each for module in modules.values() for each in module.parameters()])
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        modules["objective"](modules["model"](torch.randn(5, width))).square().mean().backward()
        optimiser.step()
    return modules, optimiser


def weights(modules: dict[str, nn.Module]) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}


@pytest.fixture
def written(tmp_path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, 3, *trained(0), "this run")
    return path


def test_weights_moments_and_step_come_back(written):
    modules, optimiser = trained(1, steps=0)
    assert load_checkpoint(written, modules, optimiser, "this run")[0] == 3
    expected, reference = trained(0)
    assert all(torch.equal(value, weights(modules)[name]) for name, value in weights(expected).items())
    kept, wanted = optimiser.state_dict()["state"], reference.state_dict()["state"]
    assert kept.keys() == wanted.keys()
    assert len(kept) == 4  # what never had a gradient has no moments
    for index, state in wanted.items():
        assert all(torch.equal(value, kept[index][name]) for name, value in state.items())


def test_another_configuration_is_refused(written):
    modules, optimiser = trained(1)
    before = {name: value.clone() for name, value in weights(modules).items()}
    with pytest.raises(BadRunFolder, match="another configuration"):
        load_checkpoint(written, modules, optimiser, "another run")
    assert all(torch.equal(value, weights(modules)[name]) for name, value in before.items())


def test_another_model_is_refused(written):
    with pytest.raises(BadRunFolder, match="does not fit this model"):
        load_checkpoint(written, *trained(1, width=5), "this run")


@pytest.mark.parametrize("damage", ["empty", "torn", "text", "missing"])
def test_a_broken_file_is_refused_by_name(written, damage):
    whole = written.read_bytes()
    if damage == "missing":
        written.unlink()
    else:
        written.write_bytes({"empty": b"", "torn": whole[: len(whole) // 2], "text": b"not a checkpoint"}[damage])
    with pytest.raises(BadRunFolder, match=r"checkpoint\.safetensors is not a readable checkpoint"):
        load_checkpoint(written, *trained(1), "this run")


def test_a_full_disk_leaves_the_checkpoint_before(written, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(StorageError, match="free some space and resume"):
            save_checkpoint(written, 4, *trained(2), "this run")
    modules, optimiser = trained(1)
    assert load_checkpoint(written, modules, optimiser, "this run")[0] == 3
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_what_a_kill_left_half_written_is_overwritten(written):
    aside = written.with_name(".checkpoint.safetensors.writing")
    aside.write_bytes(b"half")
    save_checkpoint(written, 5, *trained(2), "this run")
    assert not aside.exists()
    assert load_checkpoint(written, *trained(1), "this run")[0] == 5
