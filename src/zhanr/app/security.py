"""Who may ask: the checks before every request, and the headers on every answer.

- The `Host` must be a name of this server. A stranger's page whose own name suddenly points to this computer (DNS
  rebinding) sends its own name there.
- What a browser sends for another site's page is refused, by `Origin` and `Sec-Fetch-Site`. Links may lead here.
- Where a token is set, it must come along (`door.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhanr.app.door import Door
from zhanr.app.problems import Problem
from zhanr.app.settings import Settings, is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT = 1 << 20  # of requests that are no uploads
# Scripts, styles, sound and pictures of this server alone; no script or style in the markup, no markup from text.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HOST = re.compile(r"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(:\d{1,5})?")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware around everything.

    `upload_paths` are where large bodies may go, for they count themselves; `refused` is told the kind of a refusal.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        upload_paths: frozenset[str] = frozenset(),
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._refused = refused
        self._upload_paths = upload_paths
        self._door = Door(settings.token, settings.port) if settings.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":  # the server speaks no websocket
            await self._app(scope, receive, send)
            return
        if scope["path"] not in self._upload_paths:
            receive = _limited(receive, self._settings.stall_seconds)
        try:
            answer = await self._answer(scope, receive)
        except Problem as problem:
            self._refused(problem.kind)
            answer = problem.response()
        except HTTPException as error:  # of the form at the door
            self._refused("token")
            answer = Problem(error.status_code, error.detail).response()
        await (answer or self._app)(scope, receive, _with_headers(send))

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """None to let it pass, or the answer. Raises `Problem`."""
        request = _Asked.of(scope)
        self._check_host(request)
        self._check_origin(request)
        answer = await self._door.answer(scope, receive) if self._door else None
        if answer is not None and answer.status_code >= 400:
            self._refused("token")
        return answer

    def _check_host(self, request: _Asked) -> None:
        name = _host_name(request.host)
        settings = self._settings
        known = name in {settings.host.lower(), *settings.allowed_hosts}
        if known or is_loopback(name) or (not settings.is_local and _is_address(name)):
            return  # nobody's name but an address: what a stranger's page can't have
        raise Problem(421, f"this server is not {name or 'nameless'!r}", kind="host")

    def _check_origin(self, request: _Asked) -> None:
        """Refuse what another site's page has a browser send; programs send neither header."""
        if request.origin is not None and request.changes:
            parts = urlsplit(request.origin)
            if parts.scheme not in ("http", "https") or parts.netloc.lower() != request.host.lower():
                raise Problem(403, "requests from the pages of other sites are refused", kind="origin")
        foreign = request.site not in (None, "same-origin", "none")
        link = not request.changes and request.mode == "navigate"
        if foreign and not (link and request.destination in (None, "document")):
            raise Problem(403, "requests from the pages of other sites are refused", kind="origin")


@dataclass(frozen=True)
class _Asked:
    """What the checks look at."""

    host: str
    origin: str | None
    site: str | None
    mode: str | None
    destination: str | None
    changes: bool

    @classmethod
    def of(cls, scope: Scope) -> _Asked:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            raise Problem(400, "a request names its host once", kind="host")
        return cls(
            hosts[0],
            headers.get("origin"),
            headers.get("sec-fetch-site"),
            headers.get("sec-fetch-mode"),
            headers.get("sec-fetch-dest"),
            scope["method"] not in SAFE_METHODS,
        )


def _host_name(host: str) -> str:
    """The host without its port, in small letters; IPv6 addresses without brackets; "" for what is none."""
    match = _HOST.fullmatch(host.lower())
    return "" if match is None else (match["v6"] or match["name"].rstrip("."))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            is_page = headers.get("content-type", "").startswith("text/html")
            headers.setdefault("Cache-Control", "no-cache")  # kept, but asked for again each time
            headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page else DATA_POLICY)
        await send(message)

    return send_with_headers


def _limited(receive: Receive, stall_seconds: float) -> Receive:
    """A body that ends the request when it is larger than any form of the pages, or when no more of it comes."""
    n_bytes, is_whole = 0, False

    async def receive_limited() -> Message:
        nonlocal n_bytes, is_whole
        try:
            message = await asyncio.wait_for(receive(), None if is_whole else stall_seconds)
        except TimeoutError:
            raise HTTPException(408, "the rest of the request has not come") from None
        is_whole = not message.get("more_body", False)
        n_bytes += len(message.get("body", b""))
        if n_bytes > BODY_LIMIT:
            raise HTTPException(413, f"at most {BODY_LIMIT} bytes are accepted here")
        return message

    return receive_limited
