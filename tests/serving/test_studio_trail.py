"""What is looked back at: a trail imagines what was done, its surprise is the model's, and its cause is where it was made."""

import pytest
import torch
from served import WORLD, quick_model, tasks

import gedanken
from gedanken.errors import BadInput
from gedanken.serving import thoughts
from gedanken.serving.studio import trail as trails
from gedanken.serving.studio.cause import CELLS, causes
from gedanken.serving.studio.known import known_of_world
from gedanken.serving.studio.scene import Simulated, places_of, recorded
from gedanken.serving.studio.trail import Trail
from gedanken.serving.studio.watched import watched
from gedanken.types import ActionSpec, Context, Episode


@pytest.fixture(scope="module")
def loaded():
    return gedanken.load(quick_model())


@pytest.fixture(scope="module")
def simulated():
    start, goal = tasks(1, seed=1)
    return Simulated(WORLD, places_of(WORLD), start, goal)


@pytest.fixture(scope="module")
def known(loaded, simulated):
    return known_of_world(loaded, WORLD, simulated.places, simulated.state)


def walked(loaded, steps: int = 5) -> Trail:
    """A trail of one action, and where it was at each moment."""
    state, _ = tasks(1, seed=1)
    made, action = Trail(loaded), torch.tensor([[0.0, 1.2]])
    made.add(WORLD.observe(state), thoughts.encoded(loaded, WORLD.observe(state)), None)
    for _ in range(steps):
        for _ in range(4):
            state = WORLD.step(state, action)
        made.add(WORLD.observe(state), thoughts.encoded(loaded, WORLD.observe(state)), action[0].repeat(4))
    return made


def test_what_a_trail_imagines_is_the_models_rollout_of_what_was_done(loaded):
    trail = walked(loaded)
    actions = torch.stack(trail.actions[1:4])[None, None]
    own = loaded.model.rollout(Context(trail.latents[1][None, None], torch.zeros(1, 0, 8)), actions).latents[0, 0]
    torch.testing.assert_close(trail.imagined(1, 3), own)
    assert len(trail.imagined(3, 9)) == 2  # the trail ends
    with pytest.raises(BadInput, match="nothing after"):
        trail.imagined(5, 1)


def test_surprise_is_the_one_that_http_tells_and_rises_where_the_dot_is_moved(loaded):
    trail = walked(loaded)
    moments = trail.latents[:]
    own = thoughts.surprise(loaded, moments, [each[:2].tolist() for each in trail.actions])
    found = trail.surprises(0, 6)
    assert found[0] is None
    assert found[1:] == pytest.approx(own.tolist(), rel=1e-4)
    elsewhere = WORLD.observe(tasks(1, seed=9)[0])
    at = trail.add(elsewhere, thoughts.encoded(loaded, elsewhere), torch.zeros(8))
    assert trail.surprises(at, at + 1)[0] > 10 * max(found[1:])


def test_nothing_is_expected_across_a_reset(loaded):
    trail = walked(loaded)
    trail.breaks = {3}
    assert [each is None for each in trail.surprises(0, 6)] == [True, False, False, True, False, False]
    assert len(trail.imagined(1, 9)) == 1


def test_a_long_trail_forgets_its_oldest_moments(loaded, monkeypatch):
    monkeypatch.setattr(trails, "MOST", 4)
    trail = walked(loaded, 6)
    assert (len(trail), trail.forgotten, len(trail.seen), len(trail.actions)) == (7, 3, 4, 3)
    assert trail.surprises(6, 7)[0] == pytest.approx(walked(loaded, 5).surprises(5, 6)[0], rel=2)
    with pytest.raises(BadInput, match="no moment 2"):
        trail.latent(2)


def test_places_are_read_off_latents_to_what_is_told(loaded, known, simulated):
    state = WORLD.sample(100, torch.Generator().manual_seed(3))
    latents = loaded.model.encode({"pixels": WORLD.observe(state)["pixels"][:, None]})[:, 0]
    off = (known.read(latents) - simulated.places.of(state)).norm(dim=-1)
    assert known.off is not None
    assert off.median() < 1.6 * known.off < 1.6 * 0.5 / 64
    one = known.nearest(latents[:1])[0]
    assert (known.places[one] - simulated.places.of(state)[0]).norm() < 2.5 / 64


def test_the_cause_lies_where_the_dot_was_moved_to_or_from(loaded, known, simulated):
    trail = walked(loaded)
    moved = simulated.places.at(simulated.state, torch.tensor([[0.8, 0.8]]))
    seen = WORLD.observe(moved)
    expected = trail.latents[0]
    shares = causes(loaded, seen, expected, known.frames[known.nearest(expected[None])[0]])
    assert shares.shape == (CELLS, CELLS)
    row, column = divmod(int(shares.argmax()), CELLS)
    before = simulated.places.of(tasks(1, seed=1)[0])[0]
    middle = torch.tensor([(column + 0.5) / CELLS, (row + 0.5) / CELLS])
    near = [(middle - place).abs().max() < 0.2 for place in (before, torch.tensor([0.8, 0.8]))]
    assert any(near)
    assert shares.max() > 0.2


def test_an_agent_that_is_watched_decides_as_one_that_is_not(loaded):
    start, goal = tasks(1, seed=4)
    agent, rounds = loaded.agent(3), []
    other = loaded.agent(3)
    other.energy = watched(other.energy, rounds.append)
    for each in (agent, other):
        each.begin(WORLD.observe(goal))
    one, two = agent.act(WORLD.observe(start)), other.act(WORLD.observe(start))
    assert torch.equal(one.plan.actions, two.plan.actions)
    assert len(rounds) == loaded.recipe.agent.cold.rounds
    assert rounds[-1].energies[0] == two.plan.energy[0]
    assert rounds[0].ranks[0] == 0
    assert bool((rounds[0].energies.diff() >= 0).all())


def test_an_episode_is_read_on_the_models_clock(loaded):
    state, _ = tasks(1)
    action, states = torch.tensor([[0.3, 0.4]]), [state]
    for _ in range(13):
        states.append(WORLD.step(states[-1], action))
    pixels = torch.cat([WORLD.observe(each)["pixels"] for each in states]).numpy()
    spec: ActionSpec = WORLD.action
    episode = Episode({"pixels": pixels}, action.expand(13, 2).numpy(), WORLD.streams, spec, resets=(0, 5))
    seen, actions, breaks, cut = recorded(loaded, [episode], 0)
    assert (len(seen), len(actions), breaks, cut) == (4, 3, {2}, False)
    assert torch.equal(seen[2]["pixels"][0], torch.from_numpy(pixels[8]))
    with pytest.raises(BadInput, match="no episode 1"):
        recorded(loaded, [episode], 1)
