import pytest
import torch
from torch import Generator

from gedanken.data import EpisodeList, WindowSampler
from gedanken.environments import TwoRooms, episodes_of
from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation.decoder import FrameBank, fit_decoder, frame_bank, nearest_frames
from gedanken.types import ActionSpec, Rollout

SIZE = 16


def dots(count: int, seed: int) -> tuple[torch.Tensor, FrameBank]:
    """Positions `[F, 2]` of a red dot of 2×2 px on a dark picture, and frames with latents that tell where it is."""
    at = torch.randint(1, SIZE - 2, (count, 2), generator=Generator().manual_seed(seed))
    frames = torch.full((count, SIZE, SIZE, 3), 30, dtype=torch.uint8)
    frames[:, :, 8] = torch.tensor([20, 200, 180], dtype=torch.uint8)
    for frame, (x, y) in zip(frames, at.tolist(), strict=True):
        frame[y : y + 2, x : x + 2] = torch.tensor([220, 40, 60], dtype=torch.uint8)
    waves = at[:, :, None] * torch.arange(1, 5) * torch.pi / SIZE
    return at, FrameBank(torch.cat([waves.sin(), waves.cos()], -1).flatten(1)[:, None], frames)


def brightest(frames: torch.Tensor) -> torch.Tensor:
    """Where a frame is reddest `[F, 2]`."""
    red = frames[..., 0].float() - frames[..., 1].float()
    place = red.flatten(1).argmax(dim=1)
    return torch.stack([place % SIZE, place // SIZE], dim=-1)


def test_a_small_dot_is_decoded_where_it_is():
    _, bank = dots(800, seed=0)
    at, unseen = dots(100, seed=1)
    shown = fit_decoder(bank, steps=100).decode(unseen.latents)
    assert shown.dtype == torch.uint8
    assert shown.shape == unseen.frames.shape
    apart = (brightest(shown) - at - 0.5).norm(dim=-1)
    assert apart.median() <= 1.5
    assert apart.quantile(0.9) <= 3
    red = shown[..., 0].float().amax(dim=(1, 2)).median()
    assert red > 110  # of 220, on a ground of 30: not averaged away
    wall = shown[:, :, 8, 1].float().median()
    assert 180 < wall < 220


def test_fitting_is_repeatable_and_leaves_the_global_generator_alone():
    _, bank = dots(64, seed=0)
    before = torch.random.get_rng_state()
    told: list[tuple[int, int]] = []
    one = fit_decoder(bank, steps=3, seed=4, watch=lambda step, steps, loss: told.append((step, steps)))
    assert torch.equal(before, torch.random.get_rng_state())
    assert told == [(1, 3), (2, 3), (3, 3)]
    latents = bank.latents[:6].reshape(2, 3, 1, -1)
    again, other = fit_decoder(bank, steps=3, seed=4), fit_decoder(bank, steps=3, seed=5)
    assert one.decode(latents).shape == (2, 3, SIZE, SIZE, 3)
    assert torch.equal(one(bank.latents), again(bank.latents))
    assert not torch.equal(one(bank.latents), other(bank.latents))


def test_the_nearest_frame_is_the_one_with_the_nearest_latent():
    at, bank = dots(200, seed=0)
    asked = bank.latents[40:46].reshape(3, 2, 1, -1) + 1e-3
    assert torch.equal(nearest_frames(asked, bank), bank.frames[40:46].reshape(3, 2, SIZE, SIZE, 3))
    near = brightest(nearest_frames(dots(50, seed=1)[1].latents, bank))
    assert (near - dots(50, seed=1)[0] - 0.5).norm(dim=-1).median() < 4
    assert len(at) == 200


class MeanColour:
    """A model whose latent is the frame's mean colour times a trained weight."""

    frame_skip = 2
    action = ActionSpec(2, (-1.8, -1.8), (1.8, 1.8))

    def __init__(self) -> None:
        self.weight = torch.ones(3, requires_grad=True)

    def encode(self, observations):
        return (observations["pixels"].float().mean(dim=(2, 3)) * self.weight)[:, :, None]

    def rollout(self, context, actions) -> Rollout:
        raise NotImplementedError


def test_a_bank_holds_frames_with_their_own_latents_cut_off_from_the_model():
    model = MeanColour()
    sampler = WindowSampler(EpisodeList(episodes_of(TwoRooms(), 3, 12, seed=0)), 4, 2)
    bank = frame_bank(model, sampler, frames=50, seed=1)
    assert bank.frames.shape == (50, 64, 64, 3)
    assert not bank.latents.requires_grad
    torch.testing.assert_close(bank.latents[:, 0], bank.frames.float().mean(dim=(1, 2)))
    fit_decoder(bank, steps=2)
    assert model.weight.grad is None
    assert torch.equal(frame_bank(model, sampler, frames=50, seed=1).frames, bank.frames)


def test_what_cannot_be_fitted_is_refused():
    _, bank = dots(4, seed=0)
    with pytest.raises(BadInput, match="steps=0"):
        fit_decoder(bank, steps=0)
    with pytest.raises(ShapeError, match="4 and 3"):
        FrameBank(bank.latents, bank.frames[:3])
    with pytest.raises(ShapeError, match="12×16"):
        FrameBank(bank.latents, bank.frames[:, :12])
