"""A thought experiment: shown a picture of where to be, the agent imagines ways to get there and takes the best one.

Run it as it is: `python examples/plan_in_two_rooms.py`. The model comes with the package; nothing is trained.
"""

import torch

from gedanken import load, make_world
from gedanken.recipes import bundled_model

MOST_STEPS = 50

world = make_world("two-rooms-v1")
agent = load(bundled_model()).agent(seed=0)

# One task: a start and a goal in different rooms, so that the way leads through the door.
state, goal = world.pairs(1, torch.Generator().manual_seed(7))
agent.begin(world.observe(goal))  # a picture is all the agent is told

for step in range(MOST_STEPS):
    decision = agent.act(world.observe(state))
    print(f"step {step:2}: {decision.distance.item():.3f} from the goal, in latent space")
    if decision.held.item():
        break  # by its own judgement it is there
    # A model step is a few environment steps: the agent looks, thinks, acts for that long, and looks again.
    for action in decision.steps():
        state = world.step(state, action)

print("goal reached:", bool(world.reached(state, goal)))
