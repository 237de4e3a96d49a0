from importlib.metadata import EntryPoint

import pytest

from gedanken.errors import UnknownName
from gedanken.planners import registry
from gedanken.planners.cem import CEMConfig, cem
from gedanken.planners.registry import PLANNERS, planner_named

theirs = (cem, CEMConfig)


def test_every_planner_is_found_with_a_config_that_works_untouched():
    assert set(PLANNERS) == {"cem", "mppi", "random-shooting"}
    for name in PLANNERS:
        plan, config = planner_named(name)
        assert callable(plan)
        config()


def test_an_unknown_name_lists_what_there_is_and_suggests_the_nearest():
    with pytest.raises(UnknownName, match=r"no planner 'mpi'; there are cem, mppi, random-shooting.* 'mppi'"):
        planner_named("mpi")


def test_others_planners_are_found_by_entry_point_and_do_not_replace_ours(monkeypatch):
    def installed(group):
        assert group == "gedanken.planners"
        return [EntryPoint(name, f"{__name__}:theirs", group) for name in ("theirs", "mppi")]

    monkeypatch.setattr(registry, "entry_points", installed)
    assert planner_named("theirs").plan is cem
    assert planner_named("theirs").config is CEMConfig
    assert planner_named("mppi").plan is not cem
    with pytest.raises(UnknownName, match="theirs"):
        planner_named("nobodys")
