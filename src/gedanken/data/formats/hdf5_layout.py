"""Where the episodes of an HDF5 file lie, in the three ways in which people lay them out.

robomimic   data/demo_k/obs/<name> [L, …], data/demo_k/actions [L, A], and next_obs where it was kept
minari      episode_k/observations [L+1, …] or [L, …], an array or (nested) groups, episode_k/actions [L, A]
flat        actions [N, A] and observations [N, …] end to end, told apart by episode_ends, an episode's number for each
            row, or terminals and timeouts; without any of these the file is one episode (as ALOHA keeps them)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from gedanken.data.formats.hdf5_file import arrays, checked, h5py, member, members, plain
from gedanken.errors import BadEpisodeFile, BadInput

Layout = Literal["robomimic", "minari", "flat"]

ACTIONS = ("actions", "action")
OBSERVATIONS = ("obs", "observations", "observation")
_ENDS = ("episode_ends", "meta/episode_ends")
_NUMBERS = ("episode_index", "episode_id", "episode", "episodes")
_OVER = ("terminals", "timeouts", "dones", "terminations", "truncations", "terminated", "truncated")
_NOT_SEEN = {
    *ACTIONS,
    *_NUMBERS,
    *_OVER,
    "episode_ends",
    "rewards",
    "reward",
    "success",
    "next_observations",
    "next_obs",
}
_SENSORS = "sensors"


@dataclass(frozen=True)
class Place:
    """Where one episode lies.

    Args:
        name: what the file calls it.
        streams: path of the dataset of each stream.
        actions: path of the actions.
        rows: first row and the one after the last, of the actions.
        frames: likewise, of the observations.
        after: path of each stream's dataset of observations after the actions, of the same rows; empty where there is none.
        group: path of the episode's own group, "" where it has none.
    """

    name: str
    streams: Mapping[str, str]
    actions: str
    rows: tuple[int, int]
    frames: tuple[int, int]
    after: Mapping[str, str] = field(default_factory=dict)
    group: str = ""


def places(
    file: Any, layout: Layout | None, *, actions: str | None, observations: str | None, episodes: str | None
) -> list[Place]:
    """The episodes of `file` in order; what is None is looked for under the usual names.

    Raises:
        BadEpisodeFile: actions and observations are not of fitting lengths.
        BadInput: no episodes are found where the layout has them; the message lists what there is.
    """
    given, seen = (actions,) if actions else ACTIONS, (observations,) if observations else OBSERVATIONS
    found: list[Place] = []
    if layout != "flat":
        base = {None: ("data", ""), "robomimic": ("data",), "minari": ("",)}[layout]
        for group in (member(file, name) if name else file for name in base):
            found = found or [_grouped(each, given, seen) for each in _episode_groups(group, given, seen)]
    if not found and layout in (None, "flat"):
        found = _flat(file, given, seen, episodes)
    if not found:
        raise BadInput(
            f"no episodes were found in this HDF5 file; it has {', '.join(_listing(file)) or 'nothing'}. Say where they are: "
            f"Hdf5Config(layout='flat', actions={given[0]!r}, observations={seen[0]!r})."
        )
    return found


def _episode_groups(group: Any, given: tuple[str, ...], seen: tuple[str, ...]) -> list[Any]:
    if not isinstance(group, h5py().Group):
        return []
    inside = {name: each for name, each in members(group).items() if isinstance(each, h5py().Group)}
    names = sorted(
        inside, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    )
    return [inside[name] for name in names if _first(inside[name], given) and _first(inside[name], seen)]


def _grouped(group: Any, given: tuple[str, ...], seen: tuple[str, ...]) -> Place:
    name = group.name.lstrip("/")
    actions, observed = checked(member(group, _first(group, given))), member(group, _first(group, seen))
    streams = arrays(observed, "" if isinstance(observed, h5py().Group) else _SENSORS)
    after = _after(group, _first(group, seen), streams)
    rows = _rows(actions)
    lengths = {_rows(each) for each in streams.values()}
    if lengths - {rows, rows + 1} or len(lengths) != 1:
        raise BadEpisodeFile(
            f"{name} has {rows} actions and observations of {', '.join(map(str, sorted(lengths)))} rows; expected as many, or "
            "one more."
        )
    frames = lengths.pop()
    return Place(
        name, _paths(streams), actions.name, (0, rows), (0, frames), after if frames == rows else {}, group.name
    )


def _flat(file: Any, given: tuple[str, ...], seen: tuple[str, ...], episodes: str | None) -> list[Place]:
    data = member(file, "data")
    base = data if isinstance(data, h5py().Group) and _first(data, given) else file
    if not _first(base, given):
        return []
    actions, observed = checked(member(base, _first(base, given))), _first(base, seen)
    rows = _rows(actions)
    if observed:
        held = member(base, observed)
        streams = arrays(held, "" if isinstance(held, h5py().Group) else _SENSORS)
    else:
        others = {name: each for name, each in members(base).items() if name not in {*_NOT_SEEN, *given, episodes}}
        streams = {
            n: checked(each) for n, each in others.items() if isinstance(each, h5py().Dataset) and _rows(each) == rows
        }
    if not streams:
        return []
    ends = _ends(file, base, rows, episodes)
    lengths = {_rows(each) for each in streams.values()}
    if lengths != {rows} and not (lengths == {rows + 1} and len(ends) == 1):
        raise BadEpisodeFile(f"there are {rows} actions and observations of {sorted(lengths)} rows; expected as many.")
    after = _after(base, observed, streams) if lengths == {rows} else {}
    starts = [0, *ends[:-1]]
    more = lengths.pop() - rows
    return [
        Place(f"rows {start} to {end}", _paths(streams), actions.name, (start, end), (start, end + more), after)
        for start, end in zip(starts, ends, strict=True)
    ]


def _ends(file: Any, base: Any, rows: int, episodes: str | None) -> list[int]:
    """The row after the last of each episode."""
    known = (episodes,) if episodes else (*_ENDS, *_NUMBERS, *_OVER)
    held = {name: found for name in known for group in (base, file) if (found := member(group, name)) is not None}
    if episodes and not held:
        raise BadInput(f"there is no {episodes!r} in this HDF5 file; it has {', '.join(_listing(file))}.")
    name = next(iter(held), None)
    if name is None:
        return [rows]
    values = plain(checked(held[name])[...])
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise BadEpisodeFile(
            f"{name} is {values.dtype} {values.shape}; expected one finite number a row or an episode."
        )
    if name in _OVER:
        over = np.logical_or.reduce([np.ravel(checked(each)[...]) != 0 for key, each in held.items() if key in _OVER])
        ends = (np.flatnonzero(over) + 1).tolist()
        ends = ends if ends and ends[-1] == rows else [*ends, rows]
    elif len(values) == rows and name not in _ENDS:
        ends = [*(np.flatnonzero(np.diff(values)) + 1).tolist(), rows]
    else:
        ends = values.astype(np.int64).tolist()
    if ends[-1] != rows or ends[0] < 1 or any(one >= other for one, other in pairwise(ends)):
        raise BadEpisodeFile(f"{name} ends its episodes at {str(ends)[:60]}; expected growing rows up to {rows}.")
    return ends


def _after(group: Any, observed: str | None, streams: Mapping[str, Any]) -> dict[str, str]:
    later = member(group, f"next_{observed}") if observed else None
    if later is None:
        return {}
    found = arrays(later, "" if isinstance(later, h5py().Group) else _SENSORS)
    fits = all(name in found and found[name].shape == each.shape for name, each in streams.items())
    return {name: found[name].name for name in streams} if fits else {}


def _first(group: Any, names: tuple[str, ...]) -> str:
    return next((name for name in names if member(group, name) is not None), "")


def _rows(dataset: Any) -> int:
    return dataset.shape[0] if dataset.shape else 0


def _paths(streams: Mapping[str, Any]) -> dict[str, str]:
    return {name: each.name for name, each in streams.items()}


def _listing(file: Any) -> list[str]:
    return [
        f"{name}/" if isinstance(each, h5py().Group) else f"{name} {each.shape}" for name, each in members(file).items()
    ][:12]
