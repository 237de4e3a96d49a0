"""A place in a picture is where the agent is seen, and the way back gives the state again."""

import pytest
import torch

import gedanken
from gedanken.environments import places as module
from gedanken.environments.places import DotPlaces, places_of

WORLD = gedanken.make_world("two-rooms-v1")


def test_a_place_is_where_the_dot_is_drawn():
    state = WORLD.sample(20, torch.Generator().manual_seed(0))
    pixels = WORLD.observe(state)["pixels"].float()
    ground = WORLD.observe({**state, "position": torch.full((20, 2), -20.0)})["pixels"].float()
    shown = (pixels - ground).abs().sum(dim=-1)
    share = (torch.arange(64) + 0.5) / 64
    weight = shown.sum(dim=(1, 2))
    seen = torch.stack([(shown.sum(dim=1) * share).sum(dim=1), (shown.sum(dim=2) * share).sum(dim=1)], -1)
    places = places_of(WORLD)
    assert places is not None
    off = (places.of(state) - seen / weight[:, None]).abs() * 64
    assert off.median() < 0.05  # px; walls hide some of a dot beside them
    assert off.max() < 0.6


@pytest.mark.parametrize("name", ["two-rooms-v1", "four-rooms-v1", "maze-v1"])
def test_a_state_comes_back_from_its_place(name):
    world = gedanken.make_world(name)
    state, places = world.sample(50, torch.Generator().manual_seed(1)), places_of(world)
    assert places is not None
    assert places.free(state, places.of(state)).all()
    torch.testing.assert_close(places.at(state, places.of(state))["position"], state["position"])


def test_walls_are_not_free():
    state = WORLD.sample(50, torch.Generator().manual_seed(1))
    places = places_of(WORLD)
    assert places is not None
    wall, border, door = ([32.5 / 64, 45 / 64], [0.01, 0.5], [32.5 / 64, 18.5 / 64])
    one = {name: value[:3] for name, value in state.items()}
    assert places.free(one, torch.tensor([wall, border, door])).tolist() == [False, False, True]


def test_a_world_offers_its_own_places_or_none(monkeypatch):
    monkeypatch.setattr(module, "DotWorld", type(None))
    assert places_of(WORLD) is None
    own = DotPlaces(WORLD)
    monkeypatch.setattr(WORLD, "places", own, raising=False)
    assert places_of(WORLD) is own
