"""Why goals were missed: shares as long as they are, causes without an episode left out, counts that cannot be refused."""

from dataclasses import replace

import pytest

from gedanken.errors import BadInput
from gedanken.evaluation.report import Misses, ReportData
from gedanken.evaluation.report.page import page

MISSES = Misses(
    causes=[("perception", "blind <b>", 0), ("dynamics", "believed", 3), ("search", "not found", 1)],
    cures=[("another seed", 1, 4), ("tenfold search", 0, 0)],
    failed=9,
    episodes=200,
    note="Two were exploited.",
)


def test_each_cause_has_a_bar_of_its_share_and_each_replay_its_count():
    text = page(ReportData(title="t", misses=MISSES))
    assert "Why goals were missed" in text
    assert "9 of 200 episodes failed, 4 of them driven again. Two were exploited." in text
    assert text.count("width:75.0%") == text.count("width:25.0%") == 1
    assert "3 of 4" in text
    assert "1 of 4" in text
    assert "tenfold" not in text  # never tried
    assert "blind" not in text  # nothing filed under it


def test_where_nothing_failed_nothing_is_said():
    none = replace(MISSES, causes=[], cures=[], failed=0)
    for misses in (None, none):
        assert "missed" not in page(ReportData(title="t", misses=misses))


@pytest.mark.parametrize("wrong", [{"failed": 3}, {"episodes": 8}, {"cures": [("another seed", 2, 1)]}])
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput, match="each must be at most the next"):
        replace(MISSES, **wrong)
