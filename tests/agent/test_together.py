"""Agents that act together decide as each would alone; a search ends when it is told; a plan made ahead is taken up."""

from dataclasses import fields

import pytest
import torch
from test_agent_loop import Plane, agent, seen

from gedanken.agent import Agent, act_together, loop
from gedanken.errors import BadInput
from gedanken.planners import MPPIConfig

STARTS = torch.tensor([[0.0, 0.0], [5.0, 5.0], [-3.0, 2.0], [1.0, 1.0]])
GOALS = torch.tensor([[8.0, 0.0], [-2.0, 4.0], [-3.0, -4.0], [1.1, 1.1]])
WALL = 3.0


def moved(place, decision):
    """Where a step leads, in a plane with a wall at x = 3 that the model does not know."""
    for action in decision.steps():
        place = place + action
        place = torch.stack([place[:, 0].clamp(max=WALL), place[:, 1]], dim=1)
    return place


def begun(model: Plane, **settings: object) -> list[Agent]:
    agents = [agent(seed, model, **settings) for seed in range(len(GOALS))]
    for row, each in enumerate(agents):
        each.begin(seen(GOALS[row : row + 1]))
    return agents


@pytest.mark.parametrize("settings", [{}, {"patience": 3}, {"idle": 3, "past": 2}], ids=str)
def test_in_company_each_decides_as_it_would_alone(settings):
    """One joins later than the others, so that they are at different points of their tasks."""
    model = Plane()
    together, alone = begun(model, **settings), begun(model, **settings)
    places = [STARTS[row : row + 1] for row in range(4)]
    ways: set[str] = set()
    for step in range(10):
        here = range(4) if step > 1 else range(3)
        decisions = act_together([together[row] for row in here], [seen(places[row]) for row in here])
        for row, decision in zip(here, decisions, strict=True):
            expected = alone[row].act(seen(places[row]))
            for each in fields(expected):
                if each.name != "plan":
                    torch.testing.assert_close(getattr(decision, each.name), getattr(expected, each.name))
            torch.testing.assert_close(decision.plan.actions, expected.plan.actions)
            ways |= {name for name in ("held", "cold", "drawn", "followed") if getattr(decision, name)}
            places[row] = moved(places[row], expected)
    assert ways >= {"held", "cold", "drawn"}


def test_those_at_like_points_share_a_batch(monkeypatch):
    model = Plane()
    agents, sizes = begun(model), []
    act = Agent.act
    monkeypatch.setattr(loop.Agent, "act", lambda self, *args: sizes.append(len(self.task.age)) or act(self, *args))
    observations = [seen(STARTS[row : row + 1]) for row in range(4)]
    act_together(agents[:3], observations[:3])
    act_together(agents, observations)
    assert sizes == [3, 3, 1]


def test_strangers_do_not_act_together():
    first, second, other = agent(), agent(), agent(horizon=4)
    with pytest.raises(BadInput, match="begin"):
        act_together([first], [seen(STARTS[:1])])
    for each in (first, other):
        each.begin(seen(GOALS[:1]))
    second.begin(seen(GOALS[:2]))
    second.model = first.model
    with pytest.raises(BadInput, match="one configuration"):
        act_together([first, other], [seen(STARTS[:1])] * 2)
    with pytest.raises(BadInput, match="each with one world"):
        act_together([first, second], [seen(STARTS[:1]), seen(STARTS[:2])])


def test_a_search_ends_after_the_round_in_which_it_was_told(monkeypatch):
    model = Plane()
    driver = agent(model=model, cold=MPPIConfig(candidates=64, rounds=9))
    driver.begin(seen(GOALS[:1]))
    hurried = driver.act(seen(STARTS[:1]), lambda: True)
    assert hurried.cut.tolist() == [True]
    assert len([context for context in model.contexts if len(context.latents)]) == 2  # a round, and what to expect
    model.contexts.clear()
    driver.begin(seen(GOALS[:1]))
    assert driver.act(seen(STARTS[:1]), lambda: False).cut.tolist() == [False]
    assert len(model.contexts) == 10


def test_a_plan_made_ahead_is_taken_up_where_it_came_true():
    model = Plane()
    driver = agent(model=model)
    driver.begin(seen(GOALS[1:2]))
    place = moved(STARTS[1:2] - 4, driver.act(seen(STARTS[1:2] - 4)))
    assert driver.foresee()
    asked = len(model.contexts)
    decision = driver.act(seen(place))
    assert decision.foreseen.tolist() == [True]
    assert len(model.contexts) == asked + 1  # only what to expect next
    place = moved(place, decision)
    assert driver.act(seen(place)).foreseen.tolist() == [False]  # made once, taken up once
    driver.foresee()
    assert driver.act(seen(place + 2)).foreseen.tolist() == [False]  # the world went elsewhere


def test_there_is_nothing_to_foresee_at_the_goal_or_while_a_plan_is_followed():
    patient, arrived = agent(patience=3), agent()
    patient.begin(seen(GOALS[:1]))
    assert not patient.foresee()
    patient.act(seen(STARTS[:1]))
    assert not patient.foresee()
    arrived.begin(seen(GOALS[:1]))
    arrived.act(seen(GOALS[:1]))
    assert not arrived.foresee()


def test_each_in_company_remembers_its_own():
    class Notes(list):
        write = list.extend

    model = Plane()
    agents = begun(model)[:3]
    for each in agents[:2]:
        each.memory = Notes()
    for _ in range(2):
        decisions = act_together(agents, [seen(STARTS[row : row + 1]) for row in range(3)])
    for row, each in enumerate(agents[:2]):
        assert len(each.memory) == 2
        torch.testing.assert_close(each.memory[1].latent.flatten(), STARTS[row])
        torch.testing.assert_close(each.memory[1].action, decisions[row].actions[0])
        assert [moment.surprise is None for moment in each.memory] == [True, False]
    assert agents[0].memory[0].episode != agents[1].memory[0].episode
