"""From a trained model to a report: drive it to goals, put baselines beside it, and show what it imagined."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gedanken import __version__
from gedanken.agent import Agent, Decision
from gedanken.contracts import World
from gedanken.data import WindowSampler
from gedanken.evaluation.attribution import Attribution, Cause
from gedanken.evaluation.baselines import BehaviourCloning, NoOp, RandomPolicy
from gedanken.evaluation.decoder import InspectionDecoder, fit_decoder, frame_bank, nearest_frames
from gedanken.evaluation.landscape import Landscape, action_landscape
from gedanken.evaluation.manifest import Manifest
from gedanken.evaluation.planning import PlanningResult, evaluate_planning, measure_latency
from gedanken.evaluation.policy import Chosen, Policy
from gedanken.evaluation.report import EndStates, EpisodePicture, Misses, PlanningCost, ReportData, SuccessRow
from gedanken.evaluation.rows import Row, row
from gedanken.models import JEPA
from gedanken.types import Context, Goal, State

_SHOWN = 6
"""Episodes shown as moving pictures: failures first, as they teach more."""
_LATENCY_EPISODES = 3
_MEANING: Mapping[Cause, str] = {
    "perception": "where it ended looks like the goal to the encoder",
    "dynamics": "the model misjudges what actions do",
    "energy": "the way there does not look worth going, or it stopped too soon",
    "search": "model and energy know the way, and it was not found",
    "unsolved": "not even the truth in place of the model reaches it in time",
}


@dataclass(frozen=True)
class Driven:
    """An evaluation with what the pictures need: the first decision of each pair."""

    result: PlanningResult
    first: Decision


def drive(
    world: World, agent: Agent, manifest: Manifest, steps: int, tell: Callable[[float], None] = lambda share: None
) -> Driven:
    """Evaluate an agent on a manifest; `tell` is called with the share of steps done."""
    first: list[Decision] = []

    def watch(step: int, state: State, decision: Chosen) -> None:
        if not first and isinstance(decision, Decision):
            first.append(decision)
        tell(step / steps)

    return Driven(evaluate_planning(world, agent, manifest, steps, watch), first[0])


def simple_baselines(
    world: World, manifest: Manifest, steps: int, frame_skip: int, cloned: BehaviourCloning
) -> list[Row]:
    """No-op, random and behaviour cloning on the same pairs: seconds for hundreds of episodes."""
    policies: list[tuple[str, Policy]] = [
        ("no-op", NoOp(world, frame_skip)),
        ("random", RandomPolicy(world, frame_skip)),
        ("behaviour cloning", cloned),
    ]
    return [row(name, evaluate_planning(world, policy, manifest, steps)) for name, policy in policies]


def report_data(
    title: str,
    world: World,
    model: JEPA,
    agent: Agent,
    manifest: Manifest,
    driven: Driven,
    windows: WindowSampler,
    *,
    rows: Sequence[Row] = (),
    metrics: Sequence[Mapping[str, object]] = (),
    facts: Mapping[str, str] | None = None,
    limits: Sequence[str] = (),
    steps: int = 200,
    attribution: Attribution | None = None,
) -> ReportData:
    """Everything the page shows, the inspection decoder trained on the way (it is used for nothing else).

    Args:
        title: of the page.
        world, model, agent, manifest: what was driven where.
        driven: how it went.
        windows: of held-out episodes, for the decoder and its nearest frames.
        rows: the success table; the first is the headline.
        metrics, facts, limits: see `ReportData`.
        steps: environment steps of an episode.
        attribution: why episodes failed, as `gedanken.evaluation.attribution.attribute` found it; None leaves it out.
    """
    bank = frame_bank(model, windows)
    decoder = fit_decoder(bank)
    latency = measure_latency(world, agent, manifest, _LATENCY_EPISODES, steps)
    ends, result = driven.result.ends, driven.result
    assert ends is not None  # an Agent always imagines
    return ReportData(
        title=title,
        subtitle=f"{world.id}: from pixels to goal images, success judged at step {steps}",
        steps=steps,
        success=[_shown(each) for each in rows],
        misses=None if attribution is None else _misses(attribution),
        episodes=_episodes(world, agent, manifest, driven, decoder, bank),
        end_states=EndStates(
            ends.imagined.numpy(),
            ends.executed.numpy(),
            result.success[ends.rows].numpy(),
            note="Squared latent distance to the goal where each pair's last plan comes nearest.",
        ),
        landscapes={"first action of one task": _landscape(world, model, agent, manifest)},
        planning=PlanningCost(
            latency.p50,
            latency.p95,
            result.core_seconds,
            f"re-plans timed on one world alone, core-seconds with {len(result.success)} driven at once",
        ),
        metrics=metrics,
        limits=limits,
        facts={**(facts or {}), **_surroundings(manifest)},
    )


def _shown(each: Row) -> SuccessRow:
    share, ever = each.at_end, each.ever.mean
    return SuccessRow(each.name, share.mean, share.low, share.high, ever, each.pairs, each.core_seconds)


def _misses(found: Attribution) -> Misses:
    exploited = f"{found.exploited} of those under dynamics were exploited: imagined at the goal, executed elsewhere."
    return Misses(
        causes=[(cause, _MEANING[cause], count) for cause, count in found.counts.items()],
        cures=[(replay, *counts) for replay, counts in found.cured.items()],
        failed=found.failed,
        episodes=found.episodes,
        note=exploited if found.counts["dynamics"] else "",
    )


def _surroundings(manifest: Manifest) -> dict[str, str]:
    return {
        "manifest": f"{manifest.split}, seed {manifest.seed}, {len(manifest)} pairs, SHA-256 {manifest.sha256}",
        "gedanken": __version__,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, Python {platform.python_version()}",
    }


def _episodes(
    world: World, agent: Agent, manifest: Manifest, driven: Driven, decoder: InspectionDecoder, bank
) -> list[EpisodePicture]:
    """Moving pictures of a few episodes: what happened, beside what the first plan imagined."""
    success = driven.result.success
    failed, reached = (~success).nonzero()[:, 0], success.nonzero()[:, 0]
    rows = torch.cat([failed[: _SHOWN // 2], reached[:_SHOWN]])[:_SHOWN]
    start, goal = manifest.pairs(world)
    agent.begin(world.observe(_rows(goal, rows)))
    agent.act(world.observe(_rows(start, rows)))
    imagined = agent.imagine(driven.first.plan.actions[rows])
    drawn = decoder.decode(imagined).numpy()
    nearest = nearest_frames(imagined, bank).numpy()
    skip = agent.model.frame_skip
    return [
        EpisodePicture(
            title=f"pair {row}",
            success=bool(success[row]),
            real=_frames(world, start, driven.result.states, int(row), skip),
            imagined=drawn[number],
            goal=world.observe(_rows(goal, rows[number : number + 1]))["pixels"][0].numpy(),
            nearest=nearest[number],
            note="imagined: the first plan, before anything was done",
        )
        for number, row in enumerate(rows.tolist())
    ]


def _frames(world: World, start: State, states: State, row: int, skip: int) -> np.ndarray:
    """What was seen after each model step, until well after the first plan's end."""
    length = states["position"].shape[1]
    picked = torch.arange(skip, length, skip)
    base = {name: values[row : row + 1].expand(len(picked), *values.shape[1:]) for name, values in start.items()}
    moments = {name: values[row, picked] for name, values in states.items()}
    return world.observe({**base, **moments})["pixels"].numpy()


def _landscape(world: World, model: JEPA, agent: Agent, manifest: Manifest) -> Landscape:
    one = torch.tensor([0])
    start, goal = (_rows(state, one) for state in manifest.pairs(world))
    width = model.frame_skip * model.action.width
    context = Context(_encoded(world, model, start)[:, None], torch.zeros(1, 0, width))
    return action_landscape(
        model, agent.energy, context, Goal(_encoded(world, model, goal)), true=world.expert(start, goal)[0]
    )


@torch.no_grad()
def _encoded(world: World, model: JEPA, state: State) -> Tensor:
    return model.encode({name: values[:, None] for name, values in world.observe(state).items()})[:, 0]


def _rows(state: State, rows: Tensor) -> dict[str, Tensor]:
    return {name: values[rows] for name, values in state.items()}
