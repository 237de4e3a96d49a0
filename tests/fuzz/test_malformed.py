"""Malformed inputs, drawn by Hypothesis: a sample here, ten thousand with `make nightly`; and what escapes is seen to escape."""

import os
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims.fuzz import FuzzClaim, tried
from claims.malformed import EDITS, Edit, Kind, attempt, drawn, kinds
from gedanken.errors import BadInput

INPUTS = int(os.environ.get("GEDANKEN_FUZZ", "240"))
EDIT = st.builds(
    Edit, st.sampled_from(EDITS), st.floats(0, 1), st.sampled_from([1, 2, 3, 7, 64, 1000]), st.integers(0, 63)
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for name, kind in kinds().items():
        kind.make(folder / name)
    return folder


@pytest.mark.parametrize("name", kinds())
def test_whatever_was_done_to_it_reading_ends_in_an_error_of_ours(name, whole, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("changed") / "copy"

    @settings(
        max_examples=INPUTS // len(kinds()), deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(file=st.integers(0, 63), edits=st.lists(EDIT, min_size=1, max_size=4))
    def each(file, edits):
        assert attempt(kinds()[name], whole / name, file, edits, scratch) is None

    each()


def read_bytes(path: Path) -> bytes:
    return path.read_bytes()


def refusing(path: Path) -> None:
    raise BadInput("it is changed.")


def breaking(path: Path) -> None:
    raise ValueError("nobody foresaw this")


def hoarding(path: Path) -> None:
    np.zeros(2**32, np.uint8)


@pytest.mark.parametrize(
    ("read", "told"), [(read_bytes, None), (refusing, None), (breaking, "nobody foresaw"), (hoarding, "MemoryError")]
)
def test_what_escapes_is_told(read, told, tmp_path):
    (tmp_path / "whole").write_bytes(b"some bytes")
    how = attempt(Kind(print, read), tmp_path / "whole", 0, [Edit("flip", 0.5)], tmp_path / "changed")
    assert how is None if told is None else told in how


def test_what_hangs_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("claims.malformed.SECONDS", 1)
    (tmp_path / "whole").write_bytes(b"some bytes")
    how = attempt(Kind(print, lambda path: time.sleep(20)), tmp_path / "whole", 0, [], tmp_path / "changed")
    assert how is not None
    assert "TimeoutError" in how


def test_edits_change_what_they_say(tmp_path):
    data = bytes(range(100))
    found = {what: Edit(what, 0.5, 2, 1).applied(data) for what in EDITS}
    assert found["flip"] == data[:50] + bytes([50 ^ 4]) + data[51:]
    assert found["drop"] == data[:50] + data[52:]
    assert found["repeat"] == data[:52] + data[50:]
    assert found["put"] == data[:50] + b"-1" + data[50:]
    assert found["over"] == data[:50] + b"-1" + data[52:]
    assert found["cut"] == data[:50]
    assert Edit("drop", 0.5).applied(b"") == b""
    random = Random(0)
    assert {edit.what for _ in range(200) for edit in drawn(random)[1]} == set(EDITS)


def test_the_claim_counts_what_escapes(monkeypatch):
    assert tried(16, seed=3)["escaped"] == 0
    broken = {name: Kind(kind.make, kind.read) for name, kind in kinds().items()}
    calls = []

    def sometimes(path: Path) -> None:
        calls.append(path)
        if len(calls) > 1:
            raise ValueError("nobody foresaw this")

    broken["run"] = Kind(broken["run"].make, sometimes)
    monkeypatch.setattr("claims.fuzz.kinds", lambda: broken)
    found = tried(16, seed=3)
    assert (found["escaped"], found["each"]["run"]) == (2, 2)
    calls.clear()
    assert not FuzzClaim(quick_inputs=8).quick().holds
