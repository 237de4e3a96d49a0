"""An agent uses the tools through the SDK's own client, over stdio, as a program of its own."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from mcp import Client, StdioServerParameters
from served import WORLD, quick_model

import gedanken
from gedanken.errors import BadInput, Refused
from gedanken.serving.handles import Budget, Handles
from gedanken.serving.mcp import tools_of
from gedanken.serving.pictures import png

SOURCE = str(Path(gedanken.__file__).parent.parent)


def answers(server, *calls) -> list:
    """What the tools say to these calls, each a name and arguments, or a function of the answers so far."""

    async def asked() -> list:
        found: list = []
        async with Client(server) as client:
            found.append(sorted(tool.name for tool in (await client.list_tools()).tools))
            for call in calls:
                name, arguments = call(found) if callable(call) else call
                result = await client.call_tool(name, arguments)
                text = result.content[0].text
                found.append(text if result.is_error else json.loads(text))
        return found

    return asyncio.run(asked())


def by_stdio() -> StdioServerParameters:
    """`gedanken mcp` as a program of its own."""
    environment = {**os.environ, "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "gedanken", "mcp", str(quick_model())], env=environment
    )


def test_an_agent_thinks_with_the_tools():
    start, _ = WORLD.pairs(1, torch.Generator().manual_seed(1))
    picture = png(WORLD.observe(start)["pixels"][0].numpy())
    up, down = [[0.0, 1.0]] * 3, [[0.0, -1.0]] * 3
    tools, example, looked, imagined, on, futures, plan, calm, wrong, imaginary, wide = answers(
        by_stdio(),
        ("example", {"seed": 1}),
        ("look", {"png": picture}),
        lambda told: ("imagine", {"start": told[1]["now"], "actions": up, "goal": told[1]["goal"]}),
        lambda told: ("imagine", {"start": told[3]["imagined"], "actions": down, "goal": told[1]["now"]}),
        lambda told: (
            "what_if",
            {"start": told[2]["seen"], "courses": [down, up, up], "goal": told[3]["imagined"]},
        ),
        lambda told: ("plan", {"start": told[1]["now"], "goal": told[1]["goal"], "seed": 3}),
        lambda told: (
            "surprise",
            {"moments": [told[1]["now"], told[1]["now"], told[1]["goal"]], "actions": [[0.0, 0.0]] * 2},
        ),
        ("imagine", {"start": "seen-99", "actions": up}),
        lambda told: ("plan", {"start": told[3]["imagined"], "goal": told[1]["goal"]}),
        lambda told: ("imagine", {"start": told[1]["now"], "actions": [[1.0]]}),
    )
    assert tools == ["example", "imagine", "look", "plan", "surprise", "what_if"]
    assert len(imagined["away"]) == 3
    assert imagined["away"][-1] > 1
    assert on["distance"][-1] < on["distance"][0]  # back to where it began
    assert futures["best"] == 1  # the goal is where that course was imagined to end
    assert futures["energy"][1] == futures["energy"][2] < futures["energy"][0]
    assert futures["apart"][1][2] == 0 < futures["apart"][0][1]
    assert looked["seen"] != example["now"]
    agent = gedanken.load(quick_model()).agent(3)
    states = WORLD.pairs(1, torch.Generator().manual_seed(1))
    agent.begin(WORLD.observe(states[1]))
    own = agent.act(WORLD.observe(states[0]))
    assert plan["actions"] == torch.round(own.plan.actions[0, :, :2].double(), decimals=4).tolist()
    assert plan["nearest"] <= plan["distance"]
    assert calm["surprise"][0] < calm["surprising_above"] < calm["surprise"][1]
    assert "no handle 'seen-99'" in wrong
    assert "was imagined" in imaginary
    assert "2 numbers" in wide
    assert "Traceback" not in wrong + imaginary + wide
    assert example["budget_left"] > calm["budget_left"]


def test_the_budget_is_kept():
    _, first, second, third = answers(
        tools_of(gedanken.load(quick_model()), budget=10),
        ("example", {}),
        lambda told: ("imagine", {"start": told[1]["now"], "actions": [[0.0, 0.0]] * 8}),
        lambda told: ("plan", {"start": told[1]["now"], "goal": told[1]["goal"]}),
    )
    assert (first["budget_left"], second["budget_left"]) == (10, 2)
    assert "2 of 10 are left" in third


def test_handles_not_used_for_longest_are_forgotten():
    handles = Handles(most=2)
    first, second = handles.keep("seen", 1), handles.keep("seen", 2)
    assert handles[first] == 1
    third = handles.keep("imagined", 3)
    assert (handles[first], handles[third]) == (1, 3)
    with pytest.raises(BadInput, match="no handle 'seen-2'"):
        handles[second]


def test_nothing_is_spent_where_too_little_is_left():
    budget = Budget(10)
    budget.spend(6)
    with pytest.raises(Refused, match="4 of 10 are left"):
        budget.spend(5)
    budget.spend(4)
    assert budget.left == 0
