import numpy as np
import pytest

from gedanken.data import slice_episode, split_episodes, time_blocks
from gedanken.errors import BadInput
from gedanken.types import ActionSpec, Episode, StreamSpec


def drive(length: int, resets: tuple[int, ...] = ()) -> Episode:
    frames = np.arange(length, dtype=np.int32)
    specs = {"frame": StreamSpec((), "int32", 20.0)}
    action = ActionSpec(1, (-1.0,), (1e6,))
    actions = frames[:-1, None].astype(np.float32)
    return Episode({"frame": frames}, actions, specs, action, times=frames / 20.0, resets=resets)


def test_episodes_are_dealt_once_and_by_seed():
    parts = split_episodes(103, 0, (0.8, 0.1, 0.1))
    assert [len(part) for part in parts] == [82, 11, 10]
    assert sorted(sum(parts, ())) == list(range(103))
    assert parts == split_episodes(103, 0, (0.8, 0.1, 0.1))
    assert parts != split_episodes(103, 1, (0.8, 0.1, 0.1))
    assert parts[0] != tuple(range(82))


@pytest.mark.parametrize(("count", "fractions"), [(10, (0.5, 0.4)), (10, (1.2, -0.2)), (3, (0.9, 0.1)), (10, ())])
def test_a_split_that_cannot_be_is_refused(count, fractions):
    with pytest.raises(BadInput):
        split_episodes(count, 0, fractions)


def test_a_slice_keeps_frames_actions_times_and_resets_together():
    part = slice_episode(drive(20, resets=(2, 5, 9, 12)), 5, 12)
    assert part.streams["frame"].tolist() == list(range(5, 12))
    assert part.actions[:, 0].tolist() == list(range(5, 11))
    assert part.times is not None
    assert part.times[0] == 0.25
    assert part.resets == (0, 4)
    with pytest.raises(BadInput, match="do not lie inside"):
        slice_episode(drive(20), 5, 21)


def test_time_blocks_keep_a_gap_and_lose_nothing_else():
    training, held_out = time_blocks(drive(100), blocks=10, held_out=(3, 4, 8), gap=2)
    ranges = [[(each.streams["frame"][0], each.streams["frame"][-1]) for each in part] for part in (training, held_out)]
    assert ranges == [[(0, 27), (52, 77), (92, 99)], [(30, 49), (80, 89)]]
    seen = np.concatenate([each.streams["frame"] for each in training])
    kept = np.concatenate([each.streams["frame"] for each in held_out])
    assert np.abs(seen[:, None] - kept).min() == 3
    for each in (*training, *held_out):
        assert each.actions[:, 0].tolist() == each.streams["frame"][:-1].tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        {"blocks": 1, "held_out": (0,), "gap": 0},
        {"blocks": 4, "held_out": (), "gap": 0},
        {"blocks": 4, "held_out": (4,), "gap": 0},
        {"blocks": 2, "held_out": (0, 1), "gap": 0},
        {"blocks": 4, "held_out": (1,), "gap": -1},
        {"blocks": 4, "held_out": (1,), "gap": 25},
    ],
)
def test_blocks_that_cannot_be_cut_are_refused(arguments):
    with pytest.raises(BadInput):
        time_blocks(drive(100), **arguments)
