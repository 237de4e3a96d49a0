"""Numbers in the README come from the ledger, and the ledger from the manifest that lies in the repository."""

import importlib.util
import json
from pathlib import Path

import pytest

from gedanken.evaluation.manifest import load_manifest

ROOT = Path(__file__).parent.parent
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("two-rooms-*.json"))


def table_module():
    spec = importlib.util.spec_from_file_location("table", ROOT / "benchmarks" / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_shows_the_ledger():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table_module().with_table(text) == text, "run: python benchmarks/table.py"


def test_a_number_changed_by_hand_is_noticed():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith("| **two-rooms")]
    assert shown, "the ledger holds no claim"
    forged = text.replace(shown[0], shown[0].replace("%", "9 %", 1))
    assert table_module().with_table(forged) != forged


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_an_entry_is_whole_and_of_this_manifest(file):
    entry = json.loads(file.read_text())
    manifest = load_manifest(ROOT / "benchmarks" / "manifests" / "two-rooms-v1-fixed-test.json")
    assert entry["manifest"] == manifest.sha256
    assert entry["n"] == len(manifest)
    low, high = entry["interval"]
    assert 0 <= low <= entry["value"] <= high <= 1
    mean = sum(seed["value"] for seed in entry["seeds"]) / len(entry["seeds"])
    assert entry["value"] == pytest.approx(mean, abs=1e-6)
    assert entry["worst"] == pytest.approx(min(seed["value"] for seed in entry["seeds"]))
