"""Frames against a slow per-pixel drawing written here from the definition."""

import math
import time
from hashlib import sha256

import pytest
import torch
from torch import Generator

from gedanken.environments.two_rooms import TwoRooms
from gedanken.errors import BadInput, ShapeError


def overlap(low: float, high: float, pixel: tuple[float, float]) -> float:
    """Share of a pixel, given by its edges, that lies between two coordinates."""
    return max(0.0, min(high, pixel[1]) - max(low, pixel[0])) / (pixel[1] - pixel[0])


def reference_pixel(state: dict, index: int, row: int, column: int, size: int) -> list[float]:
    """One pixel of an untextured world, in floating point; a picture of any size shows coordinates -0.5 to 63.5."""
    wall_x, door_y = state["wall_x"][index].item(), state["door_y"][index].item()
    (top, bottom), (left, right) = (((k * 64 / size) - 0.5, ((k + 1) * 64 / size) - 0.5) for k in (row, column))
    outside = overlap(3.5, 60.5, (left, right)) * overlap(3.5, 60.5, (top, bottom))
    border = outside - overlap(4.5, 59.5, (left, right)) * overlap(4.5, 59.5, (top, bottom))
    across = overlap(wall_x - 1.5, wall_x + 1.5, (left, right))
    inside = overlap(4.5, 59.5, (top, bottom))
    solid = border + across * (inside - overlap(door_y - 4, door_y + 4, (top, bottom)))
    x, y = state["position"][index].tolist()
    away = ((left + right) / 2 - x) ** 2 + ((top + bottom) / 2 - y) ** 2
    dot = math.exp(-away / (2 * state["dot_sigma"][index].item() ** 2))
    parts = (state[f"{part}_color"][index].tolist() for part in ("background", "wall", "dot"))
    values = ((ground + solid * (wall - ground), spot) for ground, wall, spot in zip(*parts, strict=True))
    return [value + dot * (spot - value) for value, spot in values]


@pytest.mark.parametrize(
    ("wall", "split", "size"),
    [("fixed", "default", 64), ("random", "default", 64), ("random", "test", 64), ("random", "test", 160)],
)
def test_every_pixel_has_the_color_it_should(wall, split, size):
    world, generator = TwoRooms(wall, size=size), Generator().manual_seed(0)
    state = world.sample(3, generator) | world.factors(split, 3, generator)
    state["texture_amplitude"] = torch.zeros(3)
    # Two of the dots in corners, where their patch reaches over the image's edge.
    state["position"] = torch.tensor([[4.6, 59.4], [59.4, 4.6], [52.2, 40.7]])
    frames = world.observe(state)["pixels"].float()
    pixels = range(size)
    drawn = [[[reference_pixel(state, i, row, column, size) for column in pixels] for row in pixels] for i in range(3)]
    torch.testing.assert_close(frames, torch.tensor(drawn), atol=1.01, rtol=0)


def test_the_usual_size_looks_as_it_always_has():
    """Models were trained on these pixels: a change of one grey level is a change of the world."""
    world, generator = TwoRooms("random"), Generator().manual_seed(0)
    state = world.sample(70, generator)
    digest = sha256(world.observe(state)["pixels"].numpy().tobytes()).hexdigest()
    assert digest == "6539c856ec34d022b56065acfaad82db2fd4f55fc1e217d8db309e045b665a20"
    assert torch.equal(TwoRooms("random", size=64).observe(state)["pixels"], world.observe(state)["pixels"])


def test_size_changes_the_picture_and_nothing_else():
    small, large = TwoRooms("random"), TwoRooms("random", size=224)
    assert large.streams["pixels"].shape == (224, 224, 3)
    start, goal = large.pairs(4, Generator().manual_seed(0))
    action = large.expert(start, goal)
    assert torch.equal(large.step(start, action)["position"], small.step(start, action)["position"])
    # 7 large pixels lie on 2 small ones, so blocks of them hold the same area.
    blocks = [
        world.observe(start)["pixels"].float().unflatten(1, (32, -1)).unflatten(3, (32, -1)).mean((2, 4))
        for world in (small, large)
    ]
    assert (blocks[0] - blocks[1]).abs().max() < 6
    for size in (8, 5000):
        with pytest.raises(BadInput, match="between 16 and 1024"):
            TwoRooms(size=size)


def test_a_trajectory_is_drawn_as_its_single_frames_are():
    world, generator = TwoRooms("random"), Generator().manual_seed(0)
    state = world.sample(3, generator) | world.factors("test", 3, generator)
    positions = world.sample(15, generator)["position"].view(3, 5, 2)
    frames = world.render(state, positions)
    for step in range(5):
        alone = world.observe({**state, "position": positions[:, step]})["pixels"]
        # A shared patch is as wide as its widest dot: a rounding in the last grey level may differ.
        assert (frames[:, step].int() - alone.int()).abs().max() <= 1


def test_worlds_drawn_together_look_as_they_do_alone():
    world, generator = TwoRooms("random"), Generator().manual_seed(0)
    state = world.sample(70, generator) | world.factors("train", 70, generator)
    together = world.observe(state)["pixels"]
    for index in (0, 31, 32, 69):
        alone = world.observe({key: value[index : index + 1] for key, value in state.items()})["pixels"]
        assert (together[index].int() - alone[0].int()).abs().max() <= 1


def test_texture_comes_from_its_seed_and_has_its_amplitude():
    world, generator = TwoRooms(), Generator().manual_seed(0)
    plain = world.sample(1, generator)
    plain = {key: value.expand(3, *value.shape[1:]) for key, value in plain.items()}
    plain["background_color"] = torch.full((3, 3), 100.0)
    rough = plain | {"texture_amplitude": torch.full((3,), 20.0), "texture_seed": torch.tensor([5, 6, 5])}
    frames, smooth = (world.observe(state)["pixels"].float() for state in (rough, plain))
    difference = (frames - smooth)[:, :, :28].abs()
    assert 10 < difference.max() <= 20.5
    assert torch.equal(frames[0], frames[2])
    assert (frames[0] - frames[1]).abs().mean() > 2


def test_positions_of_the_wrong_shape_are_refused():
    world = TwoRooms()
    state = world.sample(3, Generator().manual_seed(0))
    with pytest.raises(ShapeError, match=r"\(2, 5, 2\).*B=3"):
        world.render(state, torch.zeros(2, 5, 2))


@pytest.mark.parametrize("wall", ["fixed", "random"])
def test_drawing_is_fast_enough_to_train_on(wall):
    world = TwoRooms(wall)
    state = world.sample(512, Generator().manual_seed(0))
    seconds = []
    for _ in range(4):
        begun = time.process_time()
        world.observe(state)
        seconds.append(time.process_time() - begun)
    assert 512 / min(seconds) > 5000
