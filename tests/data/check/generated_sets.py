"""Sound recordings of many kinds, drawn from a seed: worlds with pixels, systems with sensors, pictures that move."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gedanken.data import EpisodeList
from gedanken.environments import ExploreConfig, TwoRooms, episodes_of, make_world
from gedanken.types import ActionSpec, Episode, StreamSpec

FRAMES = 61


def two_rooms(seed: int, *, wall: str = "fixed", config: ExploreConfig | None = None, count: int = 36) -> EpisodeList:
    """Episodes of Two Rooms; walls are pushed, some episodes rest."""
    world = make_world("two-rooms-v1") if wall == "fixed" else TwoRooms(wall=wall)
    return EpisodeList(episodes_of(world, count, FRAMES - 1, seed, config=config))


def pendulum(
    seed: int, *, feedback: float = 0.0, count: int = 8, length: int = 240, noise: float = 2e-3
) -> EpisodeList:
    """A driven pendulum, its angle and speed measured with noise; with `feedback` a controller holds on to a target."""
    draws, step = np.random.default_rng(seed), 0.04
    spec, episodes = StreamSpec((2,), "float32", 1 / step, "rad, rad/s"), EpisodeList()
    action = ActionSpec(1, (-20.0,), (20.0,), unit="Nm", rate_hz=1 / step)
    for _ in range(count):
        angle, speed, push = draws.normal(0, 0.6), draws.normal(0, 0.6), 0.0
        states, torques = [], []
        for _ in range(length):
            states.append((angle, speed))
            push += 0.25 * (-push + 4.0 * draws.normal())
            torque = push - feedback * (2.0 * angle + 0.8 * speed)
            torques.append([torque])
            for _ in range(4):
                speed += step / 4 * (-9.8 * np.sin(angle) - 0.15 * speed + torque)
                angle += step / 4 * speed
        seen = np.asarray(states) + noise * draws.normal(size=(length, 2))
        episodes.append(
            Episode({"state": seen.astype(np.float32)}, np.asarray(torques[:-1], np.float32), {"state": spec}, action)
        )
    return episodes


def moving_pattern(seed: int, *, count: int = 12, length: int = 48, grain: float = 3.0) -> EpisodeList:
    """A picture that a command shifts, as a camera that pans; `grain` is the sensor's noise, 0 for none."""
    draws, side = np.random.default_rng(seed), 48
    spec = StreamSpec((side, side, 3), "uint8", 10.0)
    action, episodes = ActionSpec(2, (-2.5, -2.5), (2.5, 2.5), unit="px", rate_hz=10.0), EpisodeList()
    waves = np.fft.fftfreq(side)
    for _ in range(count):
        spectrum = np.fft.fft2(draws.normal(size=(3, side, side)))
        spectrum *= np.exp(-((waves[:, None] ** 2 + waves**2) * 400))
        steps = draws.uniform(-2, 2, (length - 1, 2))
        places = np.concatenate([np.zeros((1, 2)), steps.cumsum(0)])
        turns = np.exp(-2j * np.pi * (places[:, 1, None, None] * waves[:, None] + places[:, 0, None, None] * waves))
        seen = np.fft.ifft2(spectrum[None] * turns[:, None]).real.transpose(0, 2, 3, 1)
        seen = 128 + 45 * seen / seen.std() + grain * draws.normal(size=seen.shape)
        frames = np.clip(seen.round(), 0, 255).astype(np.uint8)
        episodes.append(Episode({"camera": frames}, steps.astype(np.float32), {"camera": spec}, action))
    return episodes


def mixed(seed: int, *, count: int = 12) -> EpisodeList:
    """A camera that pans, and beside its pictures what an encoder says of where it looks."""
    draws, spec = np.random.default_rng(seed + 1), StreamSpec((2,), "float32", 10.0, "px", ("across", "down"))
    episodes = EpisodeList()
    for each in moving_pattern(seed, count=count):
        places = np.concatenate([np.zeros((1, 2)), each.actions.cumsum(0)])
        places = (places + draws.normal(0, 0.05, places.shape)).astype(np.float32)
        specs = {**each.specs, "places": spec}
        episodes.append(Episode({**each.streams, "places": places}, each.actions, specs, each.action))
    return episodes


def arm(seed: int, *, count: int = 20, length: int = 80) -> EpisodeList:
    """Joint speeds are commanded and followed with an error; a clock that is nearly even says when."""
    draws, joints, rate = np.random.default_rng(seed), 4, 20.0
    spec = StreamSpec((joints,), "float32", rate, "rad")
    action = ActionSpec(joints, (-2.0,) * joints, (2.0,) * joints, unit="rad/s", rate_hz=rate)
    episodes = EpisodeList()
    for _ in range(count):
        knots = draws.normal(0, 0.6, (length // 8 + 2, joints))
        commands = np.stack([np.interp(np.arange(length) / 8, np.arange(len(knots)), knot) for knot in knots.T], axis=1)
        moved = (commands + draws.normal(0, 0.05, commands.shape)) / rate
        places = draws.normal(0, 1, joints) + np.concatenate([np.zeros((1, joints)), moved[:-1].cumsum(0)])
        times = np.arange(length) / rate + draws.normal(0, 2e-4, length)
        episodes.append(
            Episode(
                {"joints": places.astype(np.float32)}, commands[:-1].astype(np.float32), {"joints": spec}, action, times
            )
        )
    return episodes


def tank(seed: int, *, length: int = 4000) -> EpisodeList:
    """One long record of a slow level under a pump whose setting is held and changed now and then."""
    draws, period = np.random.default_rng(seed), 4.0
    settings = np.repeat(draws.uniform(2, 8, length // 5 + 1), 5)[:length]
    level, levels = 5.0, []
    for setting in settings:
        levels.append(level)
        level += 0.06 * (setting - 1.9 * np.sqrt(max(level, 0.0))) + draws.normal(0, 0.01)
    seen = np.asarray(levels)[:, None] + draws.normal(0, 0.02, (length, 1))
    spec = StreamSpec((1,), "float32", 1 / period, "V")
    action = ActionSpec(1, (0.0,), (10.0,), unit="V", rate_hz=1 / period)
    steps = settings[:-1, None].astype(np.float32)
    return EpisodeList([Episode({"level": seen.astype(np.float32)}, steps, {"level": spec}, action)])


CLEAN: dict[str, Callable[[int], EpisodeList]] = {
    "two rooms": two_rooms,
    "two rooms, random walls": lambda seed: two_rooms(seed, wall="random"),
    "two rooms, full steps": lambda seed: two_rooms(seed, config=ExploreConfig(full=1.0)),
    "two rooms, pushed walls": lambda seed: two_rooms(seed, config=ExploreConfig(push=0.7, door=0.1)),
    "two rooms, resting": lambda seed: two_rooms(seed, config=ExploreConfig(still=0.3, held_headings=1.0, hold=6)),
    "pendulum": pendulum,
    "pendulum under control": lambda seed: pendulum(seed, feedback=1.0),
    "camera that pans": moving_pattern,
    "pattern without grain": lambda seed: moving_pattern(seed, grain=0.0),
    "camera and encoder": mixed,
    "arm": arm,
    "tank": tank,
}


def clean_sets(seed: int) -> Iterator[tuple[str, EpisodeList]]:
    """Every kind once."""
    for name, make in CLEAN.items():
        yield name, make(seed)
