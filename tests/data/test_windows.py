import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from gedanken.data import EpisodeFolder, EpisodeList, WindowSampler
from gedanken.errors import BadInput, UnknownName
from gedanken.types import ActionSpec, Episode, StreamSpec

SPECS = {"pixels": StreamSpec((2, 2, 1), "uint8"), "clock": StreamSpec((2,), "float32")}
ACTION = ActionSpec(2, (0.0, 0.0), (1000.0, 1000.0))


def counting(length: int, number: int = 0, resets: tuple[int, ...] = ()) -> Episode:
    """Every frame and every action says which episode and which moment it is from."""
    frames = np.arange(length)
    pixels = np.broadcast_to(frames[:, None, None, None], (length, 2, 2, 1)).astype(np.uint8)
    clock = np.stack([np.full(length, number), frames], axis=1).astype(np.float32)
    actions = np.stack([frames[:-1], np.full(length - 1, number)], axis=1).astype(np.float32)
    return Episode({"pixels": pixels, "clock": clock}, actions, SPECS, ACTION, resets=resets)


def places(sampler: WindowSampler) -> list[tuple[int, int]]:
    clock = sampler.take(torch.arange(len(sampler))).observations["clock"]
    return [(int(number), int(frame)) for number, frame in clock[:, 0].tolist()]


def test_shapes_dtypes_and_pairing_of_actions_with_frames():
    sampler = WindowSampler([counting(30, 7)], 4, 3)
    windows = sampler.sample(5, torch.Generator().manual_seed(0))
    pixels, actions = windows.observations["pixels"], windows.actions
    assert pixels.shape == (5, 4, 2, 2, 1)
    assert pixels.dtype == torch.uint8
    assert actions.shape == (5, 3, 6)
    assert actions.dtype == torch.float32
    frames = pixels[:, :, 0, 0, 0].long()
    assert torch.equal(frames, frames[:, :1] + 3 * torch.arange(4))
    # Action block k holds the steps that leave frame k, oldest first, each with its columns together.
    steps = actions.reshape(5, 3, 3, 2)
    assert torch.equal(steps[..., 0].long(), frames[:, :-1, None] + torch.arange(3))
    assert (steps[..., 1] == 7).all()


def test_every_valid_window_once_and_none_across_an_end_or_a_reset():
    resets = {0: (), 1: (4, 5, 11), 2: (0, 3)}
    lengths = {0: 9, 1: 14, 2: 4}
    episodes = [counting(lengths[number], number, resets[number]) for number in lengths]
    for length, skip in ((3, 2), (2, 1), (1, 1), (4, 1)):
        span = (length - 1) * skip
        expected = [
            (number, start)
            for number in lengths
            for start in range(lengths[number] - span)
            if not any(start < reset <= start + span for reset in resets[number])
        ]
        assert places(WindowSampler(episodes, length, skip)) == expected


def test_a_reset_may_only_be_the_first_frame():
    assert places(WindowSampler([counting(6, resets=(3,))], 3)) == [(0, 0), (0, 3)]


def test_an_action_leading_into_a_reset_is_never_served():
    sampler = WindowSampler([counting(40, resets=(11, 20))], 3, 2)
    steps = sampler.take(torch.arange(len(sampler))).actions.reshape(-1, 2)[:, 0]
    assert not set(steps.tolist()) & {10.0, 19.0}


def test_the_draw_is_uniform_and_follows_the_generator_alone():
    sampler = WindowSampler([counting(5, 0), counting(8, 1, (3,)), counting(2, 2)], 2)
    assert len(sampler) == 4 + 2 + 4 + 1
    drawn = sampler.sample(11_000, torch.Generator().manual_seed(1)).observations["clock"][:, 0]
    counts = torch.unique(drawn, dim=0, return_counts=True)[1]
    assert len(counts) == 11
    assert counts.min() > 850
    assert counts.max() < 1150
    generator = torch.Generator().manual_seed(3)
    sampler.sample(4, generator)
    state = generator.get_state()
    first = sampler.sample(6, generator)
    fresh = WindowSampler([counting(5, 0), counting(8, 1, (3,)), counting(2, 2)], 2)
    again = fresh.sample(6, torch.Generator().set_state(state))
    assert torch.equal(first.observations["clock"], again.observations["clock"])
    assert torch.equal(first.actions, again.actions)
    later = sampler.sample(6, generator)
    assert not torch.equal(first.observations["clock"], later.observations["clock"])


def test_only_the_chosen_episodes_and_streams_are_read():
    class Untouchable(dict):
        def __getitem__(self, name):
            assert name != "pixels"
            return super().__getitem__(name)

    episodes = [replace(counting(9, number), streams=counting(9, number).streams) for number in range(4)]
    for each in episodes:
        object.__setattr__(each, "streams", Untouchable(each.streams))
    sampler = WindowSampler(EpisodeList(episodes), 3, streams=["clock"], episodes=[3, 1])
    windows = sampler.sample(200, torch.Generator().manual_seed(0))
    assert set(windows.observations) == {"clock"}
    assert set(windows.observations["clock"][..., 0].unique().tolist()) == {1.0, 3.0}
    assert set(windows.actions[..., 1].unique().tolist()) == {1.0, 3.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"length": 6, "frame_skip": 2}, "needs 11 frames without a reset, and the longest stretch has 7"),
        ({"length": 0}, "at least 1"),
        ({"length": 2, "frame_skip": 0}, "at least 1"),
        ({"length": 2, "episodes": [2]}, "no episode 2"),
        ({"length": 2, "episodes": [-1]}, "no episode -1"),
        ({"length": 2, "episodes": []}, "no episodes"),
    ],
)
def test_what_cannot_be_sampled_is_said_in_one_sentence(arguments, words):
    with pytest.raises(BadInput, match=words):
        WindowSampler([counting(7), counting(10, resets=(6,))], **arguments)


def test_unknown_streams_strange_episodes_and_window_numbers_are_refused():
    with pytest.raises(UnknownName, match="Did you mean 'pixels'"):
        WindowSampler([counting(7)], 2, streams=["pixel"])
    other = replace(counting(7), specs={**SPECS, "clock": replace(SPECS["clock"], unit="s")})
    with pytest.raises(BadInput, match="episode 1 has other"):
        WindowSampler([counting(7), other], 2)
    sampler = WindowSampler([counting(7)], 2)
    for number in (-1, 6):
        with pytest.raises(BadInput, match="between 0 and 5"):
            sampler.take(torch.tensor([number]))


def test_reading_from_disk_keeps_up_with_training(tmp_path):
    specs = {"pixels": StreamSpec((64, 64, 3), "uint8")}
    recording = np.zeros((400, 64, 64, 3), np.uint8)
    store = EpisodeFolder.create(tmp_path, specs, ACTION)
    store.extend([Episode({"pixels": recording}, np.zeros((399, 2), np.float32), specs, ACTION)] * 2)
    sampler, generator = WindowSampler(store, 8, 2), torch.Generator().manual_seed(0)
    sampler.sample(64, generator)
    started = time.perf_counter()
    for _ in range(10):
        sampler.sample(64, generator)
    # Some 300 thousand a second on an idle core; the bound only catches reading far more than is kept.
    assert 10 * 64 * 8 / (time.perf_counter() - started) > 20_000
