"""Intervals have the width statistics asks for, cover what they should, and never claim certainty from few trials."""

import pytest
import torch

from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation import Interval, bootstrap, paired_difference, success_interval, wilson


def binomial(rate: float, *shape: int, seed: int = 0) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def width(interval: Interval) -> float:
    return interval.high - interval.low


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (50, 100, 0.40383, 0.59617), (490, 500, 0.96355, 0.98910)],
)
def test_wilson_gives_the_published_numbers(successes, count, low, high):
    interval = wilson(successes, count)
    assert interval.mean == successes / count
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


def test_a_bootstrap_of_one_seed_is_as_wide_as_theory_says():
    outcomes = binomial(0.8, 1, 500)
    rate = float(outcomes.mean())
    interval = bootstrap(outcomes)
    assert interval.mean == pytest.approx(rate)
    assert width(interval) == pytest.approx(2 * 1.96 * (rate * (1 - rate) / 500) ** 0.5, rel=0.08)
    assert interval == bootstrap(outcomes)


def test_bootstrap_intervals_of_binomials_cover_the_rate_about_95_times_in_100():
    found = [bootstrap(binomial(0.8, 1, 100, seed=seed), draws=400, seed=seed) for seed in range(300)]
    covered = sum(interval.low <= 0.8 <= interval.high for interval in found) / 300
    assert 0.90 <= covered <= 0.985


def test_intervals_over_seeds_cover_the_rate_of_all_seeds():
    covered = 0
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        rates = 0.8 + 0.08 * torch.randn(12, 1, generator=generator)
        interval = bootstrap((torch.rand(12, 100, generator=generator) < rates).float(), draws=400, seed=seed)
        covered += interval.low <= 0.8 <= interval.high
    assert 0.87 <= covered / 200 <= 0.99


def test_seeds_that_differ_widen_the_interval():
    alike = binomial(0.8, 5, 400)
    differing = torch.stack([binomial(rate, 400, seed=seed) for seed, rate in enumerate((1.0, 0.6, 0.9, 0.7, 0.8))])
    assert width(bootstrap(differing)) > 3 * width(bootstrap(alike))


def test_the_same_pairs_again_are_no_new_pairs():
    once = binomial(0.8, 1, 200)
    assert width(bootstrap(once.expand(5, -1))) == pytest.approx(width(bootstrap(once)), rel=0.05)


def test_success_of_one_seed_is_wilsons_and_perfection_is_not_certainty():
    assert success_interval(torch.ones(200, dtype=torch.bool)) == wilson(200, 200)
    assert success_interval(torch.ones(5, 200, dtype=torch.bool)) == wilson(200, 200)
    several = binomial(0.9, 3, 200).bool()
    assert success_interval(several) == bootstrap(several.float())


def test_a_paired_difference_sees_what_separate_intervals_cannot():
    hard = binomial(0.6, 1, 400)
    better = torch.maximum(hard, binomial(0.1, 1, 400, seed=1))
    difference = paired_difference(better, hard)
    assert difference.mean == pytest.approx(float((better - hard).mean()))
    assert difference.low > 0
    assert width(difference) < 0.6 * width(bootstrap(hard))
    mirrored = paired_difference(hard, better)
    assert (mirrored.low, mirrored.high) == pytest.approx((-difference.high, -difference.low), abs=1e-6)


def test_one_baseline_is_compared_with_several_seeds():
    assert paired_difference(torch.ones(3, 50), torch.zeros(50)) == Interval(1.0, 1.0, 1.0)


def test_an_interval_reads_as_percent():
    assert str(wilson(490, 500)) == "98.0 % [96.4, 98.9]"


def test_what_cannot_be_an_outcome_is_refused():
    for call in (lambda: bootstrap(torch.zeros(1, 0)), lambda: paired_difference(torch.ones(3), torch.ones(4))):
        with pytest.raises(ShapeError):
            call()
    with pytest.raises(ShapeError, match="seeds"):
        paired_difference(torch.ones(2, 4), torch.ones(3, 4))
    for successes, count in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(BadInput):
            wilson(successes, count)
    with pytest.raises(BadInput, match="draws"):
        bootstrap(torch.ones(1, 3), draws=1)
