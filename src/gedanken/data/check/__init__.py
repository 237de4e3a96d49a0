"""What is in recordings, and what is wrong with them, before anything is trained.

In: any `Episodes`. Out: a `CheckReport`: what was understood, and findings by name with what to do about each. Open
`checking.py` first: it reads each episode once (`sight.py`, `digest.py`) and asks every part: `values.py`, `clock.py`,
`source.py`, `stillness.py`, `saturation.py`, `cuts.py`, `leakage.py`, and `pairing.py` with `actions.py`, which hold actions
against what changes.

Thresholds were chosen by looking at generated sets of seeds 0 to 3, 101, 201 to 203 and 301; the tests are of another.
"""

from gedanken.data.check.checking import WINDOW, check_episodes
from gedanken.data.check.findings import Finding, Severity
from gedanken.data.check.paths import HELD_OUT, TRAIN, check_paths, opened
from gedanken.data.check.report import UNREADABLE, CheckReport, Understood, unreadable

__all__ = [
    "HELD_OUT",
    "TRAIN",
    "UNREADABLE",
    "WINDOW",
    "CheckReport",
    "Finding",
    "Severity",
    "Understood",
    "check_episodes",
    "check_paths",
    "opened",
    "unreadable",
]
