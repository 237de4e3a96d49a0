"""The claims physics-table and false-alarms: who is right for the wrong reason misses a bar, and parts can be resumed."""

import json

import pytest
import torch

from claims import physics_table
from claims.false_alarms import FalseAlarmsClaim
from claims.physics_figures import figures_of, rows_of
from claims.physics_table import SPLITS, PhysicsTableClaim, scores_of
from gedanken.environments.table import PROPERTIES
from gedanken.errors import BadInput
from gedanken.evaluation.surprise import Scorer

CLAIM = PhysicsTableClaim()
SEEDS = ["table-0", "table-1"]


def splits(right=1.0, weak=None, onset=0.0):
    """Twenty quadruplets a property; a share of them all right, the others as by chance; `weak` is a property at chance."""
    generator = torch.Generator().manual_seed(0)
    names = [name for name in PROPERTIES for _ in range(20)]
    won = [
        [1.0] * 4 if float(torch.rand((), generator=generator)) < right and n != weak else [1.0, 0.0, 0.0, 1.0]
        for n in names
    ]
    scorers = (*SEEDS, "table-pixels-0", "copy-last")
    part = {
        "properties": names,
        "pairs": dict.fromkeys(scorers, won),
        "onsets": dict.fromkeys(scorers, [[onset, onset]] * len(names)),
        "impossible": dict.fromkeys(scorers, [[2.0, 3.0]] * len(names)),
    }
    return {split: scores_of(json.loads(json.dumps(part))) for split in SPLITS}


def holds(found, above=0.9):
    figures = figures_of(found, dict.fromkeys(found["id"], above), SEEDS)
    return all(bound.met_by(figures) for bound in CLAIM.bar)


def test_all_right_holds_and_each_way_to_fall_short_does_not():
    assert holds(splits())
    assert not holds(splits(right=0.5))
    assert not holds(splits(weak="gravity"))
    assert not holds(splits(onset=3.0))
    assert not holds(splits(), above=0.6)


def test_who_finds_motion_surprising_gets_no_quadruplet():
    figures = figures_of(splits(right=0.0), dict.fromkeys(splits()["id"], 0.9), SEEDS)
    assert figures["id"] == 0.5
    assert figures["quadruplets"] == 0.0


def test_there_is_a_row_for_each_model_and_for_what_has_no_seeds():
    rows = rows_of(splits(), dict.fromkeys(splits()["id"], 0.9), {"table": 2, "table-pixels": 1})
    names = [row["name"] for row in rows if row["name"].startswith("id: ")]
    assert names == ["id: table", "id: table-pixels", "id: copy-last"]
    assert rows[0]["seeds"] == 2
    assert rows[0]["n"] == 400
    json.dumps(rows)


def test_the_parts_can_be_told_apart_and_a_split_needs_its_models(tmp_path):
    names = [part.name for part in CLAIM.parts()]
    assert len(names) == len(set(names)) == 3 + 3 + 1 + len(SPLITS) + 1
    with pytest.raises(BadInput, match="part table-0 first"):
        CLAIM.scorers(tmp_path)
    with pytest.raises(BadInput, match="--only table-0"):
        FalseAlarmsClaim().parts()[0].measure(tmp_path)


def test_what_is_measured_becomes_json_and_comes_back(monkeypatch):
    monkeypatch.setattr(physics_table, "PROPERTIES", {"colour": PROPERTIES["colour"]})
    still = Scorer("still", lambda clips: torch.zeros(clips.frames.shape[:2]))
    part = json.loads(json.dumps(CLAIM.measured([still], "id", "dev", 1)))
    assert scores_of(part)["still"].pairs.tolist() == [[0.5] * 4]
