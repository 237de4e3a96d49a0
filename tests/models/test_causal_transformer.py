import pytest
import torch
from torch import Tensor

from gedanken.errors import BadInput
from gedanken.models import CausalTransformer, CausalTransformerConfig

LATENT, ACTION, PATCHES = 6, 2, 3


def made(window: int = 3, depth: int = 2, **settings) -> CausalTransformer:
    """A predictor whose every weight matters: an untrained one has its gates shut."""
    torch.manual_seed(0)
    config = CausalTransformerConfig(
        width=16, action_width=5, depth=depth, heads=2, head_width=4, window=window, **{"norm": False, **settings}
    )
    predictor = CausalTransformer(config, LATENT, ACTION)
    for parameter in predictor.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return predictor.eval()


def sequence(frames: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Latents, and one action for each of them."""
    return torch.randn(batch, frames, PATCHES, LATENT), torch.randn(batch, frames, ACTION)


def banded_pass(predictor: CausalTransformer, latents: Tensor, actions: Tensor) -> Tensor:
    """The prediction after every frame by textbook attention over the whole sequence, with a mask and without a cache."""
    config, frames = predictor.config, latents.shape[1]
    moment = torch.arange(frames).repeat_interleave(PATCHES)
    distance = moment[:, None] - moment
    outside = (distance < 0) | (distance >= config.window)
    tokens = predictor.from_latent(latents).flatten(1, 2)
    condition = predictor.from_action(actions).repeat_interleave(PATCHES, dim=1)

    def heads(each: Tensor) -> Tensor:
        return each.unflatten(-1, (config.heads, config.head_width)).transpose(1, 2)

    for layer in predictor.layers:
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = layer.modulate(condition).split(config.width, dim=-1)
        inner = torch.nn.functional.layer_norm(tokens, (config.width,)) * (1 + scale) + shift
        keys, values = layer.to_memory(inner).chunk(2, dim=-1)
        bias = layer.preference[:, (config.window - 1 - distance).clamp(0, config.window - 1)]
        attended = torch.nn.functional.scaled_dot_product_attention(
            heads(layer.to_query(inner)),
            heads(keys),
            heads(values),
            attn_mask=bias.masked_fill(outside, -torch.inf).expand(len(latents), -1, -1, -1),
        )
        tokens = tokens + gate * layer.from_heads(attended.transpose(1, 2).flatten(2))
        inner = torch.nn.functional.layer_norm(tokens, (config.width,)) * (1 + mlp_scale) + mlp_shift
        tokens = tokens + mlp_gate * layer.mlp(inner)
    return predictor.norm(latents + predictor.to_change(predictor.last(tokens)).view_as(latents))


@torch.no_grad()
@pytest.mark.parametrize(("window", "depth"), [(3, 2), (1, 2), (4, 1), (2, 3)])
def test_stepping_with_what_was_kept_is_one_pass_over_the_whole_sequence(window, depth):
    predictor = made(window, depth)
    latents, actions = sequence(8)
    condition = predictor.condition(actions)
    whole = banded_pass(predictor, latents, actions)
    torch.testing.assert_close(
        predictor.step(predictor.starts(latents, condition[:, :-1]), condition)[0], whole, atol=1e-5, rtol=0
    )
    state = tuple(part[:, 0] for part in predictor.starts(latents[:, :1], condition[:, :0]))
    for frame in range(8):
        state = predictor.step((latents[:, frame], *state[1:]), condition[:, frame])
        torch.testing.assert_close(state[0], whole[:, frame], atol=1e-5, rtol=0)


@torch.no_grad()
def test_predictions_fed_back_are_frames_like_any_other():
    predictor = made()
    latents, actions = sequence(9)
    condition = predictor.condition(actions)
    state = tuple(part[:, -1] for part in predictor.starts(latents[:, :4], condition[:, :3]))
    so_far = latents[:, :4]
    for frame in range(3, 9):
        state = predictor.step(state, condition[:, frame])
        following = banded_pass(predictor, so_far, actions[:, : frame + 1])[:, -1]
        torch.testing.assert_close(state[0], following, atol=1e-4, rtol=0)
        so_far = torch.cat([so_far, following[:, None]], dim=1)


@torch.no_grad()
def test_a_step_costs_one_frame_and_keeps_no_more_than_the_window():
    predictor, tokens = made(window=4, depth=3), []
    latents, actions = sequence(6)
    condition = predictor.condition(actions)
    state = predictor.starts(latents, condition[:, :-1])
    sizes = [part.shape for part in state]
    for layer in predictor.layers:
        layer.to_memory.register_forward_hook(lambda _, given, __: tokens.append(given[0].shape[:-1].numel()))
    for frame in range(6):
        state = predictor.step(state, condition[:, frame : frame + 1].expand(-1, 6, -1))
    assert tokens == [2 * 6 * PATCHES] * 3 * 6
    assert [part.shape for part in state] == sizes


@torch.no_grad()
def test_a_head_can_tell_frames_apart_by_their_distance_alone():
    predictor = made(window=3, depth=1)
    latents, actions = sequence(3, batch=1)
    swapped = latents[:, [1, 0, 2]]
    same = torch.zeros_like(actions)

    def last(seen: Tensor) -> Tensor:
        condition = predictor.condition(same)
        return predictor.step(predictor.starts(seen, condition[:, :-1]), condition)[0][:, -1]

    assert (last(latents) - last(swapped)).norm() > 0.01
    predictor.layers[0].preference.zero_()
    torch.testing.assert_close(last(latents), last(swapped), atol=1e-5, rtol=0)


@torch.no_grad()
def test_untrained_it_copies_the_last_latent():
    predictor = CausalTransformer(CausalTransformerConfig(width=16, norm=False), LATENT, ACTION).eval()
    latents, actions = sequence(5)
    condition = predictor.condition(actions)
    torch.testing.assert_close(predictor.step(predictor.starts(latents, condition[:, :-1]), condition)[0], latents)


@torch.no_grad()
@pytest.mark.parametrize("silent", ["attention", "mlp"])
def test_either_branch_is_dropped_in_training_only(silent):
    predictor = made(dropout=0.5)
    for layer in predictor.layers:
        for parameter in (layer.from_heads if silent == "attention" else layer.mlp[-1]).parameters():
            parameter.zero_()
    latents, actions = sequence(5)
    condition = predictor.condition(actions)

    def predicted() -> Tensor:
        return predictor.step(predictor.starts(latents, condition[:, :-1]), condition)[0]

    torch.testing.assert_close(predicted(), predicted(), atol=0, rtol=0)
    predictor.train()
    assert (predicted() - predicted()).abs().max() > 0.01


def test_gradients_reach_every_weight_and_every_frame_of_the_past():
    predictor = made(window=3, depth=2)
    latents, actions = sequence(5)
    latents.requires_grad_()
    condition = predictor.condition(actions)
    predictor.step(predictor.starts(latents, condition[:, :-1]), condition)[0][:, -1].square().sum().backward()
    assert latents.grad is not None
    assert (latents.grad.flatten(2).norm(dim=2) > 0).all()
    assert [name for name, each in predictor.named_parameters() if each.grad is None or not each.grad.any()] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"action_width": 0},
        {"heads": 0},
        {"head_width": 0},
        {"mlp_ratio": 0},
        {"depth": 0},
        {"depth": 65},
        {"window": 0},
        {"window": 10**9},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": float("nan")},
    ],
)
def test_an_empty_bottomless_or_deaf_network_is_refused(settings):
    with pytest.raises(BadInput, match=next(iter(settings))):
        CausalTransformerConfig(**settings)
