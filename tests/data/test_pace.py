"""An oscillation's pace is a sixth of its period, at any rate and under noise; what never goes anywhere has none."""

import numpy as np
import pytest

from gedanken.data.pace import pace
from gedanken.types import ActionSpec, Episode, StreamSpec

ACTION = ActionSpec(1, (-1.0,), (1.0,))


def recorded(*channels: np.ndarray, resets: tuple[int, ...] = ()) -> Episode:
    values = np.stack(channels, axis=1).astype(np.float32)
    spec = StreamSpec(values.shape[1:], "float32")
    return Episode({"told": values}, np.zeros((len(values) - 1, 1), np.float32), {"told": spec}, ACTION, resets=resets)


def swing(period: float, length: int = 3000, phase: float = 0.0) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(length) / period + phase)


@pytest.mark.parametrize("period", [24, 60, 300])
def test_an_oscillation_turns_in_a_sixth_of_its_period(period):
    assert pace([recorded(swing(period))], ["told"]) == pytest.approx(period / 6, rel=0.2, abs=1)


def test_noise_on_every_sample_does_not_make_it_fast():
    noise = np.random.default_rng(0).normal(0, 0.05, 3000)
    assert pace([recorded(swing(300) + noise)], ["told"]) == pytest.approx(50, rel=0.2)


def test_each_number_has_a_voice_whatever_its_unit():
    told = recorded(1e6 * swing(60), swing(60, phase=1.0), 1e-6 * swing(600), np.full(3000, 4.0))
    assert pace([told], ["told"]) == pytest.approx(10, rel=0.2)


def test_noise_and_stillness_have_no_pace():
    assert pace([recorded(np.random.default_rng(0).normal(size=3000), np.zeros(3000))], ["told"]) is None
    assert pace([recorded(swing(300, 5))], ["told"]) is None


def test_what_never_turns_is_as_slow_as_can_be_seen():
    assert pace([recorded(np.linspace(0, 1, 800))], ["told"]) == pytest.approx(100, rel=0.15)


def test_missing_numbers_and_resets_do_not_count():
    """Jumps at resets, and holes, would else look like fast changes."""
    broken = np.concatenate([swing(60, 700) + 10 * number for number in range(4)])
    broken[1500:1520] = np.nan
    told = recorded(broken, resets=(700, 1400, 2100))
    assert pace([told], ["told"]) == pytest.approx(10, rel=0.2)


def test_recordings_too_short_for_a_pace_do_not_count():
    long = recorded(swing(300))
    assert pace([long, *(recorded(swing(300, length)) for length in (90, 130, 400))], ["told"]) == pace(
        [long], ["told"]
    )
