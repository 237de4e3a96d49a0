"""The table as a world: it keeps the contract, a step is a pure function, and its expert gets glasses to where they should be."""

import subprocess
import sys

import pytest
import torch
from torch import Generator

from gedanken.contracts import check_world
from gedanken.environments.table import Table
from gedanken.environments.table.state import OBJECTS
from gedanken.errors import NonFinite, ShapeError, UnknownName
from gedanken.evaluation import make_manifest
from gedanken.evaluation.manifest import load_manifest, save_manifest

WORLD = Table()


def some(count: int = 4):
    return WORLD.pairs(count, Generator().manual_seed(3))


def test_it_keeps_the_contract():
    check_world(WORLD)


def test_a_step_is_a_pure_function_of_each_row():
    start, goal = some()
    kept = {name: values.clone() for name, values in start.items()}
    action = WORLD.expert(start, goal)
    once, again = WORLD.step(start, action), WORLD.step(start, action)
    alone = WORLD.step({name: values[2:3] for name, values in start.items()}, action[2:3])
    for name in start:
        assert torch.equal(start[name], kept[name])
        assert torch.equal(once[name], again[name])
        assert torch.equal(once[name][2:3], alone[name])


def test_the_expert_gets_every_glass_there_and_breaks_none():
    now, goal = some(8)
    assert not WORLD.reached(now, goal).any()
    ever = torch.zeros(8, dtype=torch.bool)
    for _ in range(70):
        now = WORLD.step(now, WORLD.expert(now, goal))
        ever |= WORLD.reached(now, goal)
    assert ever.all()
    assert (now["present"][:, 0] > 0).all()


def test_a_glass_pushed_over_the_edge_breaks_and_never_reaches_its_goal():
    now, goal = some(1)
    now["position"][:, 0, 0], now["finger"][:] = 48.0, torch.tensor([42.0, 31.0])
    for _ in range(20):
        now = WORLD.step(now, torch.tensor([[2.5, 0.0, -1.0]]))
    assert now["present"][0, 0] == 0
    assert (now["present"][0, OBJECTS:] == 1).all()
    assert not WORLD.reached(now, goal).any()


def test_a_glass_survives_a_fall_that_is_slower_than_what_breaks_it():
    now, _ = some(1)
    now["position"][:, 0, 0], now["finger"][:] = 48.0, torch.tensor([42.0, 31.0])
    now["gravity"][:] *= 0.3
    for _ in range(20):
        now = WORLD.step(now, torch.tensor([[2.5, 0.0, -1.0]]))
    assert now["present"][0, 0] == 1
    assert now["position"][0, 0, 1] > 45


def test_a_closed_hand_carries_and_an_open_one_lets_go():
    now, _ = some(1)
    now["finger"][:] = now["position"][:, 0] - torch.tensor([0.0, 6.0])
    for _ in range(4):
        now = WORLD.step(now, torch.tensor([[0.0, -3.0, 1.0]]))
    carried = float(now["position"][0, 0, 1])
    assert carried == pytest.approx(29.5 - 12.0, abs=0.2)
    for _ in range(9):
        now = WORLD.step(now, torch.tensor([[0.0, -3.0, -1.0]]))
    assert float(now["position"][0, 0, 1]) > carried + 3


def test_the_finger_enters_no_table():
    now, _ = some(1)
    now["finger"][:] = torch.tensor([12.0, 10.0])
    now["position"][:, 0, 0] = 45.0
    for _ in range(12):
        now = WORLD.step(now, torch.tensor([[0.0, 6.0, -1.0]]))
    assert float(now["finger"][0, 1]) == pytest.approx(32.0)


def test_looks_of_training_and_testing_share_no_background():
    train, test = (WORLD.factors(split, 40, Generator().manual_seed(0)) for split in ("train", "test"))
    assert not set(train["texture_seed"].tolist()) & set(test["texture_seed"].tolist())
    assert not set(train["texture"].flatten().tolist()) & set(test["texture"].flatten().tolist())
    assert (train["texture_amplitude"].max() < test["texture_amplitude"].min()).all()
    with pytest.raises(UnknownName, match="validation"):
        WORLD.factors("validation", 1, Generator())


def test_what_physics_never_reads_changes_nothing_that_happens():
    start, goal = some()
    dressed = {**start, **WORLD.factors("test", 4, Generator().manual_seed(1))}
    action = WORLD.expert(start, goal)
    for name, values in WORLD.step(start, action).items():
        if name not in WORLD.factors("default", 1, Generator()):
            assert torch.equal(values, WORLD.step(dressed, action)[name])
    assert not torch.equal(WORLD.observe(start)["pixels"], WORLD.observe(dressed)["pixels"])


def test_bad_actions_are_refused():
    start, _ = some()
    with pytest.raises(ShapeError, match=r"\(4, 3\)"):
        WORLD.step(start, torch.zeros(4, 2))
    with pytest.raises(NonFinite):
        WORLD.step(start, torch.full((4, 3), torch.nan))


def test_its_tasks_make_a_manifest_that_reads_back(tmp_path):
    manifest = make_manifest("table-v1", {}, "dev", 5)
    save_manifest(manifest, tmp_path / "table.json")
    again = load_manifest(tmp_path / "table.json")
    assert again.sha256 == manifest.sha256
    start, goal = again.pairs(WORLD)
    moved = WORLD.step(start, WORLD.expert(start, goal))
    assert moved["clock"].tolist() == [1.0] * 5


def test_pymunk_is_imported_only_by_those_who_simulate():
    code = "import sys, gedanken.environments; print('pymunk' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
