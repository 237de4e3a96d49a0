"""Our worlds in Gymnasium's registry: `gymnasium.make("gedanken/two-rooms-v1")`.

Importing `gedanken.environments` is enough; Gymnasium can also do it by itself, asked for
`gedanken.environments:gedanken/two-rooms-v1`.
"""

import gymnasium

from gedanken.environments.registry import WORLDS


def register() -> None:
    """Enter our worlds in Gymnasium's registry; a second call changes nothing."""
    for world in WORLDS:
        if (id := f"gedanken/{world}") not in gymnasium.registry:
            place = "gedanken.environments.dot_gym"
            gymnasium.register(
                id, entry_point=f"{place}:DotEnv", vector_entry_point=f"{place}:DotVectorEnv", kwargs={"world": world}
            )
