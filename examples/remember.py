"""To remember: one process explores and ends without a word; another one wakes and goes to a place that the first one saw.

Run it as it is: `python examples/remember.py`. The model comes with the package; nothing is trained. The map of what is
remembered is `remembered.png`.
"""

import os
from multiprocessing import get_context
from pathlib import Path

import torch

from gedanken import load, make_world
from gedanken.encoders import fingerprint
from gedanken.memory import EpisodicMemory
from gedanken.memory.picture import picture
from gedanken.recipes import bundled_model

ERRANDS, MOST_STEPS = 24, 40
world = make_world("two-rooms-v1")


def go(agent, state):
    """Act until the agent judges itself there; the world's state then."""
    for _ in range(MOST_STEPS):
        decision = agent.act(world.observe(state))  # what is seen is in the memory before this returns
        if decision.held.item():
            break
        for action in decision.steps():
            state = world.step(state, action)
    return state


def explore():
    """The first process: errands all over the house, and then its end, with nothing said to the memory."""
    agent = load(bundled_model()).agent(memory="house.db")
    state, *errands = (world.sample(1, torch.Generator().manual_seed(seed)) for seed in range(ERRANDS + 1))
    for goal in errands:
        agent.begin(world.observe(goal))
        state = go(agent, state)
    os._exit(0)  # as `kill -9` would end it: nothing is closed, no last line is written


if __name__ == "__main__":
    Path("house.db").unlink(missing_ok=True)
    first = get_context("spawn").Process(target=explore)
    first.start()
    first.join()

    loaded = load(bundled_model())
    with EpisodicMemory.open(
        "house.db", fingerprint(loaded.model.encoder)
    ) as memory:  # another process, the same memory
        print(f"woke with {len(memory)} moments of a process that is gone")
        picture(memory).save("remembered.png")

        (remembered,) = memory.read([1])  # the first thing ever seen: where the other one woke
        assert remembered.moment.pixels is not None
        agent = loaded.agent(memory=memory)
        agent.begin({"pixels": remembered.moment.pixels[None]})  # a remembered picture is a goal like any other
        state = go(agent, world.sample(1, torch.Generator().manual_seed(99)))
    there = world.sample(1, torch.Generator().manual_seed(0))  # where it was, which no agent is told
    print("back where the other one woke:", bool(world.reached(state, there)))
