import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from gedanken.errors import BadInput, ShapeError
from gedanken.types import ActionSpec, Context, Episode, Plan, Rollout, StreamSpec, Trace


def plan(batch: int = 2, horizon: int = 3, width: int = 4, frame_skip: int = 2) -> Plan:
    return Plan(
        actions=torch.arange(batch * horizon * width, dtype=torch.float32).reshape(batch, horizon, width),
        energy=torch.zeros(batch),
        feasible=torch.ones(batch, dtype=torch.bool),
        trace=Trace(best=torch.zeros(5, batch), mean=torch.zeros(5, batch)),
        frame_skip=frame_skip,
    )


def test_shapes_are_checked_while_tests_run():
    Rollout(torch.zeros(2, 3, 4, 1, 8), torch.zeros(2, 3, 4))
    with pytest.raises(TypeCheckError, match="latents"):
        Rollout(torch.zeros(2, 3))
    with pytest.raises(TypeCheckError, match="disagreement"):
        Rollout(torch.zeros(2, 3, 4, 1, 8), torch.zeros(2, 3, 5))
    with pytest.raises(TypeCheckError, match="actions"):
        Context(torch.zeros(2, 3, 1, 8), torch.zeros(1, 2, 2))


def test_a_plan_is_read_out_step_by_step():
    steps = plan().steps()
    assert steps.shape == (2, 6, 2)
    assert steps[0, :, 0].tolist() == [0, 2, 4, 6, 8, 10]  # the two halves of each model step follow one another


def test_a_repeated_plan_holds_each_action():
    held = plan(batch=1, horizon=2, width=2, frame_skip=1).repeated(3)
    assert held.frame_skip == 3
    assert held.steps()[0].tolist() == [[0, 1], [0, 1], [0, 1], [2, 3], [2, 3], [2, 3]]


def episode(**changed: object) -> Episode:
    parts: dict = {
        "streams": {"pixels": np.zeros((5, 8, 8, 3), dtype=np.uint8)},
        "actions": np.zeros((4, 2), dtype=np.float32),
        "specs": {"pixels": StreamSpec((8, 8, 3), "uint8")},
        "action": ActionSpec(2, (-1.0, -1.0), (1.0, 1.0)),
    }
    return Episode(**(parts | changed))


def test_an_episode_has_one_frame_more_than_actions():
    assert len(episode()) == 5
    with pytest.raises(ShapeError, match="pixels"):
        episode(actions=np.zeros((5, 2), dtype=np.float32))


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"specs": {}}, BadInput, "same things"),
        ({"actions": np.zeros((4, 3), dtype=np.float32)}, ShapeError, r"\[L-1, 2\]"),
        ({"streams": {"pixels": np.zeros((5, 8, 8, 3), dtype=np.float32)}}, ShapeError, "float32"),
        ({"times": np.zeros(4)}, ShapeError, "one a frame"),
        ({"resets": (5,)}, BadInput, "below 5"),
    ],
)
def test_an_episode_that_does_not_fit_together_is_refused(changed, error, says):
    with pytest.raises(error, match=says):
        episode(**changed)


def test_action_bounds_must_fit():
    with pytest.raises(ShapeError, match="as many bounds"):
        ActionSpec(2, (-1.0,), (1.0,))
    with pytest.raises(BadInput, match="below"):
        ActionSpec(1, (1.0,), (1.0,))
