import math

import pytest

from gedanken.evaluation.report.numerals import duration, interval, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.012345, "0.0123"),
        (1.5, "1.5"),
        (-0.121, "−0.121"),
        (99.96, "100"),
        (1234.5, "1\u202f234"),
        (4.1e-9, "4.1e−9"),
        (1e-6, "1e−6"),
        (2e9, "2e9"),
        (math.nan, "–"),
        (-math.inf, "−∞"),
    ],
)
def test_a_number_has_the_digits_that_count(value, text):
    assert number(value) == text


def test_shares():
    assert percent(0.9641) == "96.4\u202f%"
    assert percent(1) == "100.0\u202f%"
    assert interval(0.941, 1.0) == "94.1–100.0"


def test_times_have_a_unit_that_fits():
    assert [duration(value) for value in (90, 1.31, 0.0182, 2e-5, 0)] == [
        "90\u202fs",
        "1.31\u202fs",
        "18.2\u202fms",
        "20\u202fµs",
        "0\u202fs",
    ]
