import pytest
import torch

from gedanken.encoders import KeypointEncoder, KeypointEncoderConfig
from gedanken.errors import BadInput


def encoder(**settings) -> KeypointEncoder:
    torch.manual_seed(0)
    return KeypointEncoder(KeypointEncoderConfig(size=(32, 64), channels=1, width=4, keypoints=3, latent=8, **settings))


def test_a_map_with_one_strong_cell_gives_its_place_and_strength():
    made = encoder()
    maps = torch.zeros(2, 3, 8 * 16)
    maps[0, 0, 0] = maps[0, 1, 15] = maps[1, 2, 8 * 16 - 1] = 40.0
    places = made._places(maps)
    points, strength = places[:, :6].view(2, 3, 2), places[:, 6:]
    torch.testing.assert_close(points[0, 0], torch.tensor([-2.0, -2.0]))  # row, then column
    torch.testing.assert_close(points[0, 1], torch.tensor([-2.0, 2.0]))
    torch.testing.assert_close(points[1, 2], torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(
        points[0, 2], torch.zeros(2), atol=1e-6, rtol=0
    )  # a flat map has its place in the middle
    torch.testing.assert_close(strength[0, 0], torch.tensor(10.0))
    assert strength[0, 2] == 0


def test_a_thing_that_moves_moves_its_place_alike_wherever_it_is():
    """One map that answers to brightness: 4 px to the right are one cell to the right, at any height."""
    made = encoder()
    with torch.no_grad():
        made.patches.weight.fill_(1.0)
        made.maps.weight.zero_()
        made.maps.weight[0, :, 1, 1] = 0.05
    seen = torch.zeros(4, 1, 32, 64, 1, dtype=torch.uint8)
    for row, (down, right) in enumerate([(9, 17), (9, 21), (21, 33), (21, 37)]):
        seen[row, 0, down : down + 2, right : right + 2] = 255
    caught = []
    made.project.register_forward_hook(lambda module, inputs, output: caught.append(inputs[0]))
    made.encode({"pixels": seen})
    points = caught[0][:, :2]
    cell = torch.tensor([0.0, 4.0 / 15])
    torch.testing.assert_close(points[1] - points[0], cell, atol=1e-4, rtol=0)
    torch.testing.assert_close(points[3] - points[2], cell, atol=1e-4, rtol=0)


@pytest.mark.parametrize("wrong", [{"size": (30, 64)}, {"keypoints": 0}, {"width": 0}, {"head_hidden": 0}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(BadInput):
        KeypointEncoderConfig(**wrong)
