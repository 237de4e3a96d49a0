"""Who may come in: everyone on this machine while the server listens on loopback; otherwise whoever has the token.

A browser brings every page it shows to the server's address, so loopback alone is no wall: a foreign page's origin is
refused, and so is, by its Host header, a name that was pointed at this machine after the page was loaded (DNS rebinding).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from gedanken.errors import BadInput, Refused

_SHORTEST = 16
COOKIE = "gedanken-token"
"""In which a browser shows that it has shown the token, since it cannot send a header with a WebSocket."""


@dataclass(frozen=True)
class Door:
    """What a client must show.

    Args:
        host: address the server listens on.
        digest: SHA-256 of the token; None where none is needed, which is on loopback only.
        origins: web pages from elsewhere that may come in, such as `http://robot.local:8000`.
    """

    host: str
    digest: bytes | None = None
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.digest is None and not on_loopback(self.host):
            raise BadInput(f"{self.host} can be reached from other machines, which needs a token; see Door.opened.")

    @staticmethod
    def opened(host: str, token: str | None = None, origins: tuple[str, ...] = ()) -> tuple[Door, str | None]:
        """A door on this address, and the token to be shown once: a new one where one is needed and none was given.

        Raises:
            BadInput: the token is too short to keep anyone out.
        """
        if token is None and on_loopback(host):
            return Door(host, None, origins), None
        made = secrets.token_urlsafe(24) if token is None else token
        if len(made) < _SHORTEST:
            raise BadInput(
                f"a token of {len(made)} characters can be guessed; give at least {_SHORTEST}, or none to get one."
            )
        return Door(host, _digest(made), origins), made if token is None else None

    def admit(self, headers: Mapping[str, str], public: bool = False) -> None:
        """Let a request in, told by its headers with names in small letters.

        Args:
            headers: of the request.
            public: it asks for something that needs no token, such as the studio's page before one was given.
        Raises:
            Refused: a foreign name, a foreign origin, or not the token.
        """
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.digest is None and not on_loopback(_name_of(host)):
            raise Refused(
                f"this server listens on this machine only, and was asked for as {host[:80]!r}; call it localhost."
            )
        if origin is not None and origin.partition("://")[2] != host and origin not in self.origins:
            raise Refused(
                f"a page from {origin[:80]!r} may not talk to this server; start it with --origin to allow that."
            )
        if self.digest is not None and not (public or self._known(headers)):
            raise Refused("the token is missing or wrong; send the header 'Authorization: Bearer <token>'.")

    @property
    def pass_(self) -> str | None:
        """What a browser keeps in place of the token, and from which the token cannot be told; None where none is needed."""
        return None if self.digest is None else sha256(b"pass" + self.digest).hexdigest()

    def _known(self, headers: Mapping[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if not scheme and self.pass_ is not None:
            return hmac.compare_digest(_digest(_cookie(headers.get("cookie", ""))), _digest(self.pass_))
        # Digests have one length, so that comparing takes the same time whatever was sent.
        same = hmac.compare_digest(_digest(token.strip()), self.digest or b"")
        return same and scheme.lower() in ("bearer", "api-key")


def on_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on this address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def inside(folder: Path, name: str, suffix: str) -> Path:
    """The file `name` + `suffix` in a folder.

    Raises:
        BadInput: there is no such file, or the name leads out of the folder, by dots or by a link.
    """
    if not name or name.startswith(".") or any(mark in name for mark in ("/", "\\", "\0", ":")):
        _unknown(folder, name, suffix)
    path = (folder / f"{name}{suffix}").resolve()
    if path.parent != folder.resolve() or not path.is_file():
        _unknown(folder, name, suffix)
    return path


def _unknown(folder: Path, name: str, suffix: str) -> NoReturn:
    there = ", ".join(sorted(path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}"))[:20]) or "none"
    raise BadInput(f"no {name[:60]!r} is served here; there are {there}.")


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _cookie(header: str) -> str:
    """The token among a browser's cookies, or ""."""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return next((value.strip('"') for name, _, value in pairs if name == COOKIE), "")


def _name_of(host: str) -> str:
    """`localhost` of `localhost:8000`, `::1` of `[::1]:8000`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host
