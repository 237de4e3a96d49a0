"""Nothing that is judged by was trained on: whole episodes apart, or blocks of a single one with a gap between."""

import numpy as np
import pytest

from gedanken.errors import BadInput
from gedanken.recipes import split_for
from point_mass import mass_episodes, mass_recipe


@pytest.mark.parametrize(("count", "held"), [(2, 1), (4, 1), (20, 4), (100, 16), (600, 30)])
def test_whole_episodes_are_held_out(count, held):
    episodes = mass_episodes(2) * (count // 2)
    split = split_for(episodes, mass_recipe())
    assert len(split.held_out) == held
    assert sorted([*split.training, *split.held_out]) == list(range(count))
    assert split.told == f"{held} of {count} episodes are held out."


def test_one_episode_is_cut_into_blocks_of_time():
    (episode,) = mass_episodes(1, steps=499)
    episode.streams["place"][:, 0] = np.arange(500)
    split = split_for([episode], mass_recipe())
    training, held_out = (
        [each.streams["place"] for each in split.part(part)] for part in (split.training, split.held_out)
    )
    seen, judged = np.concatenate(training).ravel(), np.concatenate(held_out).ravel()
    assert not set(seen) & set(judged)
    assert len(judged) == 100
    assert np.abs(seen[:, None] - judged).min() > 1  # a gap of one model step
    assert min(map(len, held_out)) >= 5
    again = split_for([episode], mass_recipe())
    assert (again.training, again.held_out) == (split.training, split.held_out)


def test_one_episode_too_short_to_be_cut_is_refused():
    with pytest.raises(BadInput, match="one episode of 21 frames cannot be cut"):
        split_for(mass_episodes(1, steps=20), mass_recipe())
