"""Every error gedanken raises on purpose, as one tree; each message says what came, what was expected, what to do.

GedankenError
├── BadInput            a value the caller can mend (also a ValueError)
│   ├── ShapeError      axes that do not fit
│   ├── UnknownName     a name no registry knows
│   └── NonFinite       NaN or infinity where a number was expected
├── BadFile             a file that is not what it should be
│   ├── BadModelFile
│   ├── BadEpisodeFile
│   │   └── MissingValues   NaN, infinity or nothing where a recording should have a number
│   ├── BadMemoryFile
│   └── BadRunFolder
├── Refused             a server's door stays shut: no token, a foreign origin, too much at once
├── MissingExtra        an optional package is not installed (also an ImportError)
├── TrainingStopped     training ended itself: a non-finite loss, a collapse
└── StorageError        the disk refused: full, read-only, gone (also an OSError)
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GedankenError(Exception):
    """The root: catch this to catch everything gedanken raises on purpose."""


class BadInput(GedankenError, ValueError):
    """A value the caller can mend."""


class ShapeError(BadInput):
    """Axes that do not fit; the message names the axis legend of `gedanken.types`."""


class UnknownName(BadInput):
    """A name no registry knows."""


class NonFinite(BadInput):
    """NaN or infinity where a finite number was expected."""


class BadFile(GedankenError):
    """A file that is not what it should be; nothing of it was used."""


class BadModelFile(BadFile):
    """A model file that was refused."""


class BadEpisodeFile(BadFile):
    """An episode store or recording that was refused."""


class MissingValues(BadEpisodeFile):
    """A recording in which a number is missing, NaN or infinite; the message says where the first is."""


class BadMemoryFile(BadFile):
    """A file of memories that was refused: no memory, damaged, or of a schema this version does not know."""


class BadRunFolder(BadFile):
    """A run folder that cannot be resumed or read."""


class Refused(GedankenError):
    """A server does not let this in; the message says what would be."""


class MissingExtra(GedankenError, ImportError):
    """An optional package is not installed; the message gives the pip command."""


class TrainingStopped(GedankenError):
    """Training ended itself, with the step and the term that caused it."""


class StorageError(GedankenError, OSError):
    """The disk refused: full, read-only, or gone."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """An `UnknownName` that lists what there is and suggests the nearest."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownName(f"no {kind} {name!r}; there are {', '.join(names) or 'none'}.{hint}")
