import pytest

from gedanken.agent import configure
from gedanken.errors import BadInput


def test_energy_and_thresholds_are_measured_in_step_changes():
    energy, thresholds = configure(0.4)
    assert energy.scale == pytest.approx(0.8)
    assert energy.terminal == 30
    assert thresholds.hold == pytest.approx(0.1)
    assert thresholds.surprise == pytest.approx(0.24)
    energy, thresholds = configure(2.0, neighbourhood=3.0, hold=0.5, surprise=1.5, terminal=7.0)
    assert (energy.scale, energy.terminal, thresholds.hold, thresholds.surprise) == (6, 7, 1, 3)


@pytest.mark.parametrize("step_change", [0.0, -1.0, float("nan")])
def test_a_model_that_was_never_calibrated_is_refused(step_change):
    with pytest.raises(BadInput, match="calibrate the model"):
        configure(step_change)
