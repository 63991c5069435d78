"""Numbers for a monitor, in Prometheus' text format."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhanr.app.engine import Engine

__all__ = ["CONTENT_TYPE", "Measured", "Metrics"]


class Metrics:
    """The application's numbers, in a registry of their own."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter("zhanr_requests", "Requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "zhanr_request_seconds",
            "Seconds from a request to its answer",
            ["path"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
            registry=registry,
        )
        self.answers = Counter("zhanr_answers", "Songs classified, by genre", ["genre"], registry=registry)
        self.errors = Counter("zhanr_errors", "Requests and songs refused, by kind", ["kind"], registry=registry)
        waiting = Gauge("zhanr_queue_length", "Songs that wait", registry=registry)
        waiting.set_function(lambda: engine.waiting)
        running = Gauge("zhanr_songs_running", "Songs that are being analysed", registry=registry)
        running.set_function(lambda: engine.running)

    def answered(self, genre: str | None) -> None:
        """Count a song that was classified."""
        self.answers.labels(genre or "not sure").inc()

    def failed(self, kind: str) -> None:
        """Count something that was refused."""
        self.errors.labels(kind).inc()

    def text(self) -> bytes:
        """All numbers."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that counts requests and measures how long they take."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, and look at the clock."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.monotonic(), 500

        async def send_and_look(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")  # never what the client wrote: that would be endless
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.monotonic() - begin)
