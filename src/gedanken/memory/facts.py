"""What holds for all of a memory: whose latents it keeps, of what shape, and how large it may become."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from gedanken.errors import BadInput, BadMemoryFile


@dataclass(frozen=True)
class Facts:
    """What the table `facts` says.

    Args:
        fingerprint: of the encoder; None before the first open that gave one.
        shape: `(P, D)` of every latent; None before the first was written.
        cap: bytes the file may use before the oldest moments go; None for no limit.
        generation: counts what was changed otherwise than by writing at the end and evicting at the front.
        unclean: whether bytes of what was forgotten may still lie in the file.
    """

    fingerprint: str | None
    shape: tuple[int, int] | None
    cap: int | None
    generation: int
    unclean: bool

    @property
    def width(self) -> int:
        """P·D, numbers in a key; 0 before the first latent."""
        return self.shape[0] * self.shape[1] if self.shape else 0


def read_facts(connection: sqlite3.Connection, name: str) -> Facts:
    """The facts of a memory; `BadMemoryFile` where they are not facts."""
    said = dict(connection.execute("SELECT name, value FROM facts").fetchall())
    try:
        patches, width, cap = (int(said[each]) if each in said else None for each in ("patches", "width", "cap"))
        shape = None if patches is None or width is None else (patches, width)
        if shape and not (min(shape) > 0 and shape[0] * shape[1] <= 2**24):
            raise ValueError(f"shape {shape}")
        return Facts(said.get("fingerprint"), shape, cap, int(said["generation"]), said["unclean"] != "0")
    except (KeyError, TypeError, ValueError) as error:
        raise BadMemoryFile(f"{name} says what no memory says of itself ({error}); go back to a copy of it.") from error


def write_facts(connection: sqlite3.Connection, **said: object) -> None:
    """Change facts, within the caller's transaction; None removes one."""
    for name, value in said.items():
        if value is None:
            connection.execute("DELETE FROM facts WHERE name = ?", (name,))
        else:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))


def check_fingerprint(facts: Facts, fingerprint: str | None, name: str) -> None:
    """Raise `BadInput` where the memory holds latents of another encoder."""
    if fingerprint is not None and facts.fingerprint not in (None, fingerprint):
        raise BadInput(
            f"{name} remembers latents of encoder {str(facts.fingerprint)[:12]}, and {fingerprint[:12]} was given, whose latents "
            "mean something else; use the model it was written with, another file, or gedanken.memory.reembedded."
        )
