"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
LINGER_SECONDS = 5.0

INTERNAL = "something went wrong in the server; its log says what"


class Problem(Exception):
    """An answer that is an error: its HTTP `status`, a sentence (`detail`), and a `kind` for the metrics."""

    def __init__(self, status: int, detail: str, *, kind: str = "request", headers: Mapping[str, str] | None = None):
        super().__init__(detail)
        self.status, self.detail, self.kind, self.headers = status, detail, kind, dict(headers or {})

    def response(self) -> Response:
        """The error as an HTTP response."""
        return problem_response(self.status, self.detail, self.headers)


class Unread(Problem):
    """A refusal while the client may still be sending: the connection ends with it."""

    def response(self) -> Response:
        """The error as an HTTP response."""
        return problem_response(self.status, self.detail, self.headers, cls=_Lingering)


def problem_response(
    status: int, detail: str, headers: Mapping[str, str] | None = None, *, cls: type[Response] = Response, **more: Any
) -> Response:
    """An error as an HTTP response; `more` goes into its object."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | more
    content = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return cls(content, status, dict(headers or {}), MEDIA_TYPE)


class _Lingering(Response):
    """Answers, then goes on reading for a while before the connection is closed.

    A client that is closed on while it writes sees a broken connection, and never reads why.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_unfinished(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await super().__call__(scope, receive, send_unfinished)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
