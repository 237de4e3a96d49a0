"""Checkpoints as they lie: in shards or whole, the newest wins, and nothing that does not fit is used."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gedanken.errors import BadRunFolder
from gedanken.training.stored import Stored, forget_shards, index_of, shard_of, there_is

TABLE = torch.arange(15.0).reshape(5, 3)
INDEX = {
    "schema": 1,
    "step": 7,
    "fingerprint": "this run",
    "core_seconds": 2.5,
    "shards": 2,
    "tensors": {
        "model.table": {"shape": [5, 3], "rows": [3, 2]},
        "model.short": {"shape": [1], "rows": [1, 0]},
        "model.count": {"shape": [], "rows": None},
    },
}


def whole(path: Path, step: int) -> None:
    save_file({"model.table": TABLE}, path, {"step": str(step), "fingerprint": "this run", "core_seconds": "1"})


@pytest.fixture
def written(tmp_path) -> Path:
    """Two shards of a table of five rows, and their index."""
    path = tmp_path / "checkpoint.safetensors"
    first = {"model.table": TABLE[:3].clone(), "model.short": torch.ones(1), "model.count": torch.tensor(4)}
    save_file(first, shard_of(path, 7, 0, 2))
    save_file({"model.table": TABLE[3:].clone()}, shard_of(path, 7, 1, 2))
    index_of(path).write_text(json.dumps(INDEX))
    return path


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (0, 2), (2, 4), (3, 5), (4, 4), (5, 5)])
def test_rows_come_from_whichever_shards_hold_them(written, start, stop):
    with Stored.newest(written) as stored:
        assert torch.equal(stored.rows("model.table", start, stop), TABLE[start:stop])


def test_tensors_are_put_together(written):
    with Stored.newest(written) as stored:
        assert (stored.step, stored.fingerprint, stored.core_seconds) == (7, "this run", 2.5)
        assert sorted(stored.below("model")) == ["count", "short", "table"]
        assert torch.equal(stored.whole("model.table"), TABLE)
        assert stored.whole("model.count") == 4
        assert torch.equal(stored.like("model.table", torch.zeros(5, 3)), TABLE)
        with pytest.raises(ValueError, match="expected"):
            stored.like("model.table", torch.zeros(4, 3))


@pytest.mark.parametrize(("step", "newest"), [(6, 7), (8, 8)])
def test_the_newest_of_both_kinds_is_taken(written, step, newest):
    whole(written, step)
    with Stored.newest(written) as stored:
        assert stored.step == newest


def test_old_shards_go_and_new_ones_stay(written):
    forget_shards(written, before=7)
    assert len(list(written.parent.iterdir())) == 3
    forget_shards(written, before=8)
    assert list(written.parent.iterdir()) == []
    assert not there_is(written)


def changed(**fields: object) -> str:
    return json.dumps({**INDEX, **fields})


@pytest.mark.parametrize(
    "index",
    [
        "",
        "[]",
        "{}",
        changed(schema=2),
        changed(step=-1),
        changed(step=8),
        changed(step="../../7"),
        changed(shards=0),
        changed(shards=3),
        changed(shards=2**40),
        changed(fingerprint=None),
        changed(core_seconds="much"),
        changed(tensors=[]),
        changed(tensors={}),
        changed(tensors={**INDEX["tensors"], "model.table": None}),
        changed(tensors={**INDEX["tensors"], "model.table": {"shape": [5, 3], "rows": [2, 3]}}),
        changed(tensors={**INDEX["tensors"], "model.table": {"shape": [2**20, 2**20], "rows": None}}),
        changed(tensors={**INDEX["tensors"], "model.table": {"shape": [], "rows": [1, 1]}}),
        changed(tensors={**INDEX["tensors"], "model.more": {"shape": [2], "rows": [1, 1]}}),
    ],
)
def test_an_index_that_lies_is_refused(written, index):
    index_of(written).write_text(index)
    with pytest.raises(BadRunFolder, match="is not a readable checkpoint"):
        Stored.newest(written)


@pytest.mark.parametrize("damage", [b"", b"text", None])
def test_a_broken_shard_is_refused(written, damage):
    shard = shard_of(written, 7, 1, 2)
    shard.write_bytes(shard.read_bytes()[:-4] if damage is None else damage)
    with pytest.raises(BadRunFolder, match="is not a readable checkpoint"):
        Stored.newest(written)
    shard.unlink()
    with pytest.raises(BadRunFolder, match="is not a readable checkpoint"):
        Stored.newest(written)
