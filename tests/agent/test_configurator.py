import pytest

from gedanken.agent import AgentConfig, configure
from gedanken.errors import BadInput


def test_energy_and_thresholds_are_measured_in_step_changes():
    config = AgentConfig(hold=0.5, surprise=1.5, apart=2.5)
    energy, thresholds = configure(2.0, config, neighbourhood=3.0, terminal=7.0)
    assert (energy.scale, energy.terminal) == (6, 7)
    assert (thresholds.hold, thresholds.surprise, thresholds.apart) == (1, 3, 5)


def test_by_default_all_grow_with_the_step_change():
    small, large = configure(0.4), configure(0.8)
    assert large[0].scale == pytest.approx(2 * small[0].scale)
    assert large[1].hold == pytest.approx(2 * small[1].hold)
    assert large[1].surprise == pytest.approx(2 * small[1].surprise)
    assert large[0].terminal == small[0].terminal > 0


@pytest.mark.parametrize("step_change", [0.0, -1.0, float("nan")])
def test_a_model_that_was_never_calibrated_is_refused(step_change):
    with pytest.raises(BadInput, match="calibrate the model"):
        configure(step_change)
