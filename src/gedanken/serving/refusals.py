"""Whatever goes wrong over HTTP ends in a status and one sentence, never in a traceback."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gedanken.errors import GedankenError, Refused
from gedanken.serving.metrics import Metrics

_log = logging.getLogger(__name__)


def say_in_sentences(app: FastAPI, metrics: Metrics) -> None:
    """Let every error of `app` end in `{"error": sentence}`, and count it."""

    def told(status: int, sentence: str) -> JSONResponse:
        metrics.requests.labels("http", "failed" if status >= 500 else "refused").inc()
        return JSONResponse({"error": sentence}, status_code=status)

    @app.exception_handler(GedankenError)
    async def ours(_: Request, error: GedankenError) -> JSONResponse:
        return told(503 if isinstance(error, Refused) else 400, str(error))

    @app.exception_handler(RequestValidationError)
    async def misfit(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])[:120]
        return told(422, f"{where} does not fit: {first['msg'][:200]}; /docs shows what is expected.")

    @app.exception_handler(HTTPException)
    async def nothing_there(request: Request, error: HTTPException) -> JSONResponse:
        sentence = f"{request.method} {request.url.path[:120]}: {error.detail}; /docs shows what there is."
        return told(error.status_code, sentence)

    @app.exception_handler(Exception)
    async def a_mistake(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return told(500, "the server failed at this request, which is our mistake; its log says where.")
