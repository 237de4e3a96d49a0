"""`gedanken physics`: clips that may happen on a table and clips that may not, and whether the right ones surprise a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Union

import tyro

if TYPE_CHECKING:
    from torch import Tensor

    from gedanken.evaluation.surprise import Scorer, Scores


_TOGETHER = 50  # clips written at a time


def make(
    out: tyro.conf.Positional[Path] = Path("physics"),
    /,
    property: tuple[str, ...] = (),
    split: str = "id",
    part: str = "dev",
    count: int = 2,
    episodes: int = 0,
) -> None:
    """Draw quadruplets as pictures to look at, and clips to learn from.

    Example: gedanken physics make clips --property breakage --count 4

    A sheet has four rows a scene: what may happen in context A and in context B, and beneath each, marked red, the same context
    with the other's outcome. The same names are the same clips on every run.

    Args:
        out: a folder; one PNG a property goes there, and with --episodes the store `episodes`.
        property: which of the ten; all by default.
        split: id, novel-object, novel-layout, long-occlusion, or rare.
        part: dev, on which settings are chosen; test, for published numbers; or train.
        count: scenes of each property.
        episodes: also record so many possible clips to train on, with `gedanken train OUT/episodes`.
    """
    from collections import Counter

    from gedanken.cli.console import bar, console, table
    from gedanken.environments.table import PROPERTIES, quadruplet
    from gedanken.environments.table.sheet import sheet
    from gedanken.errors import BadInput, unknown_name

    names = property or tuple(PROPERTIES)
    if unknown := [name for name in names if name not in PROPERTIES]:
        raise unknown_name("property", unknown[0], PROPERTIES)
    if count < 1 or episodes < 0:
        raise BadInput(f"count={count} must be at least 1 and episodes={episodes} at least 0.")
    rejected: dict[str, Counter[str]] = {}
    out.mkdir(parents=True, exist_ok=True)
    with bar("drawing") as tell:
        for place, name in enumerate(names):
            quads = []
            for number in range(count):
                tell((place + number / count) / len(names), name)
                quads.append(quadruplet(name, split, part, number))
            rejected[name] = sum((Counter(quad.rejected) for quad in quads), Counter())
            sheet(quads).save(out / f"{split}-{name}.png", "PNG")
        tell(1.0)
    rows = [
        (name, str(count), ", ".join(f"{n} {why}" for why, n in each.items()) or "none")
        for name, each in rejected.items()
    ]
    table(f"{split}, {part}", ("property", "scenes", "rejected before them"), rows, words=True)
    if episodes:
        _record(out / "episodes", split, episodes)
    console.print(f"{out}: one sheet a property; the red rows may not happen")


def score(
    model: tyro.conf.Positional[str],
    /,
    split: str = "id",
    part: str = "dev",
    count: int = 20,
    whiten: int = 100,
    rare: int = 100,
) -> None:
    """How often the impossible clip of a pair surprises a model more, property by property.

    Example: gedanken physics score runs/mine/model.safetensors --count 20

    Args:
        model: a model file, or one of the controls: simulator, copy-last, frame-difference, optical-flow, file-size,
            random-encoder, constant-velocity.
        split: id, novel-object, novel-layout, or long-occlusion.
        part: dev, on which settings are chosen, or test, which is for the last number.
        count: quadruplets of each property.
        whiten: possible clips that the model's error is whitened on, where its file does not know what is usual.
        rare: clips of what is possible but unusual, which the impossible ones are also told from (AUROC); 0 leaves that out.
    """
    from gedanken.cli.console import bar, console, table
    from gedanken.environments.table import PROPERTIES, possible_clips, quadruplet
    from gedanken.errors import BadInput
    from gedanken.evaluation.surprise import scored, whole_of

    if count < 1 or whiten < 1 or rare < 0:
        raise BadInput(f"count={count} and whiten={whiten} must be at least 1, and rare={rare} at least 0.")
    if split == "rare":
        raise BadInput("the clips of 'rare' are all possible; choose id, novel-object, novel-layout or long-occlusion.")
    scorer, total = _scorer(model, whiten), count * len(PROPERTIES)
    with bar("scoring") as tell:

        def drawn():
            for place in range(total):
                name = list(PROPERTIES)[place // count]
                tell(place / total, name)
                yield quadruplet(name, split, part, place % count)

        scores = scored(scorer, drawn())
        tell(1.0)
    # The simulator must be told where a clip began, which nobody knows of a mere recording.
    unusual = rare if model != "simulator" else 0
    above = whole_of(scorer, possible_clips(unusual, split="rare", part=part)) if unusual else None
    _show(scores, above, f"{scorer.name}: {split}, {part}, {total} quadruplets", table)
    console.print("50 % is chance; intervals of properties hold together at 95 % (Bonferroni)")


def _scorer(model: str, whiten: int) -> Scorer:
    from gedanken.environments.table import possible_clips
    from gedanken.evaluation.surprise import ModelSurprise, Scorer, simulator_surprise
    from gedanken.evaluation.surprise.controls import constant_velocity, untrained_controls

    known = {each.name.replace(" ", "-"): each for each in untrained_controls()}
    known["constant-velocity"] = Scorer("constant velocity", constant_velocity)
    known["simulator"] = Scorer("simulator", simulator_surprise)
    if model in known:
        return known[model]
    if not Path(model).exists():
        from gedanken.errors import unknown_name

        raise unknown_name("model file or control", model, known)
    from gedanken.recipes import load

    told = load(model).model
    surprise = (
        ModelSurprise.of(told) if told.usual else ModelSurprise.whitened_on(told, possible_clips(whiten, part="dev"))
    )
    return Scorer(Path(model).stem, surprise)


def _record(folder: Path, split: str, episodes: int) -> None:
    from gedanken.cli.console import bar
    from gedanken.data import EpisodeFolder
    from gedanken.environments.table import Table, possible_clips

    world = Table()
    store = EpisodeFolder.create(folder, world.streams, world.action)
    with bar("recording") as tell:
        for first in range(0, episodes, _TOGETHER):
            count = min(_TOGETHER, episodes - first)
            store.extend(possible_clips(count, first=first, split=split))
            tell((first + count) / episodes, f"{first + count} clips")


def _show(scores: Scores, rare: Tensor | None, title: str, table) -> None:
    from gedanken.evaluation.surprise import auroc

    def per_cent(interval) -> tuple[str, str]:
        return f"{interval.mean:.1%}", f"{interval.low:.1%} to {interval.high:.1%}"

    rows = [(name, *per_cent(each)) for name, each in scores.by_property().items()]
    rows.append(("all pairs", *per_cent(scores.accuracy)))
    rows.append(("pairs of one context", f"{scores.same_context:.1%}", ""))
    rows.append(("pairs of one outcome", f"{scores.same_outcome:.1%}", ""))
    rows.append(("whole quadruplets", *per_cent(scores.quadruplets)))
    rows.append(("peak within 2 frames of the evidence", *per_cent(scores.onsets)))
    if rare is not None:
        rows.append((f"above {len(rare)} rare clips", f"AUROC {auroc(scores.impossible.flatten(), rare):.3f}", ""))
    table(title, ("", "impossible surprises more", "95 % interval"), rows)


def physics(
    verb: Annotated[
        Union[  # noqa: UP007
            Annotated[None, tyro.conf.subcommand(name="make", constructor=make)],
            Annotated[None, tyro.conf.subcommand(name="score", constructor=score)],
        ],
        tyro.conf.arg(name=""),
    ],
) -> None:
    """Draw clips that may and may not happen on a table, or score a model on them.

    Example: gedanken physics make clips --count 2
    """
