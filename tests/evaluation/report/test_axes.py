import numpy as np
import pytest

from gedanken.evaluation.report.axes import Axis, exact, spanning


def test_places_are_linear_or_logarithmic():
    assert Axis(0.0, 10.0, 100.0, 200.0).place(np.array([0, 5, 10])).tolist() == [100, 150, 200]
    logarithmic = Axis(0.1, 10.0, 200.0, 0.0, log=True)
    assert logarithmic.place(np.array([0.1, 1, 10])).tolist() == pytest.approx([200, 100, 0])
    assert np.isnan(logarithmic.place(np.array([0.0, -1.0]))).all()


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0.0, 10.0, 0.0, 1.0), [0, 2, 4, 6, 8, 10]),
        (Axis(-0.31, 0.42, 0.0, 1.0), [-0.2, 0, 0.2, 0.4]),
        (Axis(0.02, 300.0, 0.0, 1.0, log=True), [0.1, 1, 10, 100]),
        (Axis(0.2, 1.4, 0.0, 1.0, log=True), [0.2, 0.5, 1]),
    ],
)
def test_ticks_are_round_and_inside(axis, ticks):
    assert axis.ticks() == pytest.approx(ticks)


@pytest.mark.parametrize("values", [[], [np.nan], [3.0, 3.0], [0.0], [-1e-12, 1e-12], [1e9, -1e9], [np.inf, 1.0, 2.0]])
@pytest.mark.parametrize("log", [False, True])
def test_every_range_has_an_axis(values, log):
    axis = spanning(np.array(values), 0.0, 100.0, log=log)
    assert axis.low < axis.high
    assert 1 <= len(axis.ticks()) <= 8
    shown = np.array([value for value in values if np.isfinite(value) and (value > 0 or not log)])
    assert ((axis.place(shown) >= 0) & (axis.place(shown) <= 100)).all()
    assert exact(np.array([2.0, 2.0]), 0.0, 1.0).low < exact(np.array([2.0, 2.0]), 0.0, 1.0).high
