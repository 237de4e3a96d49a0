"""What was seen, kept for later.

In: latents `[B, P, D]` and the actions `[B, A]` that led to them. Out: a `Context`, the start of a prediction.
Open `recent.py`: the working memory of the last few moments.
"""

from gedanken.memory.recent import RecentLatents

__all__ = ["RecentLatents"]
