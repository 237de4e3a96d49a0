"""`gedanken push`: share a model under a name, with a card written from what was measured."""

from __future__ import annotations

from pathlib import Path

import tyro


def push(model: tyro.conf.Positional[Path], to: tyro.conf.Positional[str], /, claim: tuple[str, ...] = ()) -> None:
    """Push a model and its card to the Hugging Face Hub, or into a folder.

    Example: gedanken push runs/mine hf:me/my-world

    It is then loaded by that name: gedanken info hf:me/my-world, or gedanken.load("hf:me/my-world"). Only safetensors, JSON
    and Markdown files are pushed, and no others are ever fetched.

    Args:
        model: the folder of a run, or a model file.
        to: hf:owner/name, or a folder.
        claim: names of claims of the ledger that are about this model's recipe; read in a clone of the repository.
    """
    import json
    import tempfile
    from dataclasses import asdict

    from gedanken import modelfile
    from gedanken.cli.console import console
    from gedanken.cli.reproduce import claims_here
    from gedanken.errors import unknown_name
    from gedanken.recipes import hub, load, model_card
    from gedanken.training import RunFolder

    file = hub.located(model)
    load(file)  # what cannot be loaded is not shared
    entries = []
    if claim:
        ledger = {entry.claim: entry for entry in claims_here().read_ledger()}
        for name in claim:
            if name not in ledger:
                raise unknown_name("measured claim", name, ledger)
            entries.append({**asdict(ledger[name]), "holds": ledger[name].holds})
    run = RunFolder(file.parent) if (file.parent / "metrics.jsonl").is_file() else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(scratch)
        (folder.path / hub.MODEL).write_bytes(file.read_bytes())
        header = modelfile.read_header(file)
        folder.write_text(hub.CARD, model_card.card(to, header, run, entries))
        folder.write_text("config.json", json.dumps(header.config, indent=2) + "\n")
        name = hub.push(folder.path, to)
    console.print(f"[bold]{name}[/bold]: {hub.MODEL}, config.json and the card {hub.CARD}", soft_wrap=True)
    console.print(f"next: gedanken info {name}", soft_wrap=True)
