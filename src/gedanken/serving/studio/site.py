"""The page itself: files built from `studio/` beforehand and read once, with a policy that lets it fetch from nowhere else.

The files say nothing about anyone's model, so they need no token; everything the page asks for afterwards does. A browser cannot
send a header with a WebSocket or a frame, so a token is exchanged for a cookie that scripts cannot read, other sites cannot send
and from which the token cannot be told.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Response

from gedanken.errors import StorageError
from gedanken.serving.door import COOKIE, Door

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/studio.js": ("studio.js", "text/javascript; charset=utf-8"),
    "/studio.css": ("studio.css", "text/css; charset=utf-8"),
    "/studio.svg": ("studio.svg", "image/svg+xml"),
}
PUBLIC = frozenset(_FILES)
"""Paths of the page itself, which anyone may fetch."""


def site_routes(door: Door) -> APIRouter:
    """The page's files, and the way in for who has the token.

    Raises:
        StorageError: the files were not built.
    """
    router = APIRouter(include_in_schema=False)
    for path, (name, kind) in _FILES.items():
        router.add_api_route(path, _file(name, kind), methods=["GET"])

    @router.post("/studio/enter", status_code=204)
    async def enter(response: Response) -> None:
        """Whoever gets here has shown the token."""
        if door.pass_ is not None:
            response.set_cookie(COOKIE, door.pass_, httponly=True, samesite="strict", path="/")

    return router


def _file(name: str, kind: str) -> Any:
    try:
        data = files("gedanken.serving.studio").joinpath("page", name).read_bytes()
    except OSError as error:
        raise StorageError(
            f"the studio's page is not there ({name}); build it with `npm run build` in studio/."
        ) from error
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    async def file() -> Response:
        return Response(data, media_type=kind, headers=headers)

    return file
