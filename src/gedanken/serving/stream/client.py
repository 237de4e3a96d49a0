"""The other end of the policy server: five lines make a robot of any program.

It is what openpi's client is, for NumPy 2 as well; either can talk to the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from gedanken.errors import BadInput, Refused
from gedanken.serving.packages import needed
from gedanken.serving.stream.wire import packed, unpacked

_LARGEST = 2**28


class PolicyClient:
    """A connection to a policy server, to be used in a `with`.

    Args:
        address: such as `ws://127.0.0.1:8000`.
        token: where the server asks for one.
        seconds: to wait for the connection and for each answer.
    Raises:
        Refused: the server does not let us in, or there is none.
    """

    def __init__(self, address: str, token: str | None = None, seconds: float = 60.0) -> None:
        connect = needed("websockets.sync.client", "serve").connect
        refusals = needed("websockets.exceptions", "serve")
        self._open = ExitStack()
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._closed, self._seconds = refusals.ConnectionClosed, seconds
        try:
            options = {"compression": None, "max_size": _LARGEST, "open_timeout": seconds, "proxy": None}
            # Entered here and left in `close`: newer versions connect only when they are entered.
            self._socket = self._open.enter_context(connect(address, additional_headers=headers, **options))
        except refusals.InvalidStatus as error:
            raise Refused(f"{address} refused us: {error.response.body.decode(errors='replace')}") from error
        except (OSError, refusals.WebSocketException) as error:
            raise Refused(
                f"there is no policy server at {address} ({error}); start one with gedanken serve."
            ) from error
        self.greeting = self._answer()

    def infer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to one request, see `gedanken.serving.stream.messages`.

        Raises:
            BadInput: the server names what is wrong with it.
            Refused: the connection has ended.
        """
        try:
            self._socket.send(packed(request))
        except self._closed as error:
            raise Refused(f"the server has ended the connection ({error}).") from error
        return self._answer()

    def close(self) -> None:
        """End the connection."""
        self._open.close()

    def __enter__(self) -> PolicyClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        try:
            answer = self._socket.recv(timeout=self._seconds)
        except TimeoutError as error:
            raise Refused(f"no answer came within {self._seconds:g} s.") from error
        except self._closed as error:
            raise Refused(f"the server has ended the connection ({error}).") from error
        if isinstance(answer, str):
            raise BadInput(answer)
        return unpacked(answer, _LARGEST)
