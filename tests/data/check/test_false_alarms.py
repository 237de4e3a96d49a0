"""What real recordings taught: things that look like faults and are none, each drawn again from a seed."""

from dataclasses import replace

import numpy as np
from generated_sets import moving_pattern, pendulum

from gedanken.data import EpisodeList
from gedanken.data.check import check_episodes, check_paths
from gedanken.data.check.actions import pairing_findings
from gedanken.data.check.pairing import Pairing
from gedanken.types import ActionSpec, Episode, StreamSpec


def found(episodes) -> dict:
    return {each.name: each for each in check_episodes(episodes).findings}


def recorded(values: np.ndarray, actions: np.ndarray, rate: float = 10.0) -> Episode:
    """One sensor `[L]` under one command `[L]`."""
    spec, action = StreamSpec((1,), "float32", rate), ActionSpec(1, (-99.0,), (99.0,), rate_hz=rate)
    return Episode(
        {"level": values[:, None].astype(np.float32)}, actions[:-1, None].astype(np.float32), {"level": spec}, action
    )


def slow_tanks(seed: int, length: int = 1500, orders: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Level of the last of several tanks, one below the other, and the pump's setting, which changes smoothly."""
    draws = np.random.default_rng(seed)
    knots = draws.uniform(-1, 1, length // 12 + 2)
    pump = np.interp(np.arange(length) / 12, np.arange(len(knots)), knots)
    levels = np.zeros((length, orders + 1))
    for k in range(1, length):
        levels[k, 0] = pump[k - 1]
        levels[k, 1:] = levels[k - 1, 1:] + 0.08 * (levels[k - 1, :-1] - levels[k - 1, 1:])
    return levels[:, -1] + draws.normal(0, 0.002, length), pump


def test_a_sensor_at_the_end_of_its_range_is_saturated_and_not_frozen():
    level, pump = slow_tanks(701)
    report = found([recorded(np.minimum(level, np.quantile(level, 0.9)), pump)])
    assert report["saturated"].count >= 3
    assert not {"frozen", "repeated-frames"} & set(report)


def a_pairing(best: int, peak: float = 0.6, followed: float = 0.0) -> Pairing:
    """What explains best is the action `best` steps before; the further from it, the less."""
    lags = tuple(range(-2, 11))
    gain = peak * np.exp(-0.3 * np.abs(np.asarray(lags) - best))
    blocks = gain + np.random.default_rng(0).normal(0, 0.01, (30, len(lags)))
    return Pairing(lags, gain, blocks, np.full(4, 0.005), followed, 1.0, 3000)


def test_a_slow_system_is_not_a_late_one():
    for slower, told in ((1, set()), (2, {"action-lag"})):
        found = pairing_findings([("level", 1, a_pairing(8))], slower=lambda stream, best=slower: a_pairing(best))
        assert {each.name for each in found} == told


def test_commands_that_follow_from_what_is_seen_are_not_shuffled():
    for followed, told in ((0.95, set()), (0.1, {"actions-shuffled"})):
        found = pairing_findings([("level", 1, a_pairing(0, peak=0.0, followed=followed))])
        assert {each.name for each in found} == told


def test_a_jump_that_recurs_at_one_level_is_how_the_sensor_measures():
    level, pump = slow_tanks(704, orders=1)
    middle = np.quantile(level, 0.5)
    assert found([recorded(level + 0.6 * (level > middle), pump)]) == {}
    once = level.copy()
    once[700:] += 3 * level.std()
    assert "hidden-cut" in found([recorded(once, pump)])


def test_a_change_of_exposure_is_no_cut():
    darker = EpisodeList()
    for each in moving_pattern(705, count=4):
        frames = each.streams["camera"].astype(float)
        frames[20:] = 0.8 * frames[20:]
        darker.append(replace(each, streams={"camera": frames.round().astype(np.uint8)}))
    assert found(darker) == {}


def test_machines_of_several_kinds_are_judged_one_by_one():
    there = list(pendulum(707, count=2, length=900))
    back = [replace(each, actions=-each.actions) for each in pendulum(708, count=2, length=900)]
    assert "actions-shuffled" not in found([*there, *back])


def test_a_row_that_stands_twice_since_none_came_is_no_repeated_frame(tmp_path):
    [episode] = pendulum(709, count=1, length=600)
    draws, table = np.random.default_rng(709), ["time,angle,speed,torque"]
    for k, (state, torque) in enumerate(zip(episode.streams["state"], episode.actions, strict=False)):
        if draws.random() > 0.08:  # every twelfth row never came
            table.append(f"{k * 0.04:.3f},{state[0]:.6f},{state[1]:.6f},{torque[0]:.6f}")
    (tmp_path / "log.csv").write_text("\n".join(table))
    names = {each.name for each in check_paths([tmp_path / "log.csv"]).findings}
    assert names == {"irregular-sampling"}


def test_a_flag_of_overload_that_stands_once_is_read(tmp_path):
    level, pump = slow_tanks(710, length=300)
    for raised, severity in ((0, "note"), (1, "warning")):
        rows = [f"{a:.6f},{b:.6f},{raised if k == 0 else ''}" for k, (a, b) in enumerate(zip(pump, level, strict=True))]
        (tmp_path / "log.csv").write_text("\n".join(["V1,V2,Ovld1", *rows]))
        told = {each.name: each for each in check_paths([tmp_path / "log.csv"]).findings}
        assert told["overload"].severity == severity
