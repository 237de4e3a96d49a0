"""The claims of long ways: their figures on curves whose answer is known, and their arms."""

import pytest
import torch

from claims import CLAIMS
from claims.long_ways import LongWaysClaim, figures_of, half_length
from claims.long_ways_arms import ARMS, _by_layout, driven
from gedanken.errors import BadInput

LENGTHS = torch.arange(1.0, 161.0)


def won(until: float) -> torch.Tensor:
    return (until >= LENGTHS).long()[None]


def test_the_half_length_and_what_lies_beyond_three_times_it():
    flat, auto = won(30), won(160)
    assert half_length(LENGTHS, flat) == pytest.approx(LENGTHS[20:40].mean().item(), abs=20)
    figures = figures_of(LENGTHS, {"flat": flat, "auto-depth": auto}, {"flat": 6.0, "auto-depth": 2.0})
    assert figures["far"] == 1.0
    assert figures["far pairs"] > 0
    assert figures["compute"] == 3.0
    assert figures["against flat"] == pytest.approx(130 / 160)
    worse = figures_of(LENGTHS, {"flat": auto, "auto-depth": flat}, {"flat": 1.0, "auto-depth": 2.0})
    assert worse["far"] == 0.0  # flat never falls to half: nothing was shown
    assert worse["against flat, worst group"] == -1.0


def test_their_parts_can_be_resumed_and_judge_every_arm():
    for name in ("four-rooms", "maze"):
        claim = CLAIMS[name]
        assert isinstance(claim, LongWaysClaim)
        names = [part.name for part in claim.parts()]
        assert len(set(names)) == len(names)
        assert {f"seed-0, {arm}" for arm in ARMS} <= set(names)
        assert claim.split == "test"
        assert len(claim.manifest) >= claim.count
        trained = claim.make(0).made()
        assert trained.id == claim.manifest.world
    assert dict(CLAIMS["maze"].manifest.options)["layouts"] == "test"
    assert dict(CLAIMS["maze"].make(0).options)["layouts"] == "train"


def test_rows_of_one_layout_are_driven_side_by_side():
    state = {"position": torch.rand(4, 2), "layout": torch.tensor([3, 5, 3, 9])}
    assert sorted(rows.tolist() for rows in _by_layout(state)) == [[0, 2], [1], [3]]


def test_an_unknown_arm_is_refused_and_chance_needs_no_model():
    world = CLAIMS["four-rooms"].world
    pairs = world.pairs(2, torch.Generator().manual_seed(0))
    assert not driven("random", world, None, pairs, 8, 0).success.any()
    with pytest.raises(BadInput, match="no arm"):
        driven("by foot", world, None, pairs, 8, 0)
