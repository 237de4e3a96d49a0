"""Pairs are drawn once, read back to the bit, named by their hash, and refused when anything about them was changed."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from plane_world import PlaneWorld

from gedanken.environments import TwoRooms
from gedanken.errors import BadFile, BadInput, StorageError, UnknownName
from gedanken.evaluation import load_manifest, make_manifest, manifest, save_manifest, write_standard_manifests

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "manifests"


def drawn(split="dev", pairs=6, wall="random", **changes):
    return make_manifest("two-rooms-v1", {"wall": wall}, split, pairs, **changes)


def rewritten(path, change):
    """The file with its content changed; `change` edits the parsed record."""
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    return path


def rehashed(record):
    record["sha256"] = manifest._hash({name: value for name, value in record.items() if name != "sha256"})


@pytest.fixture
def saved(tmp_path):
    save_manifest(drawn(), tmp_path / "pairs.json")
    return tmp_path / "pairs.json"


def test_a_manifest_reads_back_to_the_bit(tmp_path):
    made = drawn(pairs=50)
    save_manifest(made, tmp_path / "deep" / "pairs.json")
    read = load_manifest(tmp_path / "deep" / "pairs.json")
    assert (read.world, read.options, read.split, read.seed) == (made.world, made.options, made.split, made.seed)
    assert read.sha256 == made.sha256
    for ours, theirs in ((made.starts, read.starts), (made.goals, read.goals)):
        assert set(ours) == set(theirs) == {"position", "wall_x", "door_y"}
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_committed_manifests_are_what_their_seeds_draw(tmp_path):
    for path in write_standard_manifests(tmp_path):
        assert path.read_bytes() == (COMMITTED / path.name).read_bytes(), path.name


def test_the_committed_manifests_share_no_pair_and_are_tasks():
    world, seen = TwoRooms(), []
    for split, seed in (("dev", 1001), ("test", 2002)):
        pairs = load_manifest(COMMITTED / f"two-rooms-v1-fixed-{split}.json")
        assert (len(pairs), pairs.split, pairs.seed, pairs.options) == (500, split, seed, {"wall": "fixed"})
        start, goal = pairs.pairs(world)
        assert not world.reached(start, goal).any()
        assert ((start["position"][:, 0] < 32) != (goal["position"][:, 0] < 32)).all()
        assert not world.blocks(start).cover(start["position"]).any()
        seen.append({tuple(row) for row in torch.cat([start["position"], goal["position"]], dim=1).tolist()})
    assert len(seen[0]) == len(seen[1]) == 500
    assert not seen[0] & seen[1]


def test_fewer_pairs_are_the_first_of_more():
    few, many = drawn(pairs=5), drawn(pairs=501)
    assert torch.equal(few.goals["position"], many.goals["position"][:5])
    assert len(many) == 501


def test_the_hash_names_everything():
    one = drawn()
    moved = {**one.starts, "position": one.starts["position"].clone()}
    moved["position"][3, 1] += 0.001
    others = [
        replace(one, starts=moved),
        replace(one, goals=one.starts),
        replace(one, split="test"),
        replace(one, seed=7),
        replace(one, options={}),
        replace(one, world="other-v1"),
    ]
    assert len({one.sha256, *(other.sha256 for other in others)}) == 7


def test_pairs_that_are_solved_at_the_start_are_left_out(monkeypatch):
    world = PlaneWorld(reach=3.0)
    monkeypatch.setattr(manifest, "make_world", lambda name: world)
    start, goal = world.pairs(500, torch.Generator().manual_seed(1001))
    assert world.reached(start, goal).any()  # or the test shows nothing
    made = make_manifest("plane-v1", {}, "dev", 700)
    assert len(made) == 700
    assert not world.reached(*made.pairs(world)).any()

    world.reach = 1e9
    with pytest.raises(BadInput, match="solved at the start"):
        make_manifest("plane-v1", {}, "dev", 5)


def test_pairs_of_another_world_are_refused():
    with pytest.raises(BadInput, match="plane-v1"):
        drawn().pairs(PlaneWorld())


def test_a_moved_start_is_refused(saved):
    path = rewritten(saved, lambda record: record["starts"]["position"][0].__setitem__(0, 9.0))
    with pytest.raises(BadFile, match="hashes to"):
        load_manifest(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda record: record["starts"]["position"][0].__setitem__(0, 9.0), "hashes to"),
        (lambda record: record.update(seed=1), "hashes to"),
        (lambda record: record.update(sha256="0" * 64), "hashes to"),
        (lambda record: record.pop("sha256"), "sha256"),
        (lambda record: record.update(version=2), "version is 2"),
        (lambda record: record.pop("version"), "version is None"),
        (lambda record: record.update(note="mine"), "note"),
        (lambda record: (record.pop("goals"), rehashed(record)), "goals"),
        (lambda record: (record["goals"].pop("wall_x"), rehashed(record)), "same entries"),
        (lambda record: (record["goals"]["position"].pop(), rehashed(record)), "same entries"),
        (lambda record: (record["goals"].update(position=[[1.0], [1.0, 2.0]]), rehashed(record)), "rows alike"),
        (lambda record: (record["goals"].update(position="here"), rehashed(record)), "rows alike"),
        (lambda record: (record["goals"].update(position=3.0), rehashed(record)), "one row a pair"),
        (lambda record: (record["starts"]["wall_x"].__setitem__(0, 1e39), rehashed(record)), "not finite"),
        (lambda record: (record.update(split="train"), rehashed(record)), "no split 'train'"),
        (lambda record: (record["options"].update(wall=[1]), rehashed(record)), "options"),
        (lambda record: (record.update(starts={}, goals={}), rehashed(record)), "same entries"),
    ],
)
def test_a_changed_file_is_refused_in_a_sentence(saved, change, complaint):
    with pytest.raises(BadFile, match=complaint):
        load_manifest(rewritten(saved, change))


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"version": 1, "version": 1}', b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    (tmp_path / "pairs.json").write_bytes(content)
    with pytest.raises(BadFile):
        load_manifest(tmp_path / "pairs.json")


def test_a_file_that_is_not_there_or_cannot_be_written_is_named(tmp_path):
    with pytest.raises(BadFile, match=r"none\.json"):
        load_manifest(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        save_manifest(drawn(), tmp_path / "file" / "pairs.json")


def test_infinite_places_unknown_splits_and_no_pairs_are_refused():
    with pytest.raises(UnknownName, match="dev, test"):
        drawn(split="devel")
    with pytest.raises(BadInput, match="pairs=0"):
        drawn(pairs=0)
    one = drawn()
    with pytest.raises(BadInput, match="finite"):
        replace(one, starts={**one.starts, "wall_x": torch.full((6,), math.nan)})
