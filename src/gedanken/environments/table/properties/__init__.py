"""The ten properties, each a function that draws a scene in its two contexts.

| property | context A / B | outcome 1 / 2 |
|---|---|---|
| support | the table reaches under what is pushed / ends before its middle | stays / falls |
| gravity | let go above a shelf / above nothing | stays / falls |
| solidity | a wall in the way / none | comes back / passes |
| permanence | a thing stands there / has left | there / not there |
| continuity | went behind the left curtain / the right one | is on the left / on the right |
| shape | one shape / another | the one / the other |
| colour | one colour / another | the one / the other |
| breakage | a glass falls far / a little way | in pieces / whole |
| containment | a cup put over a ball / beside it | the ball came along / did not |
| inertia | moves towards a thing at rest / away from it | that is struck and moves / the mover comes out |
"""

from collections.abc import Callable, Mapping

from gedanken.environments.table.properties.fall import breakage, gravity, support
from gedanken.environments.table.properties.hide import colour, continuity, permanence, shape
from gedanken.environments.table.properties.meet import containment, inertia, solidity
from gedanken.environments.table.scene import Scene
from gedanken.environments.table.splits import Draw

PROPERTIES: Mapping[str, Callable[[Draw], Scene]] = {
    each.__name__: each
    for each in (
        support,
        gravity,
        solidity,
        permanence,
        continuity,
        shape,
        colour,
        breakage,
        containment,
        inertia,
    )
}

__all__ = ["PROPERTIES"]
