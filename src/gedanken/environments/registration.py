"""Our worlds in Gymnasium's registry: `gymnasium.make("gedanken/two-rooms-v1")`.

Importing `gedanken.environments` is enough; Gymnasium can also do it by itself, asked for
`gedanken.environments:gedanken/two-rooms-v1`.
"""

import gymnasium

IDS = {"gedanken/two-rooms-v1": "two_rooms_gym:TwoRooms"}


def register() -> None:
    """Enter our worlds in Gymnasium's registry; a second call changes nothing."""
    for id, place in IDS.items():
        if id not in gymnasium.registry:
            path = f"gedanken.environments.{place}"
            gymnasium.register(id, entry_point=f"{path}Env", vector_entry_point=f"{path}VectorEnv")
