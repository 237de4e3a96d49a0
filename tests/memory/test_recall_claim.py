"""The claim `recall`, made small."""

import pytest

from claims.claim import reproduce
from claims.recall import EXACT, MEDIAN, ROOMS, RecallClaim

pytest.importorskip("pyarrow", reason="reads a recording; needs the extra `data`")


def test_all_of_the_claim_is_measured(tmp_path):
    claim = RecallClaim(moments=2100, many=200, pictures=30, queries=20, checked=10)
    entry = reproduce(claim, tmp_path, (), lambda text: None)
    assert {bound.figure for bound in entry.bar} <= set(entry.figures)
    assert entry.figures[EXACT] == 1
    assert 0 < entry.figures[MEDIAN] < 1000
    assert [row["value"] > 0 for row in entry.beside] == [True] * len(entry.beside)
    sizes = {row["name"]: row["value"] for row in entry.beside}
    assert sizes["an hour at 10 Hz, two-rooms"] == entry.figures[ROOMS]
