"""The real openpi client talks to the policy server, from an environment of its own.

`.ci/run` makes that environment and names its Python in GEDANKEN_OPENPI_PYTHON; without it these tests are skipped.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from served import WORLD, seen, serving, stepped, tasks

import gedanken
from gedanken.recipes import bundled_model

PYTHON = os.environ.get("GEDANKEN_OPENPI_PYTHON", "")

pytestmark = pytest.mark.skipif(
    not PYTHON,
    reason="GEDANKEN_OPENPI_PYTHON names no Python with openpi-client, which needs NumPy before 2; .ci/run makes one",
)


def test_a_robot_that_uses_openpi_gets_the_agents_own_actions(tmp_path):
    now, goal = tasks(1, seed=3)
    agent = gedanken.load(bundled_model()).agent(seed=7)
    agent.begin(WORLD.observe(goal))
    observations, actions = [], []
    for _ in range(4):
        observations.append(seen(now)["pixels"])
        actions.append(agent.act(WORLD.observe(now)).steps()[:, 0].numpy())
        now = stepped(now, actions[-1])
    np.savez(tmp_path / "tasks.npz", observations=observations, goal=seen(goal)["pixels"], seed=7)
    robot = Path(__file__).parent / "openpi_robot.py"
    with serving(bundled_model()) as where:
        command = [PYTHON, str(robot), *where.split(":"), str(tmp_path / "tasks.npz"), str(tmp_path / "done.npz")]
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment.pop("PYTHONPATH", None)
        answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert answer.returncode == 0, answer.stderr
    told, done = json.loads(answer.stdout), np.load(tmp_path / "done.npz")
    assert np.array_equal(done["actions"], np.stack(actions))
    assert done["single"].shape == (4, 2)  # the broker deals a chunk out, one action at a time
    assert told["how"][0] == "cold"
    assert told["metadata"]["observation"]["pixels"]["shape"] == [64, 64, 3]
    assert "NaN or infinity" in told["refusal"]
