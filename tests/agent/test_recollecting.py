"""A fork in a world whose model is exact: what was seen before a long rest decides, and only the memory has it."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from gedanken.agent import Agent, AgentConfig, Thresholds
from gedanken.agent.recollecting import Reckoning, recollected
from gedanken.energies import GoalEnergy
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory
from gedanken.planners import MPPIConfig
from gedanken.types import ActionSpec, Context, Moment, Rollout

PRINT = "0" * 64
OUT = torch.tensor([0.0, 0.0, 3.0, 0.0])
"""Where the right arm leads to: place, nothing shown, an outcome, no cue."""


@dataclass
class Fork:
    """A latent is (place, cue shown: -1, 0 or 1, outcome, whether a cue is shown); who goes 1 to the side of the cue is out.

    The model looks for a moment with a cue, and believes the newest of those that come back.
    """

    frame_skip: int = 1
    recalls: int = 4
    action: ActionSpec = field(default_factory=lambda: ActionSpec(1, (-1.0,), (1.0,), rate_hz=1.0))
    contexts: list[Context] = field(default_factory=list)

    def encode(self, observations) -> Tensor:
        return observations["latent"][:, :, None]

    def asked(self, latents: Tensor) -> Tensor:
        return torch.tensor([0.0, 0.0, 0.0, 3.0]).expand_as(latents)

    def rollout(self, context: Context, actions: Tensor) -> Rollout:
        self.contexts.append(context)
        places = context.latents[:, None, None, -1, 0, 0] + actions[..., 0].cumsum(2)
        cue = torch.zeros(len(actions)) if context.recalled is None else self.believed(context.recalled)
        right = torch.sign(places) * cue[:, None, None]
        out = (places.abs() >= 1).cummax(2).values
        stays = torch.stack((places, 0 * places, 0 * places, 0 * places), -1)
        ends = torch.where(right[..., None] > 0, OUT, -OUT)
        return Rollout(torch.where(out[..., None], ends, stays)[..., None, :])

    def believed(self, recalled) -> Tensor:
        cues, shown = recalled.latents[..., 0, 1], recalled.latents[..., 0, 3] > 0
        newest = recalled.ages.masked_fill(~(shown & recalled.distances.isfinite()), torch.inf).argmin(1)
        return cues[torch.arange(len(cues)), newest]


def seen(cue: float = 0.0) -> dict[str, Tensor]:
    return {"latent": torch.tensor([[0.0, cue, 0.0, abs(cue)]])}


def rested(memory: EpisodicMemory | None, cue: float, wait: int = 300) -> Agent:
    """An agent that saw a cue, and then nothing for long."""
    search = MPPIConfig(candidates=64, rounds=3)
    config = AgentConfig(horizon=3, warm=search, cold=search)
    agent = Agent(Fork(), GoalEnergy("last"), Thresholds(hold=0.01, surprise=1.0), config, 0, memory)
    agent.clock = lambda: 1e6
    agent.begin({"latent": OUT[None]})
    agent.rest(seen(cue), 2)
    agent.clock = lambda: 1e6 + 2
    agent.rest(seen(), wait)
    agent.clock = lambda: 1e6 + 2 + wait
    return agent


def test_what_was_seen_before_a_long_rest_decides(tmp_path):
    for cue in (-1.0, 1.0):
        with EpisodicMemory.open(tmp_path / f"{cue}.db", PRINT) as memory:
            memory.write([Moment(torch.tensor([[0.0, -cue, 0.0, 1.0]]), "another day", 5e5)])
            agent = rested(memory, cue)
            assert len(memory) == 303
            plan = agent.act(seen()).plan.actions[0, :, 0].cumsum(0)
            assert (cue * plan).max() >= 1
            assert (cue * plan).min() > -1
            recalled = agent.model.contexts[-1].recalled
            assert {301.0, 302.0, 500302.0} <= set(recalled.ages[0].tolist())


def test_without_a_memory_it_cannot_be_told():
    plans = [rested(None, cue).act(seen()).plan.actions for cue in (-1.0, 1.0)]
    assert plans[0].equal(plans[1])


def test_every_moment_of_a_rest_is_written_with_its_time(tmp_path):
    with EpisodicMemory.open(tmp_path / "rest.db", PRINT) as memory:
        agent = rested(memory, 1.0, wait=4500)
        kept = memory.recent(4502)
        assert [each.moment.time for each in kept] == [1e6 + step for step in range(4502)]
        assert all(each.moment.action.equal(torch.zeros(1)) for each in kept)
        with pytest.raises(BadInput, match="at least 1"):
            agent.rest(seen(), 0)


def test_memories_come_with_how_long_ago_and_how_far_one_has_come_since(tmp_path):
    with EpisodicMemory.open(tmp_path / "one.db", PRINT) as memory:
        (old,) = memory.write([Moment(torch.ones(1, 4), "another run", 10.0)])
        reckoning, model = Reckoning(2, 1), Fork()
        for step in range(3):
            ids = memory.write([Moment(torch.full((1, 4), 2.0 + row), f"{row}", 20.0 + step) for row in range(2)])
            reckoning.note(ids)
            reckoning.move(torch.tensor([[1.0], [-2.0]]) if step != 1 else torch.zeros(2, 1))
        assert reckoning.since(old, 0).isnan().all()
        assert [reckoning.since(ids[0] - 2 * back, 0).item() for back in (0, 1, 2)] == [1.0, 1.0, 2.0]
        assert [reckoning.since(ids[1] - 2 * back, 1).item() for back in (0, 1, 2)] == [-2.0, -2.0, -4.0]
        assert reckoning.since(ids[1], 0).isnan().all()  # seen by the other
        found = recollected(model, memory, torch.zeros(2, 1, 4), reckoning, now=30.0)
        assert found.latents.shape == (2, 4, 1, 4)
        assert (found.ages[:, :1] >= 8).all()
        few = EpisodicMemory.open(tmp_path / "few.db", PRINT)
        few.write([Moment(torch.ones(1, 4), "only", 29.0)])
        found = recollected(model, few, torch.zeros(2, 1, 4), reckoning, now=30.0)
        assert found.distances.isinf().tolist() == [[False, True, True, True]] * 2
        assert found.ages[:, 0].tolist() == [1.0, 1.0]
        few.close()
        assert recollected(model, None, torch.zeros(2, 1, 4), reckoning, now=30.0) is None


def test_a_model_that_asks_for_nothing_is_given_nothing(tmp_path):
    with EpisodicMemory.open(tmp_path / "one.db", PRINT) as memory:
        memory.write([Moment(torch.ones(1, 4), "a", 1.0)])
        model = Fork()
        model.asked = lambda latents: None
        assert recollected(model, memory, torch.zeros(1, 1, 4), Reckoning(1, 1), now=2.0) is None
