"""The whole check: each episode is read once, then every part is asked what it thinks of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, prod

import numpy as np

from gedanken.contracts import Episodes
from gedanken.data.check.actions import SLOWER, explains, pairing_findings
from gedanken.data.check.cuts import cut_findings, cuts
from gedanken.data.check.digest import Digest
from gedanken.data.check.findings import Finding, Whose
from gedanken.data.check.leakage import leakage_findings, repeated_episodes
from gedanken.data.check.pairing import Pairing, pairing
from gedanken.data.check.report import CheckReport
from gedanken.data.check.saturation import saturation_findings
from gedanken.data.check.sight import Sight
from gedanken.data.check.stillness import repeats, stillness_findings
from gedanken.data.recorded import KeepsRecord
from gedanken.errors import BadInput
from gedanken.types import Episode

WINDOW = 16
"""Frames that a training window usually spans."""
_MOST_BYTES = 4 << 30
_CLOCKS = (1, 4, 16)
"""Frames a step, tried in turn to find what actions do."""
_LONG_ALONE, _FEW_ALONE = 500, 8
_ORDER = ("error", "warning", "note")


def check_episodes(
    episodes: Episodes | Sequence[Episode] | Mapping[str, Episodes | Sequence[Episode]],
    *,
    source: str = "",
    format: str = "memory",
    window: int = WINDOW,
    most_bytes: int = _MOST_BYTES,
) -> CheckReport:
    """Look at recordings, and say what was understood and what is wrong.

    Args:
        episodes: recordings of one kind; or several splits by name, which should then share nothing.
        source: what to call them.
        format: name of the format they were read from.
        window: frames an episode must have to be of use.
        most_bytes: of frames to read; of larger sets every second episode is looked at, or every third.
    Raises:
        BadInput: there are no episodes, or they are not of one kind.
    """
    splits: dict[str, Episodes | Sequence[Episode]] = (
        dict(episodes) if isinstance(episodes, Mapping) else {"": episodes}
    )
    filled = [split for split in splits.values() if len(split)]
    if not filled:
        raise BadInput(f"{source or 'this'} holds no episodes; record or convert some first.")
    first, count = filled[0][0], sum(map(len, filled))
    stride = max(1, ceil(_bytes_of(first) * count / most_bytes))
    sight = Sight(first)
    for name, split in splits.items():
        for number in range(len(split)):
            recorded = split.as_recorded(number) if isinstance(split, KeepsRecord) else None
            sight.add(Whose(number, name), split[number], recorded, frames=number % stride == 0)
    found = sight.findings(window)
    clipped = any(finding.name == "clipped-action" for finding in found)
    found += [
        *_of_frames(sight.digests, {name: spec.names for name, spec in first.specs.items()}, clipped),
        *leakage_findings(repeated_episodes(sight.digests)),
    ]
    found.sort(key=lambda finding: _ORDER.index(finding.severity))
    return sight.report(source, format, {name: len(split) for name, split in splits.items()}, found)


def _bytes_of(episode: Episode) -> int:
    return sum(prod(values.shape) * values.dtype.itemsize for values in episode.streams.values())


def _pairings(digests: Sequence[Digest], streams: Sequence[str]) -> list[tuple[str, int, Pairing]]:
    """Stream, step and pairing; slower clocks are tried until actions explain something."""
    tried: list[tuple[str, int, Pairing]] = []
    for every in _CLOCKS:
        for stream in streams:
            each = pairing(digests, stream, every)
            if each is not None:
                tried.append((stream, every, each))
        if any(explains(each) for _, _, each in tried):
            break
    return tried


def _alone(digests: Sequence[Digest], streams: Sequence[str]) -> Iterator[Pairing]:
    """The pairings of single episodes, of the first few that are long enough to be told from chance."""
    for each in [each for each in digests if len(each.actions) >= _LONG_ALONE][:_FEW_ALONE]:
        yield from (found for stream in streams if (found := pairing([each], stream)) is not None)


def _of_frames(digests: Sequence[Digest], names: Mapping[str, tuple[str, ...]], clipped: bool) -> list[Finding]:
    """What the frames say: repeats, cuts, and whether actions explain their changes."""
    found: list[Finding] = []
    digests = [each for each in digests if len(each.actions)]
    if not digests:
        return []
    frames = sum(len(each.actions) + 1 for each in digests)
    streams = tuple(names)
    for stream in streams:
        found += stillness_findings(repeats(digests, stream), frames, stream)
        found += cut_findings(cuts(digests, stream), stream)
        found += saturation_findings(digests, stream, names[stream])
    if all(each.actions.shape[1] for each in digests):
        known = [each for each in digests if np.isfinite(each.actions).all()]
        found += pairing_findings(
            _pairings(known, streams),
            clipped,
            slower=lambda stream: pairing(known, stream, SLOWER),
            alone=lambda: _alone(known, streams),
        )
    return found
