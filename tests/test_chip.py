"""The floor: rates that grow with what is done, and are of the right size."""

import json
import time

import pytest
import torch

from gedanken import chip
from gedanken.cli.main import main


def test_a_rate_counts_what_was_done_in_the_time_it_took(monkeypatch):
    clock = iter(k * 0.5 for k in range(1000))
    monkeypatch.setattr(time, "process_time", lambda: next(clock))
    # Each stretch looks at the clock once before and once after each product, so two products take a second.
    assert chip.matrix_rate(3, 5, 7, "float32", seconds=1.0) == pytest.approx(2 * (2 * 3 * 5 * 7))
    assert chip.bandwidth(seconds=1.0) == pytest.approx(2 * (2 * chip.COPIED))


def test_the_product_is_of_the_shape_and_type_it_says(monkeypatch):
    seen = []
    linear = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", lambda a, b: seen.append((a, b)) or linear(a, b))
    assert chip.matrix_rate(3, 5, 7, "bfloat16", seconds=0.0) > 0
    assert {(left.shape, right.shape, left.dtype) for left, right in seen} == {((3, 5), (7, 5), torch.bfloat16)}


def test_the_verb_prints_every_figure(monkeypatch, capsys):
    measure = chip.measure
    monkeypatch.setattr(chip, "measure", lambda: measure(seconds=0.0))
    main(["bench", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {(each["name"], each["dtype"]) for each in found["matrix"]} == {
        (name, dtype) for name in chip.SHAPES for dtype in ("float32", "bfloat16")
    }
    assert all(each["flops"] > 1e6 for each in found["matrix"])
    assert found["copied"] > 1e7
    main(["bench"])
    said = capsys.readouterr().out
    assert all(name in said for name in chip.SHAPES)
    assert "a copy moves" in said
