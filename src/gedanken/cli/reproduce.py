"""`gedanken reproduce`: make a claim of the README again, or check it in a minute."""

from __future__ import annotations

from pathlib import Path

import tyro


def reproduce(
    claim: tyro.conf.Positional[str] = "",
    /,
    quick: bool = False,
    list: bool = False,
    only: tuple[str, ...] = (),
    runs: Path = Path("runs"),
) -> None:
    """Make a claim again from nothing and write it into the ledger; runs in a clone of the repository.

    Example: gedanken reproduce two-rooms-demo --quick

    What was stopped goes on where it was. With --quick the shipped checkpoint is judged on a sample of the same pairs; the
    last line is JSON, and the exit code is 0 only if the claim's bar holds.

    Args:
        claim: its name; see --list.
        quick: check what was shipped instead, in at most a minute.
        list: name all claims, with what the ledger says of them and what they cost.
        only: parts to measure now, such as seed-0; the entry is written once all parts are there.
        runs: where run folders lie.
    """
    import json
    import sys
    import time

    from gedanken.cli.console import console, table
    from gedanken.errors import unknown_name

    claims = claims_here()
    if list or not claim:
        ledger = {entry.claim: entry for entry in claims.read_ledger()}
        rows = []
        for name, each in claims.CLAIMS.items():
            entry = ledger.get(name)
            told = "not measured" if entry is None else f"{entry.value:.4g}: {'holds' if entry.holds else 'missed'}"
            rows.append((name, each.what, told, f"{sum(part.core_seconds for part in each.parts()) / 3600:.1f}"))
        table("claims", ("claim", "what", "ledger", "core-hours"), rows, words=True)
        return
    if claim not in claims.CLAIMS:
        raise unknown_name("claim", claim, claims.CLAIMS)
    asked = claims.CLAIMS[claim]
    if quick:
        began = time.perf_counter()
        found = asked.quick()
        seconds = round(time.perf_counter() - began, 1)
        told = {name: float(f"{value:.4g}") for name, value in vars(found).items() if name not in ("n", "holds")}
        print(json.dumps({"claim": claim, **told, "n": found.n, "seconds": seconds, "holds": found.holds}))
        sys.exit(0 if found.holds else 1)
    console.print(f"{claim}: about {claims.estimate(asked, runs, only):.1f} core-hours to go")
    entry = claims.reproduce(asked, runs, only, console.print)
    if entry is None:
        console.print("some parts are not measured yet; give the command again without --only.")
        return
    console.print(f"{claims.write_entry(entry)}: {entry.value:.4g}, {'holds' if entry.holds else 'missed'}")
    console.print("python benchmarks/table.py writes it into the README")


def claims_here():
    """The claims of the repository this is run in; they lie beside the manifests and checkpoints, not in the wheel."""
    import sys
    from importlib import import_module

    from gedanken.errors import BadInput

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "benchmarks" / "claims" / "ledger.py").exists():
            sys.path.insert(0, str(folder / "benchmarks"))
            return import_module("claims")
    raise BadInput(
        f"{here} is in no clone of gedanken; claims are made again there: clone the repository and cd into it."
    )
