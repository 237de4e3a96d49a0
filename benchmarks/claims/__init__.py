"""What we claim, each with the command that makes it again: `gedanken reproduce <claim>`, run in a clone of the repository.

In: nothing but code, and the manifests of start and goal pairs. Out: an entry of the ledger, `benchmarks/results/<claim>.json`,
from which the README's table and docs/claims.md are generated (`python benchmarks/table.py`).
Open `claim.py` first, then `two_rooms.py` for a whole claim; `ledger.py` is the file format.
"""

from claims.cascaded_tanks import CascadedTanksClaim
from claims.claim import Claim, Quick, estimate, reproduce
from claims.ddp_equal import DDPEqualClaim
from claims.doctors_eye import DoctorClaim
from claims.donkey_drive import DonkeyDriveClaim
from claims.double_pendulum import DoublePendulumClaim
from claims.energy_terms import EnergyTermsClaim
from claims.false_alarms import FalseAlarmsClaim
from claims.fuzz import FuzzClaim
from claims.kills import KillsClaim
from claims.ledger import Entry, at_least, at_most, read_entry, read_ledger, write_entry
from claims.long_ways import LongWaysClaim
from claims.loss_terms import LossTermsClaim
from claims.memory_kills import MemoryKillsClaim
from claims.methods import MethodsClaim
from claims.physics_leakage import PhysicsLeakageClaim
from claims.physics_table import PhysicsTableClaim
from claims.plan_as_good import PlanAsGoodClaim
from claims.plan_default import PlanDefaultClaim
from claims.plan_lewm import PlanLeWMClaim
from claims.plan_scaling import PlanScalingClaim
from claims.planners import PlannersClaim
from claims.recall import RecallClaim
from claims.serving import ServeOpenpiClaim, ServeSoakClaim
from claims.t_maze import TMazeClaim
from claims.train_step import TrainStepClaim
from claims.two_rooms import TwoRoomsClaim
from claims.windows import WindowsClaim
from claims.worlds import WorldsClaim
from gedanken.recipes import bundled_model, two_rooms_demo, two_rooms_fixed, two_rooms_random_wall
from gedanken.recipes.long_ways import four_rooms, maze

_DEMO = TwoRoomsClaim(
    name="two-rooms-demo",
    wall="fixed",
    make=two_rooms_demo,
    seeds=range(5),
    bar=at_least(median=0.94, worst=0.88),
    training_seconds=100,
    checkpoint=bundled_model(),
)
_FIXED = TwoRoomsClaim(
    name="two-rooms-fixed",
    wall="fixed",
    make=two_rooms_fixed,
    seeds=range(3),
    bar=(
        *at_least(mean=0.98, worst=0.96),
        *at_most(**{"training core-seconds": 600, "planning core-seconds": 1.5}),
    ),
    training_seconds=370,
)
_RANDOM = TwoRoomsClaim(
    name="two-rooms-random-wall",
    wall="random",
    make=two_rooms_random_wall,
    seeds=range(3),
    bar=(
        *at_least(mean=0.975, worst=0.96),
        *at_most(**{"training core-seconds": 1800, "planning core-seconds": 1.5}),
    ),
    training_seconds=1600,
)

_FOUR_ROOMS = LongWaysClaim(
    name="four-rooms",
    make=four_rooms,
    pairs="four-rooms-v1-fixed",
    seeds=range(3),
    steps=200,
    bar=at_least(**{"auto-depth": 0.9, "compute": 3.0, "against flat": -0.02}),
    training_seconds=300,
    planning_seconds=1.0,
)
_MAZE = LongWaysClaim(
    name="maze",
    make=maze,
    pairs="maze-v1-13",
    seeds=range(3),
    steps=1600,
    bar=at_least(**{"far": 0.85, "compute": 3.0, "against flat": -0.02}),
    training_seconds=3000,
    planning_seconds=8.0,
)

_ALL: tuple[Claim, ...] = (
    _DEMO,
    _FIXED,
    _RANDOM,
    LossTermsClaim(_RANDOM),
    EnergyTermsClaim(_RANDOM),
    PlannersClaim((_FIXED, _RANDOM)),
    MethodsClaim(),
    PlanDefaultClaim(_DEMO),
    DoctorClaim(),
    DonkeyDriveClaim(),
    DoublePendulumClaim(),
    CascadedTanksClaim(),
    KillsClaim(),
    MemoryKillsClaim(),
    RecallClaim(),
    FuzzClaim(),
    DDPEqualClaim(),
    ServeOpenpiClaim(),
    ServeSoakClaim(),
    _FOUR_ROOMS,
    _MAZE,
    TMazeClaim(),
    WindowsClaim(),
    WorldsClaim(),
    PlanLeWMClaim(),
    PlanScalingClaim(),
    PlanAsGoodClaim(),
    TrainStepClaim(),
    PhysicsLeakageClaim(),
    PhysicsTableClaim(),
    FalseAlarmsClaim(),
)

CLAIMS: dict[str, Claim] = {claim.name: claim for claim in _ALL}

__all__ = [
    "CLAIMS",
    "Claim",
    "Entry",
    "Quick",
    "estimate",
    "read_entry",
    "read_ledger",
    "reproduce",
    "write_entry",
]
