import pytest
import torch
from torch import Generator

from gedanken.energies.losses import sigreg
from gedanken.errors import BadInput, ShapeError

SETS = 300


def directions(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def by_definition(latents: torch.Tensor, slices: int, seed: int = 0) -> torch.Tensor:
    """The statistic with complex numbers, over the whole interval, and one time step and patch after the other."""
    across = torch.randn(latents.shape[-1], slices, generator=directions(seed))
    across = across / across.norm(dim=0)
    t = torch.linspace(-3, 3, 33)
    each = []
    for sample in latents.flatten(1, 2).unbind(dim=1):
        measured = torch.exp(1j * t[:, None, None] * (sample @ across)).mean(dim=1)
        gap = (measured - torch.exp(-t.square() / 2)[:, None]).abs().square()
        each.append(len(latents) * torch.trapezoid(torch.exp(-t.square() / 2)[:, None] * gap, t, dim=0).mean())
    return torch.stack(each).mean()


def coin(*shape: int) -> torch.Tensor:
    return 2.0 * torch.randint(0, 2, shape) - 1


# The mean over many samples, of N = 128 and of N = 1024 latents.
VALUES = {
    "standard normal": (torch.randn, 1.06, 1.06),
    "all zero": (torch.zeros, 51.5, 411.7),
    "half as wide": (lambda *shape: 0.5 * torch.randn(*shape), 19.7, 155.0),
    "twice as wide": (lambda *shape: 2 * torch.randn(*shape), 31.9, 242.0),
    "moved by one": (lambda *shape: 1 + torch.randn(*shape), 58.0, 455.0),
    "uniform": (lambda *shape: 12**0.5 * (torch.rand(*shape) - 0.5), 3.4, 17.7),
    "coin": (coin, 14.1, 106.0),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("samples", [128, 1024])
def test_known_clouds_have_known_values(name, samples):
    drawn, *values = VALUES[name]
    value = sigreg(drawn(samples, SETS, 1, 1), directions(), slices=2).item()
    assert value == pytest.approx(values[samples == 1024], rel=0.03 if values[0] > 10 else 0.15)


@pytest.mark.parametrize("width", [3, 48])
def test_the_floor_is_the_same_in_any_number_of_dimensions(width):
    value = sigreg(torch.randn(128, 60, 1, width), directions(), slices=16).item()
    assert value == pytest.approx(1.06, abs=0.25)


def test_it_is_its_definition_and_so_is_its_gradient():
    latents = (0.3 + 1.5 * torch.rand(16, 3, 2, 5)).requires_grad_()
    loss, expected = sigreg(latents, directions(), slices=7), by_definition(latents, 7)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)
    wanted = torch.autograd.grad(expected, latents)[0]
    torch.testing.assert_close(torch.autograd.grad(3 * loss, latents)[0], 3 * wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 3, 8, 1000])
def test_the_chunk_changes_nothing(chunk):
    latents = torch.randn(16, 3, 2, 5, requires_grad=True)
    whole, parts = (sigreg(latents, directions(), slices=8, chunk=size) for size in (8, chunk))
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(*(torch.autograd.grad(loss, latents)[0] for loss in (parts, whole)))


def test_the_backward_pass_keeps_no_more_than_one_gradient():
    latents, kept = torch.randn(16, 3, 2, 5, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()), lambda _: None):
        sigreg(latents, directions(), slices=64)
    assert sum(kept) <= 2 * latents.numel()


def test_directions_are_drawn_afresh_and_from_the_generator_alone():
    latents, generator = torch.rand(32, 2, 1, 6), directions()
    first, second = (sigreg(latents, generator, slices=4).item() for _ in range(2))
    torch.manual_seed(99)
    assert first != second
    assert sigreg(latents, directions(), slices=4).item() == first
    assert sigreg(latents, directions(1), slices=4).item() != first


@pytest.mark.parametrize("axis", [1, 2])
def test_each_time_step_and_each_patch_is_a_sample_of_its_own(axis):
    """A latent that is the same in the whole batch has collapsed, however much it changes in time or over the patches."""
    everywhere = torch.randn(32, 20, 20, 2)
    collapsed = everywhere.mean(dim=3 - axis, keepdim=True).mul(20**0.5)[:1].expand(32, -1, -1, -1)
    assert sigreg(everywhere, directions(), slices=8) < 2
    assert sigreg(collapsed, directions(), slices=8) > 10


def test_time_within_a_trajectory_is_left_free():
    still = torch.randn(512, 1, 1, 4)
    torch.testing.assert_close(
        sigreg(still.expand(-1, 9, -1, -1), directions(), 16), sigreg(still, directions(), 16), rtol=1e-4, atol=0
    )


def test_dimensions_that_repeat_each_other_or_say_nothing_are_noticed():
    latents = torch.randn(256, 4, 1, 8)
    repeated = torch.cat([latents[..., :4], latents[..., :4]], dim=-1)
    empty = torch.cat([latents[..., :4], 0 * latents[..., :4]], dim=-1)
    fine, *wrong = (sigreg(each, directions(), slices=128).item() for each in (latents, repeated, empty))
    assert min(wrong) > 3 * fine


def test_descent_spreads_a_collapsed_cloud_into_a_standard_normal():
    latents, generator = (0.02 * torch.randn(128, 1, 1, 4)).requires_grad_(), directions()
    for _ in range(60):
        (gradient,) = torch.autograd.grad(sigreg(latents, generator, slices=32), latents)
        latents.data -= 0.5 * gradient
    cloud = latents.detach()[:, 0, 0]
    assert sigreg(latents, generator).item() < 1.06
    torch.testing.assert_close(torch.cov(cloud.T), torch.eye(4), atol=0.25, rtol=0)
    torch.testing.assert_close(cloud.mean(dim=0), torch.zeros(4), atol=0.15, rtol=0)


def test_cosines_are_taken_in_float32_whatever_comes():
    latents = torch.randn(32, 2, 1, 6)
    with torch.autocast("cpu", torch.bfloat16):
        inside = sigreg(latents, directions())
    assert inside.item() == sigreg(latents, directions()).item()
    half = latents.bfloat16().requires_grad_()
    loss = sigreg(half, directions())
    loss.backward()
    assert (loss.dtype, half.grad.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(loss, sigreg(half.detach().float(), directions()))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ShapeError, match="at least 2 latents of a batch; got B=1"):
        sigreg(torch.zeros(1, 9, 1, 4), directions())
    for wrong in ({"slices": 0}, {"chunk": 0}):
        with pytest.raises(BadInput, match="must each be at least 1"):
            sigreg(torch.zeros(4, 9, 1, 4), directions(), **wrong)
