"""`gedanken plan`: one thought experiment from a start picture to a goal picture, shown step by step."""

from __future__ import annotations

from pathlib import Path

import tyro


def plan(
    model: tyro.conf.Positional[Path] = Path("bundled"),
    /,
    start: Path | None = None,
    goal: Path | None = None,
    seed: int = 0,
) -> None:
    """Plan from a start picture to a goal picture and print the actions; nothing is carried out.

    Example: gedanken plan bundled --seed 3

    Args:
        model: a model file, or `bundled` for the one in the package.
        start: picture of the start (resized to the model's frame); without one, a drawn task of two-rooms-v1 is used.
        goal: picture of the goal; needed with --start.
        seed: of the search, and of the task where none is given.
    """
    from gedanken.cli.console import console, table
    from gedanken.errors import BadInput
    from gedanken.recipes import bundled_model, drawn_task, load, picture

    loaded = load(bundled_model() if str(model) == "bundled" else model)
    if (start is None) != (goal is None):
        raise BadInput("--start and --goal go together; give both pictures, or neither for a drawn task.")
    if start is not None and goal is not None:
        seen, wanted = picture(start, loaded.observation), picture(goal, loaded.observation)
    else:
        seen, wanted = drawn_task(loaded, seed)
    agent = loaded.agent(seed)
    agent.begin(wanted)
    decision = agent.act(seen)
    unit = loaded.model.action.unit
    rows = [
        (str(number), ", ".join(f"{value:+.2f}" for value in block[: loaded.model.action.width].tolist()))
        for number, block in enumerate(decision.plan.actions[0])
    ]
    table(f"plan of energy {decision.plan.energy.item():.2f}", ("model step", f"action ({unit or 'no unit'})"), rows)
    imagined = agent.imagine(decision.plan.actions)[:, -1]
    console.print(
        f"squared latent distance to the goal: {decision.distance.item():.3f} now, "
        f"{agent.goal_distance(imagined).item():.3f} imagined after {len(rows)} model steps of "
        f"{loaded.model.frame_skip} environment steps."
    )
