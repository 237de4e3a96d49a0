"""Numbers in the README come from the ledger, the ledger from what was measured, and that from pairs nobody tuned on."""

import json
from pathlib import Path

import pytest
import torch

import table
from claims import CLAIMS
from claims.claim import Part, Quick, estimate, reproduce
from claims.ledger import RESULTS, Entry, at_least, at_most, read_entry, write_entry
from claims.two_rooms import TwoRoomsClaim
from gedanken.environments import make_world
from gedanken.errors import BadFile, BadInput
from gedanken.evaluation.intervals import success_interval
from gedanken.evaluation.manifest import load_manifest
from gedanken.modelfile import read_header

ROOT = Path(__file__).parent.parent
MANIFESTS = ROOT / "benchmarks" / "manifests"
FILES = sorted(RESULTS.glob("*.json"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def entry(**changes) -> Entry:
    """A small one."""
    fields = {
        "claim": "small",
        "what": "things that went well",
        "value": 0.75,
        "interval": (0.5, 0.9),
        "figures": {"mean": 0.75, "seconds": 3.0},
        "bar": (*at_least(mean=0.7), *at_most(seconds=4.0)),
        "n": 4,
        "seeds": [{"seed": 0, "value": 0.75, "success": "1101"}],
        "manifest": None,
        "command": "gedanken reproduce small",
        "git": ["abc"],
        "machine": ["here"],
        "training_core_seconds": 1.0,
        "evaluation_core_seconds": 2.0,
    }
    return Entry(**{**fields, **changes})


def test_the_readme_and_the_page_show_the_ledger():
    assert FILES, "the ledger is empty"
    assert table.with_table(README) == README, "run: python benchmarks/table.py"
    assert table.page() == table.PAGE.read_text(encoding="utf-8"), "run: python benchmarks/table.py"
    speed = table.SPEED.read_text(encoding="utf-8")
    assert table.speed(speed) == speed, "run: python benchmarks/table.py"


def test_a_number_changed_in_the_readme_is_noticed():
    line = next(line for line in README.splitlines() if line.startswith("| [two-rooms"))
    forged = README.replace(line, line.replace(" %", "9 %", 1))
    assert forged != README
    assert table.with_table(forged) != forged


def test_an_entry_comes_back_as_it_was_written(tmp_path):
    assert read_entry(write_entry(entry(), tmp_path)).figures == entry().figures


@pytest.mark.parametrize(
    ("old", "new"),
    [('"value": 0.75', '"value": 0.95'), ('"limit": 0.7', '"limit": 0.6'), ('"1101"', '"1111"')],
    ids=["value", "bar", "pair"],
)
def test_an_entry_changed_by_hand_is_refused(tmp_path, old, new):
    file = write_entry(entry(), tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(BadFile, match="changed by hand"):
        read_entry(file)


def test_a_bar_is_kept_or_missed():
    assert entry().holds
    assert not entry(bar=at_least(mean=0.76)).holds
    assert not entry(bar=at_most(seconds=2.9)).holds


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_entry_follows_from_its_pairs(file):
    found = read_entry(file)
    assert found.claim in CLAIMS
    assert tuple(found.bar) == tuple(CLAIMS[found.claim].bar)
    assert found.interval[0] <= found.value <= found.interval[1]
    if not all("success" in seed for seed in found.seeds):
        return
    won = torch.tensor([[int(each) for each in seed["success"]] for seed in found.seeds]).bool()
    interval = success_interval(won)
    assert won.shape[1] == found.n
    assert (found.value, *found.interval) == pytest.approx((interval.mean, interval.low, interval.high))
    assert [seed["value"] for seed in found.seeds] == pytest.approx(won.double().mean(dim=1).tolist())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_entry_was_judged_on_a_manifest_of_this_repository(file):
    manifest = read_entry(file).manifest
    assert manifest is None or manifest in {load_manifest(each).sha256 for each in MANIFESTS.glob("*.json")}


@pytest.mark.parametrize("wall", ["fixed", "random"])
def test_nothing_is_tuned_on_a_pair_of_the_test_manifest(wall):
    world = make_world("two-rooms-v1", wall=wall)
    split = {}
    for name in ("dev", "test"):
        start, goal = load_manifest(MANIFESTS / f"two-rooms-v1-{wall}-{name}.json").pairs(world)
        split[name] = {tuple(row) for row in torch.cat([start["position"], goal["position"]], 1).tolist()}
    assert split["dev"]
    assert not split["dev"] & split["test"]


@pytest.mark.parametrize(
    "claim", [each for each in CLAIMS.values() if isinstance(each, TwoRoomsClaim)], ids=lambda claim: claim.name
)
def test_what_is_shipped_is_what_was_judged(claim):
    file = RESULTS / f"{claim.name}.json"
    if not file.exists():
        pytest.skip("not measured yet")
    assert claim.ships.stat().st_size <= 10e6
    assert read_header(claim.ships).content_hash == read_entry(file).seeds[0]["model"]


class Counted:
    """A claim of two parts that counts how often each is measured."""

    name, what, bar = "counted", "parts that are measured", ()

    def __init__(self):
        self.measured = {"one": 0, "two": 0}

    def parts(self):
        return [Part(name, 1800.0, lambda folder, name=name: self._measure(name)) for name in self.measured]

    def _measure(self, name):
        self.measured[name] += 1
        return {"value": 0.5}

    def entry(self, parts, folder):
        value = sum(part["value"] for part in parts.values())
        return entry(claim=self.name, value=value, git=[part["git"] for part in parts.values()])

    def quick(self):
        return Quick(1.0, 1.0, 1.0, 1, True)


def test_a_claim_goes_on_where_it_was_stopped(tmp_path):
    claim = Counted()
    assert estimate(claim, tmp_path) == pytest.approx(1.0)
    assert reproduce(claim, tmp_path, ["two"], lambda text: None) is None
    assert estimate(claim, tmp_path) == pytest.approx(0.5)
    made = reproduce(claim, tmp_path, (), lambda text: None)
    assert made is not None
    assert made.value == 1.0
    assert len(made.git) == 2
    assert claim.measured == {"one": 1, "two": 1}


def test_an_unknown_part_and_a_torn_part_are_told(tmp_path):
    with pytest.raises(BadInput, match="no part 'three'"):
        reproduce(Counted(), tmp_path, ["three"])
    (tmp_path / "counted" / "one").mkdir(parents=True)
    (tmp_path / "counted" / "one" / "part.json").write_text(json.dumps({"value": 1})[:-2])
    with pytest.raises(BadFile, match="delete it"):
        reproduce(Counted(), tmp_path)
