import pytest
import torch

from gedanken.agent import AgentConfig, configure
from gedanken.errors import BadInput
from gedanken.types import Goal, Rollout


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


def test_doubt_is_weighed_where_it_is_asked_for():
    rollout = Rollout(torch.randn(1, 2, 3, 1, 4), expected_error=torch.tensor([[[0.0, 2.3, 0.0], [0.0, 0.0, 0.0]]]))
    goal, actions = Goal(torch.zeros(1, 1, 4)), torch.zeros(1, 2, 3, 2)
    plain, doubting = (configure(1.0, AgentConfig(doubt=doubt))[0] for doubt in (0.0, 3.0))
    more = doubting(rollout, goal, actions) - plain(rollout, goal, actions)
    torch.testing.assert_close(more, torch.tensor([[3 * torch.log(torch.tensor(2.0)).item(), 0.0]]))
    with pytest.raises(BadInput, match="doubt=-1"):
        AgentConfig(doubt=-1.0)
