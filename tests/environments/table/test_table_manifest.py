"""The names in the repository draw the clips whose hashes stand beside them."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from gedanken.environments.table import PROPERTIES, quadruplet
from gedanken.environments.table.splits import VERSION

MANIFEST = Path(__file__).parents[3] / "benchmarks" / "manifests" / "clips" / "table-v1.json"


@pytest.mark.parametrize(
    ("split", "name"), [("id", "breakage"), ("novel-object", "shape"), ("novel-layout", "support")]
)
def test_a_name_draws_the_clips_whose_hash_is_committed(split, name):
    """Settings are made on dev alone, and so is this test."""
    written = json.loads(MANIFEST.read_text("utf-8"))
    frames = quadruplet(name, split, "dev", 0).frames
    assert written["version"] == VERSION, "the generator changed: bump VERSION and run benchmarks/physics_manifest.py"
    assert sha256(frames.numpy().tobytes()).hexdigest() == written["frames"][split]["dev"][name]


def test_every_property_of_every_split_has_a_hash_of_its_own():
    written = json.loads(MANIFEST.read_text("utf-8"))["frames"]
    hashes = [digest for split in written.values() for part in split.values() for digest in part.values()]
    assert all(set(part) == set(PROPERTIES) for split in written.values() for part in split.values())
    assert len(set(hashes)) == len(hashes) == 4 * 2 * 10
