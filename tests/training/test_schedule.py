from itertools import pairwise

import pytest

from gedanken.training.schedule import learning_rate


def rates(steps: int = 100, warm_up: float = 0.1) -> list[float]:
    return [learning_rate(step, steps, 2.0, warm_up) for step in range(steps)]


def test_it_climbs_in_a_line_to_the_peak_and_falls_in_half_a_cosine():
    found = rates()
    assert found.index(max(found)) == 9
    assert found[0] == pytest.approx(0.2)
    assert found[4] == pytest.approx(1.0, rel=0.01)
    assert found[9] == pytest.approx(2.0, rel=0.03)
    assert found[50] == pytest.approx(1.0)
    assert all(later <= sooner for sooner, later in pairwise(found[9:]))


def test_it_ends_at_a_hundredth_and_never_reaches_nothing():
    assert rates()[-1] == pytest.approx(0.02)
    assert min(rates(1000)) == pytest.approx(0.02)
    assert learning_rate(0, 1, 2.0, 0.05) == 2.0


def test_without_a_warm_up_it_starts_at_the_peak():
    assert rates(warm_up=0.0)[0] == 2.0
