"""Physics is kept apart from looks, and a state survives being packed."""

import pytest
import torch

from gedanken.environments import TwoRooms
from gedanken.errors import ShapeError
from gedanken.evaluation.true_state import StateVector, dressed, physical, rows_of


@pytest.fixture
def world():
    return TwoRooms("random")


def test_only_what_decides_the_course_is_physical(world):
    state = world.sample(3, torch.Generator().manual_seed(0))
    kept = physical(world, state)
    assert set(kept) == {"position", "wall_x", "door_y"}
    again = dressed(world, kept)
    assert set(again) == set(state)
    assert torch.equal(world.observe(again)["pixels"], world.observe(state)["pixels"])


def test_a_state_packs_into_a_vector_and_back(world):
    state, vector = world.sample(5, torch.Generator().manual_seed(0)), StateVector(world)
    packed = vector.pack(state)
    assert packed.shape == (5, vector.width) == (5, 4)
    for name, values in vector.unpack(packed).items():
        assert torch.equal(values, state[name]), name
    assert vector.pack(rows_of(state, slice(0))).shape == (0, 4)
    with pytest.raises(ShapeError, match="S=4"):
        vector.unpack(packed[:, :3])
