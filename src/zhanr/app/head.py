"""The head of a request, first line and headers: bounded in size, number and time before anything else is looked at.

uvicorn waits for a head as long as a client likes, and h11 bounds only what it can't parse yet: a head that comes in
one piece may be of any size. So both are limited here, for every client, whether or not it knows the token.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from zhanr.app.problems import problem_response

HEAD_BYTES = 32_768  # browsers send about 1 kB, and cookies of other servers on this computer come along
HEAD_LINES = 100  # headers; browsers send about 20
LINGER_SECONDS = 2.0  # in which a client that still writes may read why it was refused
SENTENCES = {
    400: "that is no request of HTTP/1.1",
    408: "the request's head took too long to come",
    431: f"a request's head may have {HEAD_BYTES} bytes and {HEAD_LINES} headers",
}


def head_protocol(seconds: float, refused: Callable[[str], None]) -> type[H11Protocol]:
    """The protocol for uvicorn's `http=`.

    `seconds` are those that a client has from its connection, or from the last response, until its next request's head
    is complete; `refused` is told the kind of a refusal.
    """

    class Configured(_HeadProtocol):
        head_seconds = seconds
        tell = staticmethod(refused)

    return Configured


class _Connection(h11.Connection):
    """Looks at a head before h11 takes it apart, and takes no body of two lengths."""

    def next_event(self) -> Any:
        """As h11's; raises `h11.RemoteProtocolError`, with status 431 where a head is too large."""
        if self.their_state is h11.IDLE:
            head, _, _ = self.trailing_data[0].replace(b"\r\n", b"\n").partition(b"\n\n")
            if len(head) > HEAD_BYTES or head.count(b"\n") > HEAD_LINES:
                raise h11.RemoteProtocolError("the head is too large", 431)
        event = super().next_event()
        if isinstance(event, h11.Request) and {b"content-length", b"transfer-encoding"} <= dict(event.headers).keys():
            raise h11.RemoteProtocolError("two lengths: a proxy might believe the other one")
        return event


class _HeadProtocol(H11Protocol):
    head_seconds: float
    tell: Callable[[str], None]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = _Connection(h11.SERVER, HEAD_BYTES)
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False  # refused, and only waiting for the client to read that

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        if not self._is_over:
            super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        self._set_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._set_timer()

    def _set_timer(self) -> None:
        """It runs while the server has nothing to do but wait for a head, or for the rest of an answered request."""
        if self._is_over or self.transport.is_closing() or not (self.cycle is None or self.cycle.response_complete):
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse(408)
        else:  # nothing was asked, or it was answered already
            self.transport.close()

    def _should_upgrade(self) -> bool:
        return False  # to no websocket, and without uvicorn's advice to install some

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the sentences here are better
        """Called by uvicorn where h11 has found a fault."""
        fault = sys.exc_info()[1]
        status = fault.error_status_hint if isinstance(fault, h11.RemoteProtocolError) else 400
        self._refuse(status if status in SENTENCES else 400)

    def _refuse(self, status: int) -> None:
        """Answer and hang up; a moment later, for whoever is cut off while it writes never reads why."""
        self.tell("head")
        self._is_over = True
        self._stop_timer()
        if self.cycle is not None:  # whoever still reads this request's body, or answers it, stops
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = problem_response(status, SENTENCES[status])
            headers = [*response.raw_headers, (b"connection", b"close")]
            start = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase)
            for event in (start, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.loop.call_later(LINGER_SECONDS, self.transport.close)
