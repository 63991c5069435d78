"""Who may ask: the checks before every request, and the headers on every answer.

- The `Host` must be a name of this server. A stranger's page whose own name suddenly points to this computer (DNS
  rebinding) sends its own name there.
- What a browser sends for another site's page is refused, by `Origin` and `Sec-Fetch-Site`. Links may lead here.
- Where a token is set, it must come along: as `Authorization: Bearer`, or as the cookie that `?token=` sets.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


_DOOR_STYLE = """
body { font: 18px system-ui; color-scheme: light dark; margin: 20vh auto; max-width: 24em; padding: 0 1em }
input { font: inherit; box-sizing: border-box; width: 100%; margin: .5em 0 } button { font: inherit }"""
_DOOR = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>zhanr</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_DOOR_STYLE}</style></head>
<body><form><label>This server wants its token:<br><input type="password" name="token" autofocus autocomplete="off">
</label><button>Enter</button></form></body></html>"""
_DOOR_HASH = base64.b64encode(hashlib.sha256(_DOOR_STYLE.encode()).digest()).decode()
DOOR_POLICY = f"{DATA_POLICY}; style-src 'sha256-{_DOOR_HASH}'; form-action 'self'"


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
        key = secrets.token_bytes(32)  # so that the cookie doesn't tell the token, and ends with the process
        self._cookie = hmac.new(key, (settings.token or "").encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":  # the server speaks no websocket
            await self._app(scope, receive, send)
            return
        try:
            answer = self._answer(scope)
        except Problem as problem:
            self._refused(problem.kind)
            wants_page = problem.status == 401 and "text/html" in Headers(scope=scope).get("accept", "")
            headers = problem.headers | {"Content-Security-Policy": DOOR_POLICY}
            answer = HTMLResponse(_DOOR, 401, headers) if wants_page else problem.response()
        if answer is None and scope["path"] not in self._upload_paths:
            receive = _limited(receive, self._settings.stall_seconds)
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope) -> Response | None:
        """None to let it pass, or the answer. Raises `Problem`."""
        request = _Asked.of(scope)
        self._check_host(request)
        self._check_origin(request)
        if self._settings.token:
            return self._check_token(request, scope)
        return None

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

    def _check_token(self, request: _Asked, scope: Scope) -> Response | None:
        token = self._settings.token or ""
        scheme, _, given = request.authorization.partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), token):
            return None
        if _same(request.cookies.get(self._cookie_name(), ""), self._cookie):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if not request.changes and _same(dict(query).get("token", ""), token):
            return self._welcome(scope, [pair for pair in query if pair[0] != "token"])
        raise Problem(
            401,
            "this server wants its token: as 'Authorization: Bearer TOKEN', or in a browser once as ?token=TOKEN",
            kind="token",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _welcome(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """Set the cookie, and take the token out of the browser's address bar."""
        path = "/" + quote(scope["path"].lstrip("/"))  # one slash: two would lead to another host
        response = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
        response.set_cookie(self._cookie_name(), self._cookie, httponly=True, samesite="lax", path="/")
        return response

    def _cookie_name(self) -> str:
        return f"zhanr_{self._settings.port}"  # cookies of one host are shared by all its ports


@dataclass(frozen=True)
class _Asked:
    """What the checks look at."""

    host: str
    origin: str | None
    site: str | None
    mode: str | None
    destination: str | None
    authorization: str
    cookies: dict[str, str]
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
            headers.get("authorization", ""),
            _cookies(headers.get("cookie", "")),
            scope["method"] not in SAFE_METHODS,
        )


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


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


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
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
