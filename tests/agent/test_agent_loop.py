"""The agent in a plane whose model is exact but for a wall: the latent is the place, and actions are added to it."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from gedanken.agent import Agent, AgentConfig, Thresholds, configure, search
from gedanken.contracts import check_world_model
from gedanken.energies import GoalEnergy
from gedanken.errors import BadInput, UnknownName
from gedanken.planners import CEMConfig, GradientConfig, MPPIConfig, PlannerConfig, RegisteredPlanner, TreeConfig
from gedanken.types import ActionSpec, Context, Rollout

SKIP = 2


@dataclass
class Plane:
    """A model that knows the plane exactly, and remembers what it was asked."""

    frame_skip: int = SKIP
    action: ActionSpec = field(default_factory=lambda: ActionSpec(2, (-1.0, -1.0), (1.0, 1.0), norm=1.0))
    encoded: int = 0
    contexts: list[Context] = field(default_factory=list)

    def encode(self, observations) -> Tensor:
        self.encoded += 1
        return observations["place"][:, :, None]

    def rollout(self, context: Context, actions: Tensor) -> Rollout:
        self.contexts.append(context)
        moves = actions.unflatten(-1, (SKIP, 2)).sum(dim=-2)
        return Rollout(context.latents[:, None, None, -1] + moves.cumsum(dim=2)[..., None, :])


def seen(places: Tensor) -> dict[str, Tensor]:
    return {"place": places}


def agent(seed: int = 0, model: Plane | None = None, **settings: object) -> Agent:
    """One that hurries, since every step away from the goal costs its distance, and thinks at every step."""
    config = AgentConfig(**{"horizon": 8, "patience": 1, **settings})
    return Agent(model or Plane(), GoalEnergy("sum"), Thresholds(hold=0.25, surprise=0.2), config, seed)


def driven(driver: Agent, start: Tensor, steps: int, wall: float | None = None):
    """Places `[steps+1, B, 2]` and the decisions; a wall, if there is one, stops everything at its x."""
    places, decisions = [start], []
    for _ in range(steps):
        decisions.append(driver.act(seen(places[-1])))
        moved = places[-1]
        for action in decisions[-1].actions.unflatten(-1, (SKIP, 2)).unbind(dim=1):
            moved = moved + action
            if wall is not None:
                moved = torch.stack([moved[:, 0].clamp(max=wall), moved[:, 1]], dim=1)
        places.append(moved)
    return torch.stack(places), decisions


def test_the_model_of_these_tests_keeps_the_contract():
    check_world_model(Plane(), seen(torch.randn(2, 3, 2)))


def test_each_row_reaches_its_own_goal_and_stays_there():
    start = torch.tensor([[0.0, 0.0], [5.0, 5.0], [-3.0, 2.0], [1.0, 1.0]])
    goals = torch.tensor([[8.0, 0.0], [-2.0, 4.0], [-3.0, -4.0], [1.1, 1.1]])
    driver = agent()
    driver.begin(seen(goals))
    places, decisions = driven(driver, start, 12)
    assert ((places[-1] - goals).norm(dim=-1) < 0.75).all()
    # The farthest is 8 away and a model step is at most 2 long: four steps and a little more.
    assert ((places[6] - goals).norm(dim=-1) < 1.5).all()
    # The last one was there from the start, so it never moved.
    assert (places[:, 3] == start[3]).all()
    assert all(decision.held[3] and not decision.cold[3] for decision in decisions)
    assert decisions[-1].held.all()
    assert (decisions[-1].actions == 0).all()
    assert (decisions[-1].plan.actions == 0).all()
    assert (places[-1] == places[-2]).all()


def test_with_the_usual_energy_it_gets_there_too():
    energy, thresholds = configure(1.0)
    driver = Agent(Plane(), energy, thresholds, AgentConfig(horizon=8))
    goals = torch.tensor([[8.0, 0.0], [-3.0, -4.0]])
    driver.begin(seen(goals))
    places, decisions = driven(driver, torch.zeros(2, 2), 14)
    assert ((places[-1] - goals).norm(dim=-1) < 0.75).all()
    assert decisions[-1].held.all()


def test_distance_and_surprise_are_mean_squares_in_latent_space():
    driver = agent()
    driver.begin(seen(torch.tensor([[6.0, 0.0]])))
    first = driver.act(seen(torch.tensor([[0.0, 2.0]])))
    assert first.distance.item() == pytest.approx((36 + 4) / 2)
    assert first.surprise.item() == 0
    expected = torch.tensor([[0.0, 2.0]]) + first.actions.unflatten(-1, (SKIP, 2)).sum(dim=1)
    second = driver.act(seen(expected + torch.tensor([[0.0, 0.6]])))
    assert second.surprise.item() == pytest.approx(0.18, rel=1e-4)
    assert driver.goal_distance(torch.tensor([[[5.0, 0.0]]])).item() == pytest.approx(0.5)


def test_actions_keep_the_norm_and_are_held_for_a_model_step():
    driver = agent()
    driver.begin(seen(torch.tensor([[9.0, 9.0], [-9.0, 3.0]])))
    _, decisions = driven(driver, torch.zeros(2, 2), 4)
    for decision in decisions:
        steps = decision.actions.unflatten(-1, (SKIP, 2))
        assert (steps == steps[:, :1]).all()
        assert (decision.plan.steps().norm(dim=-1) <= 1).all()
        assert (steps.norm(dim=-1) > 0.8).all()  # far away, it hurries
        assert decision.plan.frame_skip == SKIP
        assert decision.plan.actions.shape == (2, 8, 2 * SKIP)
        assert torch.equal(decision.plan.actions[:, 0], decision.actions)


def searches(monkeypatch) -> list[tuple[Tensor, PlannerConfig]]:
    """What is asked of the planner: the first mean and how hard to search."""
    asked, found = [], search.planner_of

    def of(config: PlannerConfig) -> RegisteredPlanner:
        planner = found(config)

        def recorded(energy_of, start, *, config, generator):
            asked.append((start.mean.clone(), config))
            return planner.plan(energy_of, start, config=config, generator=generator)

        return planner._replace(plan=recorded)

    monkeypatch.setattr(search, "planner_of", of)
    return asked


def test_it_begins_cold_and_goes_on_from_the_plan_before(monkeypatch):
    asked = searches(monkeypatch)
    driver = agent()
    driver.begin(seen(torch.tensor([[9.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(1, 2), 3)
    assert [decision.cold.item() for decision in decisions] == [True, False, False]
    assert [config for _, config in asked] == [driver.config.cold, driver.config.warm, driver.config.warm]
    assert (asked[0][0] == 0).all()
    for (mean, _), before in zip(asked[1:], decisions, strict=False):
        torch.testing.assert_close(mean[:, :-1], before.plan.actions[:, 1:, :2])
        assert (mean[:, -1] == 0).all()


@pytest.mark.parametrize("restless", [0, 1, 3])
def test_behind_a_wall_it_does_not_know_it_searches_cold_and_soon_after_steps_away(monkeypatch, restless):
    asked = searches(monkeypatch)
    driver = agent(restless=restless)
    driver.begin(seen(torch.tensor([[9.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(1, 2), 16, wall=0.0)
    kinds, rest = [], 0
    for decision in decisions:
        surprised = not kinds or decision.surprise.item() > driver.thresholds.surprise
        kinds.append("warm" if not surprised else "drawn" if rest > 0 else "cold")
        rest = restless if kinds[-1] == "cold" else rest - 1
        assert decision.cold.item() == (kinds[-1] == "cold")
        assert decision.drawn.item() == (kinds[-1] == "drawn")
        first, later = decision.plan.actions[0, 0], decision.plan.actions[0, 1:]
        assert (first != 0).all()
        assert (later == 0).all() == (kinds[-1] == "drawn")
    assert set(kinds) == ({"cold", "drawn", "warm"} if restless else {"cold"})
    # Where a step is drawn, nothing is searched.
    for kind, (mean, config) in zip([kind for kind in kinds if kind != "drawn"], asked, strict=True):
        assert config == (driver.config.cold if kind == "cold" else driver.config.warm)
        assert kind != "cold" or (mean == 0).all()


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_plan_that_comes_true_is_followed_before_the_next_search(monkeypatch, patience):
    asked = searches(monkeypatch)
    driver = agent(patience=patience)
    driver.begin(seen(torch.tensor([[15.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(1, 2), 6)
    assert [each.searched.item() for each in decisions] == [step % patience == 0 for step in range(6)]
    assert [each.followed.item() for each in decisions] == [step % patience != 0 for step in range(6)]
    assert len(asked) == -(-6 // patience)
    for before, now in pairwise(decisions):
        if now.followed:
            torch.testing.assert_close(now.plan.actions[:, :-1], before.plan.actions[:, 1:])
            assert (now.plan.actions[:, -1] == 0).all()
            assert now.plan.energy.item() == before.plan.energy.item()


def test_one_row_follows_its_plan_while_a_wall_surprises_the_other(monkeypatch):
    asked = searches(monkeypatch)
    driver = agent(patience=4, restless=2)
    driver.begin(seen(torch.tensor([[15.0, 0.0], [-15.0, 0.0], [0.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(3, 2), 4, wall=0.0)
    assert [each.followed.tolist() for each in decisions] == [[False] * 3, *[[False, True, False]] * 3]
    # After a drawn step it searches again, also where that step came true.
    assert [each.drawn[0].item() for each in decisions] == [False, True, decisions[2].surprise[0].item() > 0.2, False]
    assert all(each.searched[0] or each.drawn[0] for each in decisions)
    assert len(asked[0][0]) == 2
    assert all(len(mean) == 1 for mean, _ in asked[1:])


def test_steps_away_lead_past_what_it_does_not_know():
    """A post across the straight way, three wide; the planner alone would push against it for ever."""
    driver, place, goal = agent(restless=3), torch.tensor([[-0.5, 0.0]]), torch.tensor([[6.0, 0.0]])
    driver.begin(seen(goal))
    for _ in range(40):
        for action in driver.act(seen(place)).actions.unflatten(-1, (SKIP, 2)).unbind(dim=1):
            moved = place + action
            blocked = place[0, 0] <= 0 < moved[0, 0] and moved[0, 1].abs() < 1.5
            place = torch.stack([moved[:, 0].clamp(max=0.0), moved[:, 1]], dim=1) if blocked else moved
    assert (place - goal).norm() < 0.75


def test_one_row_is_surprised_and_the_other_is_not():
    driver = agent(restless=0)
    driver.begin(seen(torch.tensor([[9.0, 0.0], [-9.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(2, 2), 3, wall=0.0)
    assert [decision.cold.tolist() for decision in decisions[1:]] == [[True, False]] * 2


def test_a_new_goal_is_a_new_task():
    driver = agent()
    driver.begin(seen(torch.tensor([[6.0, 0.0]])))
    places, _ = driven(driver, torch.zeros(1, 2), 2)
    driver.begin(seen(torch.tensor([[0.0, 0.0]])))
    back, decisions = driven(driver, places[-1], 5)
    assert decisions[0].cold.all()
    assert back[-1].norm() < 0.75


def test_the_same_seed_decides_the_same_and_another_does_not():
    def actions(seed: int) -> Tensor:
        driver = agent(seed)
        driver.begin(seen(torch.tensor([[7.0, -3.0], [2.0, 4.0]])))
        return torch.stack([decision.actions for decision in driven(driver, torch.zeros(2, 2), 4)[1]])

    assert torch.equal(actions(3), actions(3))
    assert not torch.equal(actions(3), actions(4))


def test_one_row_draws_while_its_neighbours_search_and_hold(monkeypatch):
    asked = searches(monkeypatch)
    driver = agent(restless=3)
    driver.begin(seen(torch.tensor([[9.0, 0.0], [-9.0, 0.0], [0.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(3, 2), 2, wall=0.0)
    assert decisions[-1].drawn.tolist() == [True, False, False]
    assert decisions[-1].held.tolist() == [False, False, True]
    assert [len(mean) for mean, _ in asked] == [2, 1]
    assert (decisions[-1].plan.actions[:, 0] != 0).any(dim=-1).tolist() == [True, True, False]
    torch.testing.assert_close(decisions[-1].plan.energy[0], decisions[-1].distance[0])


def test_a_row_that_holds_is_never_drawn():
    """Surprised twice in a row, the second time at the goal."""
    driver = agent(restless=3)
    driver.begin(seen(torch.tensor([[9.0, 0.0]])))
    driver.act(seen(torch.tensor([[0.0, 0.0]])))
    assert driver.act(seen(torch.tensor([[-5.0, 0.0]]))).drawn.item()
    last = driver.act(seen(torch.tensor([[9.0, 0.0]])))
    assert last.surprise.item() > driver.thresholds.surprise
    assert last.held.item()
    assert not last.drawn.item()
    assert (last.plan.actions == 0).all()


@pytest.mark.parametrize("kind", [MPPIConfig, CEMConfig, GradientConfig])
def test_many_rows_are_planned_in_parts_that_fit(monkeypatch, kind):
    monkeypatch.setattr(search, "_ROWS", 300)
    asked = searches(monkeypatch)
    driver = agent(warm=kind(candidates=64, rounds=4), cold=kind(candidates=100, rounds=12))
    goals = 6 * torch.randn(7, 2)
    driver.begin(seen(goals))
    places, _ = driven(driver, torch.zeros(7, 2), 12)
    rows = [len(mean) * config.candidates for mean, config in asked]
    assert max(rows) <= 300
    assert rows[:5] == [300, 300, 100, 256, 192]
    assert ((places[-1] - goals).norm(dim=-1) < 0.75).all()


def test_a_moment_is_encoded_once_and_remembered():
    model = Plane()
    driver = agent(model=model, past=3)
    driver.begin(seen(torch.tensor([[9.0, 0.0]])))
    places, decisions = driven(driver, torch.zeros(1, 2), 5)
    assert model.encoded == 1 + 5
    newest = model.contexts[-1]
    torch.testing.assert_close(newest.latents[0, :, 0], places[2:5, 0])
    torch.testing.assert_close(newest.actions[0], torch.stack([each.actions[0] for each in decisions[2:4]]))


def test_what_it_imagines_is_where_the_actions_lead():
    driver = agent()
    driver.begin(seen(torch.tensor([[9.0, 0.0]])))
    driver.act(seen(torch.tensor([[1.0, 2.0]])))
    imagined = driver.imagine(torch.tensor([[[0.5, 0.0, 0.5, 0.0], [0.0, 0.25, 0.0, 0.25]]]))
    torch.testing.assert_close(imagined[0, :, 0], torch.tensor([[2.0, 2.0], [2.0, 2.5]]))


def test_an_action_without_a_norm_is_searched_within_its_box():
    spec = ActionSpec(2, (-0.5, -1.0), (0.5, 1.0))
    driver = agent(model=Plane(action=spec))
    driver.begin(seen(torch.tensor([[9.0, -9.0]])))
    places, decisions = driven(driver, torch.zeros(1, 2), 4)
    steps = torch.cat([each.plan.steps() for each in decisions], dim=1)
    assert (steps.abs() <= torch.tensor([0.5, 1.0])).all()
    torch.testing.assert_close(places[-1], torch.tensor([[4.0, -8.0]]), atol=0.8, rtol=0)


def test_a_goal_comes_first():
    driver = agent()
    with pytest.raises(BadInput, match=r"call begin\(goal\) first"):
        driver.act(seen(torch.zeros(1, 2)))
    with pytest.raises(BadInput, match=r"call begin\(goal\) first"):
        driver.goal_distance(torch.zeros(1, 1, 2))


@pytest.mark.parametrize(
    "settings", [{"horizon": 0}, {"past": 0}, {"patience": 0}, {"restless": -1}, {"spread": 0.0}, {"surprise": 0.0}]
)
def test_a_config_that_cannot_plan_is_refused(settings):
    with pytest.raises(BadInput, match=r"must be at least 1|must all be above 0"):
        AgentConfig(**settings)


def test_thresholds_are_values():
    assert replace(Thresholds(0.1, 0.2), hold=0.3) == Thresholds(0.3, 0.2)


@dataclass(frozen=True)
class NobodysConfig:
    kind: str = "nobodys"
    candidates: int = 8


def test_what_configures_no_planner_is_refused_before_anything_is_planned():
    with pytest.raises(UnknownName, match="no planner 'nobodys'; there are cem"):
        AgentConfig(cold=NobodysConfig())


def test_before_a_cold_search_a_tree_looks_for_the_way(monkeypatch):
    asked = searches(monkeypatch)
    goal, plain, driver = torch.tensor([[9.0, 0.0]]), agent(), agent(tree=TreeConfig(width=20), horizon=10)
    driver.begin(seen(goal))
    _, decisions = driven(driver, torch.zeros(1, 2), 2)
    (first, _), (second, _) = asked
    assert (first.sum(dim=1)[0] * SKIP - goal[0]).norm() < 2.0  # the cold search began from a way to the goal
    torch.testing.assert_close(
        second[:, :-1], decisions[0].plan.actions[:, 1:, :2]
    )  # the warm one from the plan before
    asked.clear()
    plain.begin(seen(goal))
    driven(plain, torch.zeros(1, 2), 1)
    assert (asked[0][0] == 0).all()


def test_a_models_step_starts_each_latent_alone():
    model, generator = Plane(), torch.Generator().manual_seed(0)
    latents, actions = torch.randn(2, 3, 1, 2, generator=generator), torch.randn(2, 3, 4, 2, generator=generator)
    after, errors = search.step_of(model)(latents, actions)
    assert errors is None
    torch.testing.assert_close(after, latents[:, :, None] + SKIP * actions[..., None, :])


class Rooted(Plane):
    """A model that believes nothing can be moved, and is right."""

    def rollout(self, context: Context, actions: Tensor) -> Rollout:
        return Rollout(context.latents[:, None, None, -1].expand(*actions.shape[:3], 1, -1))


@pytest.mark.parametrize(("idle", "cold"), [(5, [0, 5, 10]), (3, [0, 3, 6, 9]), (0, [0])])
def test_who_stays_in_one_place_without_surprise_searches_cold(idle, cold):
    driver, place = agent(model=Rooted(), idle=idle), seen(torch.zeros(1, 2))
    driver.begin(seen(torch.tensor([[9.0, 0.0]])))
    assert [step for step in range(12) if driver.act(place).cold.any()] == cold


def test_neither_who_moves_on_nor_who_is_at_the_goal_is_idle():
    driver = agent(idle=2)
    driver.begin(seen(torch.tensor([[12.0, 0.0], [0.0, 0.0]])))
    _, decisions = driven(driver, torch.zeros(2, 2), 14)
    assert decisions[-1].held.all()
    assert not torch.stack([each.cold for each in decisions[1:]]).any()
