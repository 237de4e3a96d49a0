"""A model card that is written from what is known: the model file, the run that made it, and entries of the claim ledger.

Nobody types a number. What was not measured is said to be so, and what the model cannot do stands there whether or not anybody
asked (Mitchell et al., arXiv:1810.03993, name the parts of a card).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gedanken.errors import BadInput
from gedanken.modelfile import ModelHeader
from gedanken.training import RunFolder

LIMITS = (
    "It plans only where its recordings have been: in another world, or with actions of other kinds, it imagines what is not so.",
    "There are no guardrails. A plan is as good as what the model imagines; nothing here is a promise of safety.",
    "It was judged on recordings like those it learned from, and on nothing else than what this card shows.",
)
_FRONT = "---\nlibrary_name: gedanken\ntags:\n- world-model\n- jepa\n- planning\n---\n"


def card(name: str, header: ModelHeader, run: RunFolder | None, entries: Sequence[Mapping[str, Any]] = ()) -> str:
    """The card as Markdown.

    Args:
        name: what the model is loaded by.
        header: of its file.
        run: the folder it was trained in, for its last metrics; None says that it is not known.
        entries: of the ledger, as JSON; each is of the recipe that this model was trained by.
    Raises:
        BadInput: an entry is of another recipe than the model.
    """
    recipe = header.config.get("recipe")
    of = recipe.get("name") if isinstance(recipe, dict) else None
    for entry in entries:
        if entry["claim"] != of:
            raise BadInput(f"the claim {entry['claim']!r} says nothing of a model trained by {of!r}; leave it out.")
    parts = [
        f"{_FRONT}\n# {name.rpartition(':')[2].rpartition('/')[2] or name}\n",
        "A world model in latent space: from pixels or sensors and an action it predicts what will be seen, and plans to a goal "
        "by energy.\n",
        f'```python\nimport gedanken\n\nagent = gedanken.load("{name}").agent()\n```\n',
        "## What it is\n",
        _listed(_facts(header, of)),
        "## How it was trained\n",
        _listed(header.lineage) if header.lineage else "The model file does not say.\n",
        _ending(run),
        "## Measured\n",
        *(
            map(_claim, entries)
            if entries
            else ["No claim of the ledger is about this model: its plans were not measured.\n"]
        ),
        "## What it cannot do\n",
        "".join(f"- {limit}\n" for limit in (*LIMITS, *_warnings(run))),
    ]
    return "\n".join(parts)


def _facts(header: ModelHeader, recipe: Any) -> dict[str, Any]:
    action = header.action
    return {
        "recipe": recipe or "unknown",
        "reads": ", ".join(
            f"{name} {spec.dtype} {spec.shape} {spec.unit}".strip() for name, spec in header.observation.items()
        ),
        "actions": f"{action.width} numbers from {action.low} to {action.high} {action.unit}".strip(),
        "model step": f"{header.frame_skip} environment steps",
        "seed": header.seed,
        "gedanken": header.library,
        "SHA-256 of its content": f"`{header.content_hash}`",
    }


def _listed(facts: Mapping[str, Any]) -> str:
    return "".join(f"- {name}: {_plain(value)}\n" for name, value in facts.items())


def _ending(run: RunFolder | None) -> str:
    rows = run.read_metrics() if run is not None else []
    if not rows:
        return "Its run is not at hand, so how training ended is not known.\n"
    health = next((row["health"] for row in reversed(rows) if isinstance(row.get("health"), dict)), {})
    told = {"steps": rows[-1]["step"] + 1, "loss at the end": f"{rows[-1].get('loss', float('nan')):.4g}"}
    told |= {f"{name.replace('_', ' ')} (training windows)": f"{value:.3g}" for name, value in health.items()}
    return _listed(told)


def _warnings(run: RunFolder | None) -> list[str]:
    rows = run.read_metrics() if run is not None else []
    return [_plain(each) for each in next((row["warnings"] for row in reversed(rows) if "warnings" in row), [])]


def _claim(entry: Mapping[str, Any]) -> str:
    low, high = entry["interval"]
    value = f"{entry['value']:.4g} ({low:.4g} to {high:.4g}, 95 %, n = {entry['n']})"
    rows = "".join(f"| {row['name']} | {row['value']:.4g} |\n" for row in entry["beside"])
    beside = f"| beside it | value |\n|---|---|\n{rows}" if rows else ""
    note = f"\n{entry['note']}\n" if entry.get("note") else ""
    met = "was met" if entry["holds"] else "was missed"
    return (
        f"**{entry['claim']}**: {entry['what']}: {value}. The bar {met}. Of all seeds of this recipe, not of this file "
        f"alone; made by `{entry['command']}` at commit {', '.join(entry['git'])}.\n{note}\n{beside}"
    )


def _plain(value: Any) -> str:
    """Words of a run on one line, so that none can become a heading, a link or a tag of the page."""
    return " ".join(str(value).split()).replace("<", "&lt;").replace("[", "&#91;")
