from copy import deepcopy

import torch
from torch import nn

from gedanken.training.descent import Descent


def line(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_a_step_is_adamws_with_the_gradient_clipped():
    ours, plain, inputs = line(), line(), torch.randn(7, 3)
    descent = Descent(list(ours.parameters()), beta2=0.9, weight_decay=0.3, clip=0.5)
    adamw = torch.optim.AdamW(plain.parameters(), betas=(0.9, 0.9), weight_decay=0.3, fused=False, foreach=False)
    for rate in (0.1, 0.05, 0.02):
        norm = descent(10 * ours(inputs).square().sum(), rate)
        plain.zero_grad()
        (10 * plain(inputs).square().sum()).backward()
        expected = nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        for group in adamw.param_groups:
            group["lr"] = rate
        adamw.step()
        torch.testing.assert_close(norm, expected)
        assert norm > 0.5
    torch.testing.assert_close(ours.state_dict(), plain.state_dict(), atol=1e-6, rtol=1e-6)
    assert (ours.weight - line().weight).abs().min() > 0.05


def test_a_gradient_that_is_not_finite_moves_nothing():
    ours = line()
    before = deepcopy(ours.state_dict())
    norm = Descent(list(ours.parameters()), 0.999, 0.01, 1.0)(ours(torch.full((1, 3), torch.inf)).sum(), 0.1)
    assert not norm.isfinite()
    torch.testing.assert_close(ours.state_dict(), before, rtol=0, atol=0)
