"""The library page: all songs in a table, how many of each genre, and what could not be read."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from zhanr.app.rows import Count, Recent, Start, Text, condition, new_router, song_row
from zhanr.app.state import State
from zhanr.library import Library, default_path
from zhanr.library.views import View, songs_of, stamp, view


def router(state: State) -> APIRouter:
    """What the page fetches."""
    views: Recent[View] = Recent()
    routes = new_router()

    @routes.get("/library/rows")
    async def rows(
        q: Text = "", pick: Text = "", order: Text = "path", start: Start = 0, count: Count = 100, view: str = ""
    ) -> Response:
        """Some rows of what a filter picks; with the key of the whole list, and with its counts where that is new."""
        known = views.get(view)

        def work(library: Library) -> dict[str, Any]:
            answer: dict[str, Any] = {}
            found = known
            if found is None:
                found, answer = _look_up(library, q, pick, order)
                answer["view"] = views.add(found)
            part = found.ids[start : start + count].tolist()
            songs = songs_of(library, part)
            listed = [song_row(song, number) for song, number in zip(songs, part, strict=True)]
            return answer | {"total": len(found), "rows": listed}

        version = await asyncio.to_thread(library_version, state)  # before the rows: what comes later is a change
        return JSONResponse({"version": version} | await state.with_library(work))

    @routes.get("/library/version")
    async def version() -> Response:
        """A text that changes with the library, and whether there is one."""
        version = await asyncio.to_thread(library_version, state)
        return JSONResponse({"version": version, "scanned": state.has_library})

    return routes


def _look_up(library: Library, q: str, pick: str, order: str) -> tuple[View, dict[str, Any]]:
    """The list that is wanted, and the counts for the chart: of what the filter alone picks."""
    found = view(library, condition(q, pick), order=order)
    whole = view(library, q) if pick else found
    chart = {"genres": list(whole.genres.items()), "unsure": whole.unsure, "failed": whole.failed}
    return found, chart | {"all": len(whole)}


def library_version(state: State) -> str:
    """A text that changes with the library, "" while there is none; to be called in a thread."""
    return stamp(state.settings.library or default_path())
