import pytest
import torch

from gedanken.errors import BadInput
from gedanken.training import precision
from gedanken.training.precision import autocast, fastest_dtype

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def capabilities(monkeypatch):
    """What the chip says it has; the tests time a chip with AMX unless they say otherwise."""
    has = {"architecture": "x86_64", "amx_bf16": True, "avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    return has


def measured(monkeypatch, seconds: dict[str, float]) -> str:
    """What is picked where a step takes so long in each type, by a clock that only the step moves."""
    now = 0.0

    def step() -> None:
        nonlocal now
        kind = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
        now += seconds[kind]

    monkeypatch.setattr(precision, "process_time", lambda: now)
    return fastest_dtype(step, CPU)


@pytest.mark.parametrize(
    ("float32", "bfloat16", "expected"),
    [(1.0, 0.2, "bfloat16"), (1.0, 12.0, "float32"), (1.0, 1.0, "float32"), (1.0, 0.97, "float32")],
)
def test_the_faster_type_is_picked_and_float32_on_a_tie(monkeypatch, float32, bfloat16, expected):
    assert measured(monkeypatch, {"float32": float32, "bfloat16": bfloat16}) == expected


def test_the_first_step_of_each_type_is_not_timed(monkeypatch):
    """It allocates, and would count against whichever type comes first."""
    now, calls = 0.0, {"float32": 0, "bfloat16": 0}

    def step() -> None:
        nonlocal now
        kind = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
        calls[kind] += 1
        now += 100.0 if calls[kind] == 1 and kind == "float32" else 1.0

    monkeypatch.setattr(precision, "process_time", lambda: now)
    assert fastest_dtype(step, CPU) == "float32"


def test_a_program_beside_it_that_comes_and_goes_changes_nothing(monkeypatch):
    """float32 is five times faster here, but every other stretch of four steps takes twenty times as long."""
    now, calls = 0.0, 0

    def step() -> None:
        nonlocal now, calls
        kind = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
        now += (5.0 if kind == "bfloat16" else 1.0) * (20.0 if (calls // 4) % 2 == 0 else 1.0)
        calls += 1

    monkeypatch.setattr(precision, "process_time", lambda: now)
    assert fastest_dtype(step, CPU) == "float32"


def test_a_chip_without_bfloat16_products_is_not_timed(monkeypatch, capabilities):
    capabilities |= {"amx_bf16": False, "avx512_bf16": False}
    assert measured(monkeypatch, {"float32": 1.0, "bfloat16": 0.2}) == "float32"


def test_another_kind_of_chip_is_timed(monkeypatch, capabilities):
    capabilities.clear()
    capabilities["architecture"] = "aarch64"
    assert measured(monkeypatch, {"float32": 1.0, "bfloat16": 0.2}) == "bfloat16"


def test_autocast_is_off_in_float32_and_on_in_bfloat16():
    layer = torch.nn.Linear(4, 4)
    with autocast(CPU, "float32"):
        assert layer(torch.zeros(1, 4)).dtype == torch.float32
    with autocast(CPU, "bfloat16"):
        assert layer(torch.zeros(1, 4)).dtype == torch.bfloat16


def test_auto_is_no_type_to_compute_in():
    with pytest.raises(BadInput, match="not decided"):
        autocast(CPU, "auto")
