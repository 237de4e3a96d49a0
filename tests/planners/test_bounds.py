from copy import copy
from dataclasses import replace

import pytest
import torch

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.planners.bounds import check_start, limited
from gedanken.types import Search


def unchecked(start: Search, **changes) -> Search:
    """A search with fields that the shape checks of the tests would refuse before `check_start` can."""
    start = copy(start)
    for name, value in changes.items():
        object.__setattr__(start, name, value)
    return start


START = Search(torch.zeros(2, 3, 2), torch.ones(2, 3, 2), -1.0, 1.0)


def test_limited_actions_keep_a_box_that_differs_by_problem_step_and_number():
    low = -torch.rand(2, 3, 2) - 0.1
    actions = torch.randn(2, 50, 3, 2) * 5
    inside = limited(actions, replace(START, low=low, high=torch.tensor([0.5, 0.25])))
    assert (inside >= low[:, None]).all()
    assert (inside <= torch.tensor([0.5, 0.25])).all()
    assert (inside == low[:, None]).any()


def test_limited_actions_never_exceed_the_norm_keep_their_heading_and_are_limited_only_once():
    start = replace(START, low=-99.0, high=99.0, norm=1.8)
    actions = torch.randn(2, 5000, 3, 2, generator=torch.Generator().manual_seed(0)) * 2
    inside = limited(actions, start)
    length = torch.linalg.vector_norm(inside, dim=-1)
    assert length.max() <= 1.8
    assert length.max() > 1.7999
    torch.testing.assert_close(
        torch.nn.functional.normalize(inside, dim=-1), torch.nn.functional.normalize(actions, dim=-1)
    )
    short = torch.linalg.vector_norm(actions, dim=-1) <= 1.8
    assert inside[short].equal(actions[short])
    assert limited(inside, start).equal(inside)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"mean": torch.zeros(3, 2)}, ShapeError, r"\[B, H, A\]"),
        ({"std": torch.ones(2, 3, 1)}, ShapeError, r"\(2, 3, 1\)"),
        ({"mean": torch.full((2, 3, 2), torch.nan)}, NonFinite, "mean holds NaN"),
        ({"std": torch.full((2, 3, 2), torch.inf)}, NonFinite, "std holds NaN or infinity"),
        ({"std": -torch.ones(2, 3, 2)}, BadInput, "at least 0"),
        ({"low": 2.0}, BadInput, "low bound lies above"),
        ({"high": float("nan")}, BadInput, "NaN"),
        ({"low": torch.zeros(5)}, ShapeError, r"low bound has shape \(5,\)"),
        ({"norm": 0.0}, BadInput, "norm=0.0"),
        ({"norm": 1.0, "low": 0.5}, BadInput, "zero action"),
    ],
)
def test_a_search_that_cannot_begin_is_refused_with_its_reason(change, error, words):
    check_start(START)
    with pytest.raises(error, match=words):
        check_start(unchecked(START, **change))
