from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Literal

import pytest

from gedanken.errors import BadInput, UnknownName
from gedanken.planners import registry
from gedanken.planners.cem import cem
from gedanken.planners.mppi import MPPIConfig, mppi
from gedanken.planners.registry import PLANNERS, PlannerConfig, planner_named, planner_of


@dataclass(frozen=True)
class TheirConfig:
    kind: Literal["theirs", "mppi", "nobodys"] = "theirs"
    candidates: int = 4


theirs = (cem, TheirConfig)


def test_every_planner_is_found_with_a_config_that_works_untouched():
    assert set(PLANNERS) == {"cem", "gradient", "icem", "mppi", "random-shooting"}
    for name in PLANNERS:
        plan, config = planner_named(name)
        assert callable(plan)
        assert isinstance(config(), PlannerConfig)
        assert planner_of(config()) == (plan, config)
    assert planner_of(MPPIConfig()).plan is mppi


def test_an_unknown_name_lists_what_there_is_and_suggests_the_nearest():
    with pytest.raises(
        UnknownName, match=r"no planner 'mpi'; there are cem, gradient, icem, mppi, random-shooting.* 'mppi'"
    ):
        planner_named("mpi")


def test_others_planners_are_found_by_entry_point_and_do_not_replace_ours(monkeypatch):
    def installed(group):
        assert group == "gedanken.planners"
        return [EntryPoint(name, f"{__name__}:theirs", group) for name in ("theirs", "mppi")]

    monkeypatch.setattr(registry, "entry_points", installed)
    assert planner_named("theirs").plan is cem
    assert planner_named("theirs").config is TheirConfig
    assert planner_of(TheirConfig()).plan is cem
    assert planner_named("mppi").plan is not cem
    with pytest.raises(UnknownName, match="theirs"):
        planner_named("nobodys")
    with pytest.raises(UnknownName, match="no planner 'nobodys'"):
        planner_of(TheirConfig("nobodys"))
    with pytest.raises(BadInput, match="a TheirConfig says it is of kind 'mppi', which is configured by MPPIConfig"):
        planner_of(TheirConfig("mppi"))


def test_what_configures_no_planner_is_refused():
    with pytest.raises(BadInput, match="a dict configures no planner; expected a dataclass with the fields `kind`"):
        getattr(planner_of, "__wrapped__", planner_of)(
            {"kind": "mppi"}
        )  # past the type checks that only the tests have
