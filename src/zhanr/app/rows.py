"""What the library's pages fetch: songs as rows of JSON, the lists they belong to, and errors as problems."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from zhanr.app.handlers import as_problem
from zhanr.app.problems import Problem
from zhanr.errors import ConfigError
from zhanr.library import Song
from zhanr.library.agreement import Names, Verdict
from zhanr.words import printable

T = TypeVar("T")
MOST_ROWS = 200
PICKS = {"unsure": "unsure", "failed": "error"}
"""The bars of the chart that are no genre, as filters."""
Start = Annotated[int, Query(ge=0, lt=1 << 53)]
Count = Annotated[int, Query(ge=0, le=MOST_ROWS)]
Text = Annotated[str, Query(max_length=2000)]


class Answered(APIRoute):
    """A route whose errors are problem+json, wherever it is mounted."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with an answer for every error."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                return Problem(422, "; ".join(str(e["msg"]) for e in error.errors())).response()
            except ConfigError as error:
                return JSONResponse({"refused": str(error)})  # a slip of the pen, which no browser should log
            except Exception as error:
                return as_problem(error).response()

        return answer


def new_router() -> APIRouter:
    """An empty router for what pages fetch."""
    return APIRouter(route_class=Answered, include_in_schema=False)


class Recent(Generic[T]):
    """The last few things that pages asked for, by keys that can't be guessed."""

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._items: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        """What was kept under a key, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def values(self) -> list[T]:
        """All that is kept."""
        with self._lock:
            return list(self._items.values())

    def add(self, item: T) -> str:
        """Keep something, and forget what was not asked for for longest; its key."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._items[key] = item
            while len(self._items) > self._most:
                self._items.popitem(last=False)
        return key


def condition(q: str, pick: str = "") -> str:
    """The filter for what a person wrote and a bar of the chart: "unsure", "failed", or "genre:" and its name."""
    kind, _, genre = pick.partition(":")
    if kind == "genre":
        quoted = genre.replace("\\", "\\\\").replace('"', '\\"')
        return f'{q} genre="{quoted}"'
    return f"{q} {PICKS.get(kind, '')}"


def song_row(song: Song | None, number: int | None = None) -> dict[str, Any]:
    """A song as a row of a table; one that has been forgotten since only has its id."""
    if song is None:
        return {"id": number, "gone": True}
    values = song.to_dict()
    names = ("id", "path", "artist", "album", "best", "error", "reason", "duration", "styles")
    shown = {name: values[name] for name in names}
    return shown | {
        "title": values["title"] or printable(song.path.stem),
        "tag": values["tag_genre"],
        "genre": values["correction"] or values["genre"],
        "yours": song.correction is not None,
        "confidence": None if song.confidence is None else round(song.confidence, 4),
    }


def review_row(song: Song | None, number: int | None = None) -> dict[str, Any]:
    """A song as the review shows it: with its likeliest genres, and whether its tag says something else."""
    row = song_row(song, number)
    if song is not None:
        top = sorted(song.probabilities.items(), key=lambda item: -item[1])[:5]
        row["top"] = [[printable(genre), round(p, 4)] for genre, p in top]
        row["predicted"] = printable(song.genre)
        row["correction"] = printable(song.correction)
        row["disagrees"] = Names().compare(song) is Verdict.DISAGREE
    return row
