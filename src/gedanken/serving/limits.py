"""How much anyone may bring, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

from gedanken.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the server takes from one client and from all.

    Args:
        message_bytes: of one WebSocket message or one HTTP body.
        connections: open at once, of any kind.
        rate: requests a second from one connection (WebSocket: slowed down) or one address (HTTP: refused).
        burst: requests that may come at once before the rate counts.
        body_seconds: in which an HTTP body must have come.
        silent_seconds: in which a new connection must have asked for something.
        send_seconds: in which a client must take a reply off the line.
        ping_seconds: between two signs of life that a WebSocket is asked for; without an answer in as many it is closed.
    """

    message_bytes: int = 8 * 2**20
    connections: int = 256
    rate: float = 500.0
    burst: int = 500
    body_seconds: float = 10.0
    silent_seconds: float = 10.0
    send_seconds: float = 10.0
    ping_seconds: float = 20.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise BadInput(f"{name}={value} must be above 0.")


class Bucket:
    """Tokens that come back at a steady rate; each request takes one.

    Args:
        rate: tokens a second.
        burst: most tokens kept.
        now: seconds, on any clock that only goes forward.
    """

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate, self.burst, self.tokens, self.last = rate, burst, float(burst), now

    def wait(self, now: float) -> float:
        """Take a token; returns the seconds until it would have been there."""
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.rate) - 1
        self.last = now
        return max(0.0, -self.tokens / self.rate)

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        if self.wait(now) > 0:
            self.tokens += 1
            return False
        return True
