"""An upper level sends the agent around a long wall without any memory, and leaves near goals alone."""

import pytest
import torch
from torch import Generator

from gedanken.agent import Levels, UpperSearchConfig
from gedanken.agent.levels import Deepest
from gedanken.contracts import Wayfinder
from gedanken.energies import TimeToGoal
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory
from gedanken.planners import MPPIConfig
from gedanken.types import IMAGINED
from walled_plane import CODE, END, agent_of, driven, explored, moved, true_steps

STRIDE = 4


def imagined(now: torch.Tensor, macros: torch.Tensor) -> torch.Tensor:
    """Each macro-action is a direction held for four steps of the plane."""
    here, seen = now[:, None, 0].expand(-1, macros.shape[1], -1), []
    for each in macros.unbind(2):
        for _ in range(STRIDE):
            here = moved(here, each)
        seen.append(here)
    return torch.stack(seen, 2)[:, :, :, None]


def levels_of(imagine=imagined, direct: float = 1.8, seed: int = 0) -> Levels:
    config = UpperSearchConfig(horizon=4, search=MPPIConfig(candidates=1024, rounds=6), direct=direct)
    low, high = -torch.ones(2), torch.ones(2)
    return Levels(imagine, low, high, STRIDE, TimeToGoal(1.0), true_steps, config, Generator().manual_seed(seed))


def led(levels: Levels | None, memory=None, graph=None):
    agent = agent_of(memory, graph)
    agent.levels = levels
    return agent


def behind_the_wall(levels: Levels | None) -> torch.Tensor:
    """Where the dot was, sent to the other side of a wall that ends four steps from there."""
    return driven(led(levels), start=(4.0, 0.0), goal=(4.0, 4.0), steps=60)


def arrived(trail: torch.Tensor) -> bool:
    return bool((trail[-1] - torch.tensor([4.0, 4.0])).norm() < 0.5)


def test_an_upper_level_goes_around_where_a_flat_agent_waits():
    assert not arrived(behind_the_wall(None))
    trail = behind_the_wall(levels_of())
    assert arrived(trail)
    assert trail[:, 0].max() > END


def test_a_near_goal_is_handed_down_itself_bit_for_bit():
    near = driven(led(levels_of()), goal=(1.5, 0.0), steps=6)
    assert near.equal(driven(led(None), goal=(1.5, 0.0), steps=6))


def test_a_row_that_is_on_its_way_is_not_searched_for():
    asked = []

    def counted(now, macros):
        asked.append(len(now))
        return imagined(now, macros)

    now = torch.tensor([[[0.0, 0.0]], [[0.0, 0.0]]])
    goal = torch.tensor([[[0.0, 1.0]], [[0.0, 1.0]]])
    route = levels_of(counted).route(now, goal, keep=torch.tensor([True, False]))
    assert set(asked) == {1}
    assert route.target.tolist() == [IMAGINED, IMAGINED]
    levels_of(counted, direct=100.0).route(now, goal)
    assert set(asked) == {1}


def test_a_goal_that_was_missed_is_not_trusted_again():
    now, goal = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]])
    assert levels_of().route(now, goal).target.tolist() == [-1]
    assert levels_of().route(now, goal, torch.tensor([[-1, IMAGINED]])).target.tolist() == [IMAGINED]


def test_landmarks_go_before_levels_where_they_know_a_way(tmp_path):
    with EpisodicMemory.open(tmp_path / "plane.db", CODE) as memory:
        graph = explored(memory)
        ways = Deepest(graph, levels_of())
        assert isinstance(ways, Wayfinder)
        now, goal = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
        assert ways.route(now, goal).target.equal(graph.route(now, goal).target)


def test_levels_go_where_landmarks_know_nothing(tmp_path):
    with EpisodicMemory.open(tmp_path / "empty.db", CODE) as memory:
        graph = explored(memory, width=-1)
        assert len(graph) == 0
        now, goal = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
        assert Deepest(graph, levels_of()).route(now, goal).target.tolist() == [IMAGINED]


def test_the_upper_search_refuses_nonsense():
    with pytest.raises(BadInput, match="horizon=0"):
        UpperSearchConfig(horizon=0)
