"""The same recording twice: in one set, or in two that should share nothing.

Actions are few numbers and seldom the same twice, so equal stretches of actions name candidates; whether the frames are the
same too decides, up to the small differences that another encoding of a video makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from gedanken.data.check.digest import Digest
from gedanken.data.check.findings import Finding, Place

_STRETCH = 16
_CLOSE = 0.02
"""Distance of two stretches that counts as none, as a share of the distance between any two frames."""


@dataclass(frozen=True)
class Repeat:
    """One stretch that two episodes share."""

    first: Place
    second: Place

    @property
    def across(self) -> bool:
        """Whether they belong to different splits."""
        return self.first.whose.split != self.second.whose.split


def repeated_episodes(digests: Sequence[Digest]) -> list[Repeat]:
    """Every pair of episodes that share a stretch, once."""
    spread = _spread(digests)
    met: dict[bytes, list[tuple[int, int]]] = {}
    found: dict[tuple[int, int], Repeat] = {}
    for here, each in enumerate(digests):
        for start, key in _keys(each):
            for there, begin in met.get(key, []):
                other = digests[there]
                if there == here or (there, here) in found or not _alike(other, begin, each, start, spread):
                    continue
                length = min(_STRETCH, len(each.actions))
                found[there, here] = Repeat(other.whose.at(begin, begin + length), each.whose.at(start, start + length))
            # Enough of each to compare with; a habit that recurs everywhere is no recording.
            if len(met.setdefault(key, [])) < 8:
                met[key].append((here, start))
    return list(found.values())


def leakage_findings(repeats: Sequence[Repeat]) -> list[Finding]:
    """What is said of repeats inside a set, and across sets."""
    inside = [each for each in repeats if not each.across]
    across = [each for each in repeats if each.across]
    found = []
    if across:
        one = across[0]
        found.append(
            Finding(
                name="leak",
                severity="error",
                said=f"Two splits share recordings: {one.first} is {one.second}{_more(across)}.",
                todo="Take these episodes out of one split, or split again by episode: gedanken data split.",
                episode=one.second.whose.episode,
                frames=one.second.frames,
                split=one.second.whose.split,
                count=len(across),
            )
        )
    if inside:
        one = inside[0]
        found.append(
            Finding(
                name="repeated-episode",
                severity="warning",
                said=f"The same recording is there twice: {one.first} is {one.second}{_more(inside)}.",
                todo="Keep one of the two, or a split by episode will test on what was trained on.",
                episode=one.second.whose.episode,
                frames=one.second.frames,
                split=one.second.whose.split,
                count=len(inside),
            )
        )
    return found


def _more(repeats: Sequence[Repeat]) -> str:
    return f", and {len(repeats) - 1} more" if len(repeats) > 1 else ""


def _keys(each: Digest) -> list[tuple[int, bytes]]:
    """Fingerprints of stretches of actions in which something is done, or of frames where there are no actions."""
    if not len(each.actions):
        return []
    values = np.ascontiguousarray(each.actions)
    if not values.size or not np.any(values != values[0]):
        values = np.column_stack([seen.features[:-1] for seen in each.streams.values()])
    length = min(_STRETCH, len(values))
    changes = np.concatenate([[0], np.cumsum((values[1:] != values[:-1]).any(axis=1))])
    last = len(values) - length + 1
    told = np.flatnonzero(changes[length - 1 :] > changes[:last])
    return [
        (start, blake2b(values[start : start + length].tobytes(), digest_size=12).digest()) for start in told.tolist()
    ]


def _spread(digests: Sequence[Digest]) -> dict[str, np.ndarray]:
    """How far any two frames are apart, as the deviation of each feature over all of them."""
    if not digests:
        return {}
    return {
        name: np.concatenate([each.streams[name].features[:: max(1, len(each.actions) // 64)] for each in digests]).std(
            axis=0
        )
        for name in digests[0].streams
    }


def _alike(one: Digest, begin: int, other: Digest, start: int, spread: dict[str, np.ndarray]) -> bool:
    length = min(_STRETCH, len(one.actions), len(other.actions))
    for name, scale in spread.items():
        apart = (
            one.streams[name].features[begin : begin + length] - other.streams[name].features[start : start + length]
        )
        if np.sqrt(np.mean(apart**2)) > _CLOSE * max(float(np.sqrt(np.mean(scale**2))), 1e-9):
            return False
    return True
