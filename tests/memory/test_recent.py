import pytest
import torch

from gedanken.errors import BadInput, ShapeError
from gedanken.memory.recent import RecentLatents

LATENTS = torch.randn(5, 2, 3, 4, generator=torch.Generator().manual_seed(0))  # moments, B, P, D
ACTIONS = torch.randn(5, 2, 6, generator=torch.Generator().manual_seed(1))  # action k leaves moment k


def written(length: int, moments: int) -> RecentLatents:
    memory = RecentLatents(length, action_width=6).write(LATENTS[0])
    for k in range(1, moments):
        memory = memory.write(LATENTS[k], ACTIONS[k - 1])
    return memory


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("moments", [1, 2, 3, 5])
def test_the_context_is_the_last_latents_and_the_actions_between_them(length, moments):
    memory = written(length, moments)
    first = max(0, moments - length)
    context = memory.context()
    assert len(memory) == moments - first
    assert context.latents.equal(LATENTS[first:moments].transpose(0, 1))
    assert context.actions.equal(ACTIONS[first : moments - 1].transpose(0, 1))
    assert context.actions.shape == (2, moments - first - 1, 6)


def test_writing_leaves_the_old_memory_as_it_was():
    before = written(3, 2)
    latents = before.context().latents.clone()
    before.write(LATENTS[2], ACTIONS[1])
    assert len(before) == 2
    assert before.context().latents.equal(latents)


def test_a_cleared_memory_starts_again():
    memory = written(3, 5).clear()
    assert len(memory) == 0
    assert memory == RecentLatents(3, action_width=6)
    assert memory.write(LATENTS[4]).context().latents.equal(LATENTS[4][:, None])


def test_an_empty_memory_has_no_context():
    with pytest.raises(BadInput, match="nothing was written yet"):
        RecentLatents(3, action_width=6).context()


def test_what_does_not_follow_is_refused():
    with pytest.raises(BadInput, match="leads from nowhere"):
        RecentLatents(3, action_width=6).write(LATENTS[0], ACTIONS[0])
    with pytest.raises(BadInput, match="what was done in between"):
        written(3, 2).write(LATENTS[2])
    with pytest.raises(ShapeError, match=r"expected \[B, P, D\]\."):
        RecentLatents(3, action_width=6).write(LATENTS[0, 0])
    with pytest.raises(ShapeError, match=r"\(2, 3, 4\).*\(2, 6\)"):
        written(3, 2).write(LATENTS[2, :1], ACTIONS[1, :1])
    with pytest.raises(ShapeError, match=r"action \(2, 5\)"):
        written(3, 2).write(LATENTS[2], ACTIONS[1, :, :5])
    with pytest.raises(BadInput, match="length=0"):
        RecentLatents(0, action_width=6)
