"""The style sheets, scripts and sounds of the pages: read once, and served from memory.

Their addresses hold the hash of them all, so that a browser keeps what it has and asks for nothing a second time, until
another version of zhanr is served. The style sheets are one file: what a browser waits for is the number of requests.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from zhanr.app.problems import Problem

STATIC = Path(__file__).parent / "static"
STYLES = ("base.css", "listen.css", "library.css", "api.css")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".opus": "audio/ogg"}
_PACKED = (".css", ".js", ".svg")
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}  # a year, in seconds
_IMPORT = re.compile(r'^(?:import|\} from|import .* from) "\./([\w.]+)";$', re.MULTILINE)


@dataclass(frozen=True)
class Asset:
    """A file: what is sent, packed where the browser can unpack it, and its type."""

    body: bytes
    packed: bytes | None
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """All files by their names below the folder, and `style.css`."""
    files = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.suffix in _TYPES}
    bodies = {name: path.read_bytes() for name, path in files.items() if name not in STYLES}
    bodies["style.css"] = style_sheet()
    return {name: _asset(name, body) for name, body in bodies.items()}


def style_sheet() -> bytes:
    """All style sheets, as one."""
    return b"".join((STATIC / name).read_bytes() for name in STYLES)


@cache
def prefix() -> str:
    """Where the files are: "/assets/" and the hash of them all."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(f"{name} {len(asset.body)} ".encode() + asset.body)
    return f"/assets/{digest.hexdigest()[:12]}"


def scripts(*names: str) -> list[str]:
    """These scripts and all that they import at once, so that a browser can ask for all of them together."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += _IMPORT.findall(assets()[name].body.decode())
    return list(found)


def router() -> APIRouter:
    """The route of all files."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(prefix() + "/{name:path}")
    async def asset(name: str, request: Request) -> Response:
        found = assets().get(name)
        if found is None:
            raise Problem(404, "there is no such file")
        if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, headers=_FOREVER | {"Content-Encoding": "gzip"}, media_type=found.media_type)
        return Response(found.body, headers=_FOREVER, media_type=found.media_type)

    return routes


def _asset(name: str, body: bytes) -> Asset:
    suffix = Path(name).suffix
    return Asset(body, gzip.compress(body, 9, mtime=0) if suffix in _PACKED else None, _TYPES[suffix])
