"""Worlds by name."""

import pytest

from gedanken.environments import registry
from gedanken.environments.registry import WORLDS, make_world
from gedanken.environments.two_rooms import TwoRooms
from gedanken.errors import UnknownName


@pytest.mark.parametrize("id", sorted(WORLDS))
def test_every_world_carries_the_id_it_is_registered_under(id):
    assert make_world(id).id == id


def test_options_reach_the_world():
    world = make_world("two-rooms-v1", wall="random")
    assert isinstance(world, TwoRooms)
    assert world.wall == "random"


def test_worlds_of_others_come_by_entry_point(monkeypatch):
    class Entry:
        name = "three-rooms-v1"

        def load(self):
            return lambda **options: TwoRooms(**options)

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry()] if group == "gedanken.environments" else [])
    assert make_world("three-rooms-v1", wall="random").wall == "random"


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'two-rooms-v1'"):
        make_world("two-rooms-v2")
