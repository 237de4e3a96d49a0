"""Sensors at the end of their range: they stand still at their greatest or smallest value while the world goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gedanken.data.check.digest import Digest
from gedanken.data.check.findings import Finding, found_at
from gedanken.data.check.values import runs

_LONG_RUN, _RUNS = 4, 3
_SHARE_MOST = 0.6
_FINE = 0.2
"""Share of the samples that have a value of their own, for a channel to count as fine."""

Ends = tuple[np.ndarray, np.ndarray]


def sensor_ends(digests: Sequence[Digest], stream: str) -> Ends | None:
    """Smallest and greatest value of each channel; None for pictures."""
    if digests[0].streams[stream].picture:
        return None
    features = [each.streams[stream].features for each in digests if len(each.streams[stream].features)]
    if not features:
        return None
    low = np.min([each.min(axis=0) for each in features], axis=0)
    high = np.max([each.max(axis=0) for each in features], axis=0)
    return low, high


def at_an_end(sample: np.ndarray, ends: Ends | None) -> bool:
    """Whether all channels of a sample that ever move are at the end of their range."""
    if ends is None:
        return False
    low, high = ends
    live = low < high
    return bool(live.any() and ((sample == low) | (sample == high))[live].all())


def saturation_findings(digests: Sequence[Digest], stream: str, names: tuple[str, ...]) -> list[Finding]:
    """Channels of fine steps that stay at one end of their range again and again."""
    ends = sensor_ends(digests, stream)
    if ends is None:
        return []
    found = []
    seen = [each.streams[stream].features for each in digests]
    for channel, (low, high) in enumerate(zip(*ends, strict=True)):
        values = np.concatenate([each[:, channel] for each in seen])
        if low == high or len(np.unique(values)) < _FINE * len(values):
            continue
        for end, word in ((high, "greatest"), (low, "smallest")):
            places = [
                each.whose.at(a, b)
                for each, part in zip(digests, seen, strict=True)
                for a, b in runs(part[:, channel] == end)
                if b - a + 1 >= _LONG_RUN
            ]
            if len(places) >= _RUNS and (values == end).mean() < _SHARE_MOST:
                called = names[channel] if channel < len(names) else f"channel {channel}"
                found += found_at(
                    "saturated",
                    "warning",
                    f"Stream {stream!r}, {called}: it stays at its {word} value {end:g}, as at the end of a sensor's range",
                    "Nothing that happens meanwhile is seen: cut long stretches out, or mask the channel there.",
                    places,
                    stream,
                )
    return found
