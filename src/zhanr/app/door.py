"""The door of a server with a token: who has shown it may pass, and who guesses is slowed down.

A program shows the token with each request as `Authorization: Bearer`. A person types it once, or opens the server once
with `?token=`; a cookie says from then on that it was right. The token itself stays in no address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from math import ceil
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from zhanr.app.problems import Problem

TOKEN_LENGTH = 16  # characters at least, where others can reach the server
ENTRANCE = "/token"  # where the form of the door goes
FORM_LIMIT = 16_384  # bytes of that form
_PAGE = Template(Path(__file__).with_name("door.html").read_text("utf-8"))
_STYLE = Path(__file__).with_name("door.css").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; frame-ancestors 'none'; style-src 'sha256-{_HASH}'; "
    "form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "same-origin",  # without one a browser sends a form from nowhere, "Origin: null"
    "Cache-Control": "no-store",
}
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path and a query on this server: //host and \ lead to another one
WRONG = "That is not the token of this server."
TOO_MANY = "Too many wrong tokens came from here."
WANTED = "this server wants its token: as 'Authorization: Bearer TOKEN', or in a browser once as ?token=TOKEN"


class Guesses:
    """Wrong tokens by address: so many at once, then one every few seconds. What it remembers is bounded."""

    AT_ONCE = 10
    SECONDS = 6.0  # until one is forgiven
    ADDRESSES = 4096

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._forgiven: OrderedDict[str, float] = OrderedDict()  # when all of an address's guesses will be

    def wait(self, address: str) -> float:
        """Seconds until the next guess is looked at; 0.0: now."""
        due = self._forgiven.get(address, 0.0) - self._clock() - (self.AT_ONCE - 1) * self.SECONDS
        return max(0.0, due)

    def add(self, address: str) -> None:
        """Remember a wrong guess."""
        now = self._clock()
        self._forgiven[address] = max(now, self._forgiven.pop(address, now)) + self.SECONDS
        if len(self._forgiven) > self.ADDRESSES:
            self._forgiven.popitem(last=False)  # who has guessed the longest time ago


@dataclass(frozen=True)
class _Attempt:
    """A token that somebody shows: where it came in, and where they wanted to go."""

    given: bytes
    way: str  # "header", "address" or "form"
    target: str


class Door:
    """Lets pass who knows the token of the server at `port`; `clock` gives seconds."""

    def __init__(self, token: str, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = as_bytes(token)
        key = secrets.token_bytes(32)  # so that the cookie doesn't tell the token, and ends with the process
        self._cookie = hmac.new(key, self._token, hashlib.sha256).hexdigest()
        self._cookie_name = f"zhanr_{port}"  # cookies of one host are shared by all its ports
        self._guesses = Guesses(clock)

    async def answer(self, scope: Scope, receive: Receive) -> Response | None:
        """None to let a request pass, or the response to it. Raises what `receive` does, and `Problem`."""
        headers, shown = Headers(scope=scope), dict(_pairs(scope["query_string"]))
        at_door, way = scope["path"] == ENTRANCE, "address"
        if scope["method"] not in ("GET", "HEAD"):
            shown, way = dict(_pairs(await _body(receive))) if at_door else {}, "form"
        target = _local(shown.get("next", "/")) if at_door else _here(scope)
        cookie = _cookies(headers.get("cookie", "")).get(self._cookie_name, "")
        if hmac.compare_digest(cookie.encode("latin-1", "replace"), self._cookie.encode()):
            return RedirectResponse(target, 303) if at_door or "token" in shown else None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._judge(scope, _Attempt(bearer.strip().encode("latin-1"), "header", target))
        if "token" in shown:
            return self._judge(scope, _Attempt(as_bytes(shown["token"]), way, target))
        return _shut(scope, target, WRONG if at_door and "wrong" in shown else "")

    def _judge(self, scope: Scope, attempt: _Attempt) -> Response | None:
        address = _address(scope)
        if wait := ceil(self._guesses.wait(address)):  # nor is a right one looked at, or guessing would go on
            return _shut(scope, attempt.target, f"{TOO_MANY} Try again in {wait} seconds.", wait)
        if hmac.compare_digest(attempt.given, self._token):
            return None if attempt.way == "header" else self._welcome(attempt.target)
        self._guesses.add(address)
        if attempt.way == "address" and _is_page(scope):  # the token leaves the address, though it is wrong
            return RedirectResponse(f"{ENTRANCE}?{urlencode({'wrong': 1, 'next': attempt.target})}", 303)
        return _shut(scope, attempt.target, WRONG)

    def _welcome(self, target: str) -> Response:
        """Set the cookie, and lead to where they wanted to go."""
        response = RedirectResponse(target, 303)
        response.set_cookie(self._cookie_name, self._cookie, httponly=True, samesite="lax", path="/")
        return response


def as_bytes(token: str) -> bytes:
    """A token as it is compared and sent: UTF-8, or the bytes that the command line was given."""
    return token.encode("utf-8", "surrogateescape")


def _shut(scope: Scope, target: str, notice: str, wait: int = 0) -> Response:
    """The page that asks for the token, or for programs the same as a problem."""
    status = 429 if wait else 401
    headers = {"Retry-After": str(wait)} if wait else {"WWW-Authenticate": "Bearer"}
    if not _is_page(scope):
        return Problem(status, notice or WANTED, headers=headers).response()
    page = _PAGE.substitute(
        style=_STYLE,
        notice=f'<p id="wrong" role="alert">{escape(notice)}</p>' if notice else "",
        described=' aria-describedby="wrong"' if notice else "",
        next=escape(target, quote=True),
    )
    return HTMLResponse(page, status, headers | _HEADERS)


def _is_page(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _address(scope: Scope) -> str:
    """Whose guesses are counted together: an address, or the network of one customer, which has 2^64 of them."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def _here(scope: Scope) -> str:
    """The path and the query of a request, without the token."""
    path = "/" + quote(scope["path"].lstrip("/"))  # one slash: two would lead to another host
    pairs = [(name, value) for name, value in _pairs(scope["query_string"]) if name != "token"]
    return f"{path}?{urlencode(pairs, errors='surrogateescape')}" if pairs else path


def _local(target: str) -> str:
    return target if _LOCAL.fullmatch(target) else "/"


def _pairs(text: bytes) -> list[tuple[str, str]]:
    """The names and values of a form or a query."""
    return parse_qsl(text.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= FORM_LIMIT:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if len(body) > FORM_LIMIT:
        raise Problem(413, f"at most {FORM_LIMIT} bytes are accepted here")
    return body


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
