"""The picture of a re-plan: every stage a piece of a bar as long as it took, and the stages together the whole."""

from xml.etree import ElementTree

import pytest

from search_picture import SEARCH, search
from where import stages

SVG = "{http://www.w3.org/2000/svg}"
STAGES = ("latent", "products", "else", "energies", "drawing", "own")


def bars(longest: float) -> dict:
    kinds = {"cold": longest, "warm": 2.0, "follows": 1.0}
    return {goals: {kind: dict.fromkeys(STAGES, took / goals) for kind, took in kinds.items()} for goals in (1, 8)}


def widths(picture: str) -> list[float]:
    return [float(each.get("width", "nan")) for each in ElementTree.fromstring(picture).iter(f"{SVG}rect")]


def test_a_piece_is_as_long_as_its_stage_took():
    found = widths(search(bars(4.0), "a chip"))
    assert len(found) == 6 * len(STAGES)
    cold, of_eight, warm = (sum(found[row : row + len(STAGES)]) for row in (0, 6, 12))
    assert cold == pytest.approx(8 * of_eight, rel=0.05)
    assert cold == pytest.approx(2 * warm, rel=0.02)


def test_stages_add_up_to_the_whole():
    spent = {"act": 20.0, "encode": 1.0, "search": 17.0, "rollout of the search": 12.0, "energy of the search": 1.0}
    for alone in (8.0, 13.0):  # products timed alone may take longer than the rollouts they are part of
        found = stages(spent | {"rollout": 0.5}, alone)
        assert sum(found.values()) == pytest.approx(20.0)
        assert min(found.values()) >= 0


def test_the_docs_have_a_bar_for_each_kind_of_step():
    assert len(widths(SEARCH.read_text(encoding="utf-8"))) == 36
