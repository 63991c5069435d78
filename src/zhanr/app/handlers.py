"""Every error as a problem, and HEAD as GET: the same for the API and for what the pages fetch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhanr.app.engine import Busy, Unavailable
from zhanr.app.metrics import Metrics
from zhanr.app.problems import INTERNAL, Problem, Unread, problem_response
from zhanr.errors import AudioError, ConfigError, LibraryError

log = logging.getLogger("zhanr.app")


def install_handlers(app: FastAPI, metrics: Metrics, error_page: Callable[[Problem], Response] | None = None) -> None:
    """Let an application answer all errors with problem+json, and count them by kind.

    A browser that asks for a page, and not a script of one, gets the `error_page` instead, where there is one.
    """

    def problem(request: Request, error: Exception) -> Response:
        found = as_problem(error)
        metrics.failed(found.kind)
        if error_page and "text/html" in request.headers.get("accept", ""):
            return error_page(found)
        return found.response()

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        metrics.failed("request")
        errors = [{"where": [str(part) for part in e["loc"]], "what": e["msg"]} for e in error.errors()]
        return problem_response(422, "the request is not as the description says", errors=errors)

    for kind in (Problem, Busy, Unavailable, AudioError, LibraryError, ConfigError, HTTPException, Exception):
        app.add_exception_handler(kind, problem)
    app.add_exception_handler(RequestValidationError, invalid)


def as_problem(error: Exception) -> Problem:
    """What a client is told of an error."""
    match error:
        case Problem():
            return error
        case Busy():
            return Unread(429, str(error), kind="busy", headers={"Retry-After": str(error.retry_after)})
        case Unavailable():
            return Problem(503, str(error), kind="unavailable", headers={"Retry-After": "5"})
        case AudioError():
            return Problem(422, error.reason, kind="audio")
        case LibraryError():
            return Problem(404, error.reason, kind="library")
        case ConfigError():
            return Problem(409, str(error), kind="library")
        case HTTPException():
            return Problem(error.status_code, error.detail, headers=error.headers)
    log.error("an unexpected error", exc_info=error)
    return Problem(500, INTERNAL, kind="internal")


class HeadAsGet:
    """ASGI middleware: HEAD is answered as GET is, without the body, which the server's own routes need not know."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on as a GET, and drop the body of what comes back."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
