from itertools import pairwise

import pytest

from gedanken.models.engine.schedule import schedule


def pairs(window: int, context: int, horizon: int) -> list[tuple[int, int]]:
    return [(step.frame, place) for step in schedule(window, context, horizon) for place in step.places]


def windows(window: int, context: int, horizon: int) -> list[list[tuple[int, int]]]:
    """Frames and their places in each window that a rollout which keeps nothing would compute."""
    newest = range(context - 1, context - 1 + horizon)
    return [[(frame, place) for place, frame in enumerate(range(max(0, n - window + 1), n + 1))] for n in newest]


@pytest.mark.parametrize(
    ("window", "context", "horizon", "count"),
    [(3, 1, 5, 9), (3, 1, 1, 1), (3, 3, 1, 3), (3, 3, 5, 15), (3, 1, 20, 54), (1, 1, 7, 7), (2, 1, 5, 8)],
)
def test_how_many_pairs_there_are(window, context, horizon, count):
    assert len(pairs(window, context, horizon)) == count


@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("horizon", [1, 2, 4, 9])
def test_every_pair_that_a_window_needs_comes_once_and_no_other(window, horizon):
    for context in range(1, window + 1):
        made = pairs(window, context, horizon)
        assert len(made) == len(set(made))
        assert set(made) == {pair for each in windows(window, context, horizon) for pair in each}


@pytest.mark.parametrize(("window", "context", "horizon"), [(3, 1, 5), (3, 3, 5), (4, 2, 6)])
def test_frames_come_in_order_and_each_predicts_from_the_place_its_window_gives_it(window, context, horizon):
    steps = schedule(window, context, horizon)
    assert [step.frame for step in steps] == list(range(context - 1 + horizon))
    assert [step.predicts for step in steps] == [False] * (context - 1) + [True] * horizon
    for step in steps:
        assert all(above - below == 1 for above, below in pairwise(step.places))
        if step.predicts:
            assert step.places[0] == min(step.frame, window - 1)
