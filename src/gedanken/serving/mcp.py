"""Tools for an LLM agent (Model Context Protocol): try an action in imagination before it is done.

What is too large for words has a handle: `seen-1` is something seen, `imagined-2` a latent that was imagined, from which one may
imagine further. Every answer says how much may still be thought.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from torch import Tensor

from gedanken import __version__
from gedanken.errors import BadInput, GedankenError
from gedanken.recipes import Loaded, drawn_task
from gedanken.serving import thoughts
from gedanken.serving.handles import Budget, Handles
from gedanken.serving.pictures import observation_from_json
from gedanken.types import Observation

Course = list[list[float]]
Given = ParamSpec("Given")
Told = TypeVar("Told")
_MOST_PIXELS = 8 * 2**20
"""Characters of a picture in base64."""


def tools_of(loaded: Loaded, budget: int = 2_000_000) -> MCPServer:
    """An MCP server whose tools think with one model.

    Args:
        loaded: the model.
        budget: model steps that may be imagined in all.
    """
    action, config = loaded.model.action, loaded.recipe.agent
    norm = "" if action.norm is None else f", at most {action.norm:g} long"
    server = MCPServer(
        "gedanken",
        version=__version__,
        instructions=(
            "A world model. Get handles from `example` or `look`, then ask what actions would lead to. An action is "
            f"{action.width} numbers from {list(action.low)} to {list(action.high)}{norm} ({action.unit or 'no unit'}), held for "
            f"{loaded.model.frame_skip} environment steps. Distances and surprise are squared latent distances; energies are "
            "comparable under one goal only, lower is better. What is imagined may be wrong: compare it with what comes."
        ),
        log_level="CRITICAL",
    )
    handles, left = Handles(), Budget(budget)

    def told(**values: Any) -> dict[str, Any]:
        return {**values, "budget_left": left.left}

    def seen(name: str) -> Observation:
        kept = handles[name]
        if isinstance(kept, Tensor):
            raise BadInput(f"{name} was imagined; give a handle of something seen, from `example` or `look`.")
        return kept

    def latent(name: str) -> Tensor:
        kept = handles[name]
        return kept if isinstance(kept, Tensor) else thoughts.encoded(loaded, kept)

    @server.tool()
    @in_a_sentence
    def example(seed: int = 0) -> dict[str, Any]:
        """Draw a task of the world the model was trained in: handles of what is seen now and of the goal."""
        start, goal = drawn_task(loaded, seed % 2**63)
        return told(now=handles.keep("seen", start), goal=handles.keep("seen", goal))

    @server.tool()
    @in_a_sentence
    def look(png: str) -> dict[str, Any]:
        """A handle for a picture, given as base64 of a PNG or JPEG; it is resized to what the model reads."""
        if len(png) > _MOST_PIXELS or list(loaded.observation) != ["pixels"]:
            raise BadInput(
                f"a picture of at most {_MOST_PIXELS:,} characters is taken, by a model that reads pixels alone."
            )
        return told(
            seen=handles.keep("seen", observation_from_json({"pixels": {"png": png}}, loaded.observation, "look"))
        )

    @server.tool()
    @in_a_sentence
    def imagine(start: str, actions: Course, goal: str | None = None) -> dict[str, Any]:
        """Imagine carrying out `actions` one after the other from a handle: a handle of the imagined end, how far each
        step leads from the start (in step changes: 1 is a usual step), and, with a goal, the distance to it after each step."""
        now = latent(start)
        left.spend(len(actions))
        futures = thoughts.what_if(loaded, now, [actions], None if goal is None else latent(goal))
        away = (futures.latents[0] - now).square().mean(dim=(1, 2)) / loaded.model.step_change.clamp_min(1e-12)
        more = {} if futures.distance is None else {"distance": _plain(futures.distance[0])}
        return told(imagined=handles.keep("imagined", futures.latents[0, -1]), away=_plain(away), **more)

    @server.tool()
    @in_a_sentence
    def what_if(start: str, courses: list[Course], goal: str | None = None) -> dict[str, Any]:
        """Compare courses of action of one length from a handle: how far apart their ends are, handles of these, and, with a
        goal, the energy of each and which is best."""
        left.spend(sum(map(len, courses)))
        futures = thoughts.what_if(loaded, latent(start), courses, None if goal is None else latent(goal))
        ends = [handles.keep("imagined", end) for end in futures.latents[:, -1]]
        more: dict[str, Any] = {}
        if futures.energy is not None and futures.distance is not None:
            more = {"energy": _plain(futures.energy), "distance": _plain(futures.distance[:, -1])}
            more["best"] = int(futures.energy.argmin())
        return told(imagined=ends, apart=_plain(futures.apart), **more)

    @server.tool()
    @in_a_sentence
    def plan(start: str, goal: str, seed: int = 0) -> dict[str, Any]:
        """Plan from something seen to something seen: one action a model step, the plan's energy, and the distance to the
        goal now and where the plan is imagined to come nearest."""
        left.spend(config.cold.candidates * getattr(config.cold, "rounds", 1) * config.horizon)
        agent = loaded.agent(seed % 2**63)
        agent.begin(seen(goal))
        decision = agent.act(seen(start))
        imagined = agent.imagine(decision.plan.actions)[0]
        nearest = min(agent.goal_distance(each[None]).item() for each in imagined)
        return told(
            actions=_plain(decision.plan.actions[0, :, : action.width]),
            energy=decision.plan.energy.item(),
            feasible=bool(decision.plan.feasible),
            distance=decision.distance.item(),
            nearest=nearest,
            at_goal=bool(decision.held),
        )

    @server.tool()
    @in_a_sentence
    def surprise(moments: list[str], actions: Course) -> dict[str, Any]:
        """How surprising each moment after the first was, given the action before it; above `surprising_above` a robot would plan
        anew."""
        left.spend(len(actions))
        found = thoughts.surprise(loaded, [latent(name) for name in moments], actions)
        return told(surprise=_plain(found), surprising_above=config.surprise)

    return server


def in_a_sentence(tool: Callable[Given, Told]) -> Callable[Given, Told]:
    """The same tool, whose errors reach the agent in our words; of others the SDK says only that there was one."""

    @wraps(tool)
    def saying(*given: Given.args, **named: Given.kwargs) -> Told:
        try:
            return tool(*given, **named)
        except GedankenError as error:
            raise ToolError(str(error)) from error

    return saying


def _plain(values: Tensor) -> Any:
    """Numbers short enough for words."""
    return torch.round(values.double(), decimals=4).tolist()
