"""The picture of planners shows every row of the ledger where it belongs, and the one in docs is the ledger's."""

import re
from dataclasses import replace
from xml.etree import ElementTree

from claims.ledger import read_ledger
from picture import PLANNERS, planners
from test_ledger import entry

SVG = "{http://www.w3.org/2000/svg}"


def rows(success: float) -> list[dict]:
    return [
        {
            "name": f"{wall} wall, {planner}, {budget:g}",
            "value": success,
            "interval": [0.4, 0.6],
            "planning_core_seconds": cost * budget,
        }
        for wall in ("fixed", "random")
        for planner, cost in (("cem", 1.0), ("mppi", 0.5))
        for budget in (1.0, 4.0)
    ]


def dots(picture: str) -> list[tuple[float, float]]:
    found = [each for each in ElementTree.fromstring(picture).iter(f"{SVG}circle") if each.get("r") == "3"]
    return [(float(each.get("cx", "nan")), float(each.get("cy", "nan"))) for each in found]


def test_every_row_is_a_dot_and_more_success_lies_higher():
    low, high = (dots(planners(replace(entry(), beside=rows(success)))) for success in (0.5, 0.9))
    assert len(low) == 8
    assert all(above[0] == below[0] and above[1] < below[1] for above, below in zip(high, low, strict=True))
    cem, dearer = low[0], low[1]
    assert cem[0] < dearer[0]
    assert low[2][0] < cem[0]  # mppi costs half


def test_a_planner_keeps_its_colour_on_both_walls():
    picture = planners(replace(entry(), beside=rows(0.5)))
    assert len(set(re.findall(r'class="line" stroke="(#\w+)"', picture))) == 2


def test_the_docs_show_the_ledger():
    found = [each for each in read_ledger() if each.claim == "planners"]
    assert PLANNERS.exists() == bool(found)
    for each in found:
        assert PLANNERS.read_text(encoding="utf-8") == planners(each), "run: python benchmarks/table.py"
