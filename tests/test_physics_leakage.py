"""The claim physics-leakage: a control that leaks in one property, or a little in all, misses the bar."""

import pytest
import torch

from claims.physics_leakage import SIMULATOR, SPLITS, TRACKER, PhysicsLeakageClaim, tabled
from gedanken.environments.table import PROPERTIES

CLAIM = PhysicsLeakageClaim()


def parts(**leaks: float):
    """Two splits of 40 quadruplets a property, at chance but for the named ones, of which a share is all right."""
    generator = torch.Generator().manual_seed(0)

    def pairs(share: float) -> list[list[float]]:
        right = torch.rand(40, generator=generator) < share
        return [[1.0] * 4 if each else [1.0, 0.0, 0.0, 1.0] for each in right.tolist()]

    return {
        split: {
            name: {"pairs": {"motion": pairs(leaks.get(name, 0.0)), TRACKER: pairs(0.9), SIMULATOR: pairs(1.0)}}
            for name in PROPERTIES
        }
        for split in SPLITS[:2]
    }


def holds(found) -> bool:
    return all(bound.met_by(tabled(found)[1]) for bound in CLAIM.bar)


def test_chance_holds_and_what_may_know_is_no_gate():
    rows, figures = tabled(parts())
    assert holds(parts())
    assert figures["farthest from 50 %"] == 0.0
    assert {row["name"]: row["gate"] for row in rows}[f"id: {TRACKER}"] is False
    assert next(row for row in rows if row["name"] == "id: motion")["n"] == 40 * 10 * 2


@pytest.mark.parametrize("leaks", [{"colour": 0.5}, dict.fromkeys(PROPERTIES, 0.1)])
def test_a_leak_in_one_property_or_a_little_in_all_misses_the_bar(leaks):
    assert not holds(parts(**leaks))


def test_a_simulator_that_errs_misses_the_bar():
    found = parts()
    for name in PROPERTIES:
        found["id"][name]["pairs"][SIMULATOR] = [[0.5] * 4] * 40
    assert not holds(found)


def test_there_is_a_part_for_each_property_of_each_split():
    names = [part.name for part in CLAIM.parts()]
    assert len(names) == len(set(names)) == 40
    assert CLAIM.quads * len(PROPERTIES) * 2 >= 4000
