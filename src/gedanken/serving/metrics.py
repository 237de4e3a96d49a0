"""What the server counts, in Prometheus' text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gedanken.serving.stream.messages import Thought

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12)


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gedanken_requests", "Requests, by door and outcome.", ("door", "outcome"), registry=self.registry
        )
        self.connections = Gauge("gedanken_connections", "Robots connected.", registry=self.registry)
        self.planning = Histogram(
            "gedanken_planning_seconds", "Planning of a batch.", buckets=_SECONDS, registry=self.registry
        )
        self.together = Histogram(
            "gedanken_batch_requests",
            "Requests planned in one batch.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        self.cut = Counter("gedanken_searches_cut", "Searches that a deadline ended.", registry=self.registry)

    def planned(self, thought: Thought) -> None:
        """Count one answer."""
        self.planning.observe(thought.planning)
        self.together.observe(thought.together)
        if bool(thought.decision.cut):
            self.cut.inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
