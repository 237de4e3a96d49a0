"""A model as a service: a robot's policy, a program's oracle, an agent's tools.

In: observations and goals, as arrays over a WebSocket or JSON over HTTP. Out: actions, and what was thought on the way.
Open `engine.py` first, the one thread that thinks. `stream/` is the policy server for robots; `door.py` decides who may come
in and how much they may bring.
"""

from gedanken.serving.stream.client import PolicyClient

__all__ = ["PolicyClient"]
