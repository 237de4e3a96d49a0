"""What an agent saw is there for the next process, whatever became of the first."""

import os
import signal
from dataclasses import replace

import pytest
import torch

import gedanken
from gedanken.agent import AgentConfig
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory
from gedanken.planners import MPPIConfig
from gedanken.recipes import bundled_model

HASTY = AgentConfig(horizon=4, warm=MPPIConfig(candidates=20, rounds=1), cold=MPPIConfig(candidates=20, rounds=1))
WORLD = gedanken.make_world("two-rooms-v1")


def waking(memory=None):
    """An agent of the bundled model that hardly thinks."""
    loaded = gedanken.load(bundled_model())
    return replace(loaded, recipe=replace(loaded.recipe, agent=HASTY)).agent(memory=memory)


def walked(agent, steps=3):
    """Act for some steps in two worlds; what was seen `[steps, B, ...]` and decided."""
    now, goal = WORLD.pairs(2, torch.Generator().manual_seed(0))
    agent.begin(WORLD.observe(goal))
    seen, decisions = [], []
    for _ in range(steps):
        seen.append(WORLD.observe(now)["pixels"])
        decisions.append(agent.act({"pixels": seen[-1]}))
        for action in decisions[-1].steps():
            now = WORLD.step(now, action)
    return torch.stack(seen), decisions


@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="there is no fork or no SIGKILL")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_new_process_recalls_what_a_killed_one_saw(tmp_path):
    path = tmp_path / "house.db"
    child = os.fork()
    if not child:
        walked(waking(str(path)))
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    agent = waking(str(path))
    assert len(agent.memory) == 6
    seen, _ = walked(waking())
    for step in range(3):
        recalled = agent.recall({"pixels": seen[step]}, 1)
        assert recalled.ids[:, 0].tolist() == [2 * step + 1, 2 * step + 2]
        assert recalled.distances.max() < 1e-6
    agent.memory.close()


def test_what_is_kept_is_what_was_seen_done_and_felt(tmp_path):
    agent = waking(tmp_path / "house.db")
    seen, decisions = walked(agent)
    kept = agent.memory.recent(6)
    for step in range(3):
        for row in range(2):
            moment = kept[2 * step + row].moment
            assert moment.action.equal(decisions[step].actions[row])
            assert (moment.pixels.float() - seen[step, row].float()).abs().max() == 0
            if step:
                assert moment.surprise == pytest.approx(decisions[step].surprise[row].item())
            else:
                assert moment.surprise is None
            assert moment.episode.endswith(f"-{row}")
    assert len({each.moment.episode for each in kept}) == 2
    assert kept[0].provenance.source == "an agent's own experience"
    agent.memory.close()


def test_a_memory_changes_no_decision_and_none_is_kept_unless_asked_for(tmp_path):
    with_memory, without = waking(tmp_path / "house.db"), waking()
    for one, other in zip(walked(with_memory)[1], walked(without)[1], strict=True):
        assert one.actions.equal(other.actions)
    with_memory.memory.close()
    assert without.memory is None
    with pytest.raises(BadInput, match="no memory to recall from"):
        without.recall({"pixels": torch.zeros(1, 64, 64, 3, dtype=torch.uint8)})


def test_an_agent_with_another_encoder_is_refused(tmp_path):
    waking(tmp_path / "house.db").memory.close()
    loaded = gedanken.load(bundled_model())
    with torch.no_grad():
        next(loaded.model.encoder.parameters()).mul_(1.01)
    with pytest.raises(BadInput, match="latents of encoder"):
        loaded.agent(memory=tmp_path / "house.db")
    EpisodicMemory.open(tmp_path / "house.db").close()
