"""Known places lie in their own task's layout, their distances are the world's, and imagined latents are told by them."""

import pytest
import torch
from plane_world import PlaneModel, PlaneWorld, places

from gedanken.contracts import check_energy
from gedanken.environments import TwoRooms
from gedanken.evaluation.oracle import RecognisedTimeToGoal
from gedanken.evaluation.surroundings import looks, surroundings
from gedanken.types import Goal, Rollout

START, GOAL = places((-3.0, 0.0), (-3.0, 1.0), (0.0, -2.0)), places((2.0, 3.0), (3.0, -2.0), (3.0, 1.0))


def rested(state, steps=20):
    """A trail of standing still."""
    return {"position": state["position"][:, None].expand(-1, steps + 1, -1)}


def test_places_belong_to_their_task_and_are_as_far_as_the_world_says():
    around = surroundings(PlaneWorld(), PlaneModel(), START, GOAL, rested(START))
    assert torch.equal(around.goals[:, 0], GOAL["position"])
    away = (around.places[:, :, 0] - GOAL["position"][:, None]).norm(dim=-1)
    torch.testing.assert_close(around.ways, away)
    assert around.radius == pytest.approx(0.5, abs=1e-3)
    # The start and the goal themselves are known, and the way between them is walked around.
    assert (around.ways.amin(dim=1) == 0).all()
    assert ((around.places[:, :, 0] - START["position"][:, None]).norm(dim=-1).amin(dim=1) == 0).all()
    assert len(around.places[0].unique(dim=0)) > 200


def test_only_places_at_the_goal_and_not_the_goal_itself_tell_how_it_looks():
    around = surroundings(PlaneWorld(), PlaneModel(), START, GOAL, rested(START))
    known = ~around.there.isnan()
    assert torch.equal(known, (around.ways < 0.5) & (around.ways > around.radius / 100))
    assert (known.sum(dim=1) > 5).all()
    torch.testing.assert_close(around.there[known], around.ways[known].square() / 2)
    assert (around.at_goal(0.9) > around.at_goal(0.5)).all()
    far = places((60.0, 0.0), (60.0, 1.0), (60.0, 2.0))
    walled = surroundings(PlaneWorld(wall=1.0), PlaneModel(), START, far, rested(START))
    assert torch.equal(walled.at_goal(0.9), torch.zeros(3))


def test_walks_stay_in_the_layout_of_their_task():
    class Layout(PlaneModel):
        """Sees where wall and door are."""

        def encode(self, observations):
            return observations["layout"][:, :, None]

    class Told(TwoRooms):
        def observe(self, state):
            return {"layout": torch.stack([state["wall_x"], state["door_y"]], dim=1)}

    world = Told("random")
    start, goal = world.pairs(4, torch.Generator().manual_seed(0))
    around = surroundings(world, Layout(), start, goal, rested(start, 80))
    assert around.radius == pytest.approx(4.5, abs=1e-3)
    layout = looks(world, Layout(), goal)
    assert len(layout.unique(dim=0)) == 4
    assert torch.equal(around.places, layout[:, None].expand_as(around.places))
    # The expert's way leads through the door, so both rooms are known.
    assert (around.ways.amax(dim=1) > 20).all()
    assert (around.ways.amin(dim=1) < 1).all()


def test_an_imagined_latent_counts_as_the_place_it_looks_most_like_in_its_own_task():
    spots = torch.tensor([[[0.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]]])[:, :, None]
    goals = torch.tensor([[[9.0, 9.0]], [[-9.0, 9.0]]])
    energy = RecognisedTimeToGoal(goals, spots, torch.tensor([[0.0, 3.0], [5.0, 0.0]]), near=3.0, terminal=2.0)
    imagined = torch.tensor([[0.3, 0.2], [1.9, -0.4], [0.9, 0.0]])[None, None, :, None]
    waits = 1 - torch.e**-1
    check_energy(energy, Rollout(imagined), Goal(goals[:1]), torch.zeros(1, 1, 3, 4))
    for goal, expected in ((0, 0 + waits + 0), (1, 2 * (1 - torch.exp(torch.tensor(-25 / 9)).item()) + 2 * 5)):
        value = energy(Rollout(imagined), Goal(goals[goal : goal + 1]), torch.zeros(1, 1, 3, 4))
        assert value.item() == pytest.approx(expected, abs=1e-5)
