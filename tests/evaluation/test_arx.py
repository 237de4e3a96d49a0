"""A system whose ARX is known is found again exactly, in any units, and run for long as it truly goes on."""

import pytest
import torch

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.evaluation.arx import ARX, fit_arx

A = torch.tensor([[[1.2, 0.1], [-0.2, 0.9]], [[-0.5, 0.0], [0.1, -0.3]]], dtype=torch.float64)
B = torch.tensor([[[0.3], [0.0]], [[-0.1], [0.7]]], dtype=torch.float64)
C = torch.tensor([0.4, -0.2], dtype=torch.float64)
WEIGHTS = torch.cat([A[0], A[1], B[0], B[1], C[:, None]], dim=1)


def record(length: int, seed: int = 0, count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of a stable system of order 2 with two outputs and one input."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, length - 1, 1, generator=generator, dtype=torch.float64)
    outputs = [torch.randn(count, 2, generator=generator, dtype=torch.float64) for _ in range(2)]
    for t in range(1, length - 1):
        new = outputs[t] @ A[0].T + outputs[t - 1] @ A[1].T + inputs[:, t] @ B[0].T + inputs[:, t - 1] @ B[1].T + C
        outputs.append(new)
    return torch.stack(outputs, dim=1), inputs


def test_the_system_that_made_the_record_is_found():
    found = fit_arx(*record(200), order=2)
    torch.testing.assert_close(found.weights, WEIGHTS, atol=1e-9, rtol=0)


def test_many_short_windows_tell_as_much_as_one_record():
    torch.testing.assert_close(fit_arx(*record(4, count=60), order=2).weights, WEIGHTS, atol=1e-9, rtol=0)


def test_too_small_an_order_leaves_an_error_and_a_larger_one_does_not():
    outputs, inputs = record(300, seed=1)

    def error(order: int) -> float:
        found = fit_arx(*record(300), order=order)
        ahead = found.predict(outputs[:, :10], inputs[:, :12])
        return float((ahead - outputs[:, 10:13]).abs().max())

    assert error(2) < 1e-9
    assert error(3) < 1e-6
    assert error(1) > 0.05


def test_predictions_and_simulations_go_on_as_the_system_does():
    outputs, inputs = record(120, seed=3)
    model = ARX(WEIGHTS, 2)
    torch.testing.assert_close(model.simulate(outputs[0, :2], inputs[0]), outputs[0], atol=1e-9, rtol=0)
    torch.testing.assert_close(model.predict(outputs[:, :50], inputs[:, :57]), outputs[:, 50:58])


def test_units_do_not_matter():
    """A pressure on a large offset beside a small angle: the same predictions as in plain units."""
    (outputs, inputs), unit, offset = record(200), torch.tensor([1e5, 1e-6]), torch.tensor([1e7, 0.0])
    model = fit_arx(outputs * unit + offset, inputs * 1e-3, order=2)
    ahead = model.predict((outputs * unit + offset)[:, :20], inputs[:, :24] * 1e-3)
    torch.testing.assert_close((ahead - offset) / unit, outputs[:, 20:25], atol=1e-4, rtol=0)


def test_a_constant_channel_and_one_that_is_given_twice_do_no_harm():
    outputs, inputs = record(200)
    more = torch.cat([outputs, outputs[..., :1], torch.full_like(outputs[..., :1], 3.0)], dim=-1)
    ahead = fit_arx(more, inputs, order=2).predict(more[:, :20], inputs[:, :24])
    torch.testing.assert_close(ahead, more[:, 20:25], atol=1e-6, rtol=0)


def test_ridge_shrinks_the_weights_and_keeps_the_mean():
    outputs, inputs = record(400)
    plain, pulled = fit_arx(outputs, inputs, order=2), fit_arx(outputs, inputs, order=2, ridge=1e6)
    assert pulled.weights[:, :-1].norm() < 1e-3 * plain.weights[:, :-1].norm()
    torch.testing.assert_close(pulled.weights[:, -1], outputs[0, 2:].mean(dim=0), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("outputs", "inputs", "settings", "error", "words"),
    [
        ((1, 5, 2), (1, 4, 1), {"order": 0}, BadInput, "order=0"),
        ((1, 5, 2), (1, 4, 1), {"order": 1, "ridge": -1.0}, BadInput, "ridge=-1"),
        ((1, 5, 2), (1, 4, 1), {"order": 5}, ShapeError, "at least 6 frames"),
        ((1, 5, 2), (1, 5, 1), {"order": 2}, ShapeError, "one action less"),
        ((0, 5, 2), (0, 4, 1), {"order": 2}, ShapeError, "cannot fit"),
    ],
)
def test_what_cannot_be_fitted_is_refused(outputs, inputs, settings, error, words):
    with pytest.raises(error, match=words):
        fit_arx(torch.zeros(outputs), torch.zeros(inputs), **settings)


def test_nan_is_refused():
    outputs, inputs = record(20)
    outputs[0, 3, 1] = torch.nan
    with pytest.raises(NonFinite, match="cut or mend"):
        fit_arx(outputs, inputs, order=1)


@pytest.mark.parametrize(("frames", "actions"), [(1, 4), (3, 1), (3, 0)])
def test_what_cannot_be_predicted_is_refused(frames, actions):
    with pytest.raises(ShapeError, match="at least 2 frames"):
        ARX(WEIGHTS, 2).predict(torch.zeros(1, frames, 2), torch.zeros(1, actions, 1))
    with pytest.raises(ShapeError):
        ARX(WEIGHTS, 2).predict(torch.zeros(1, 4, 3), torch.zeros(1, 6, 1))
