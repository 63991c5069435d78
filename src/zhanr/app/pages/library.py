"""The library page: all songs in a table, how many of each genre, and what could not be read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from nicegui import app, ui
from starlette.responses import JSONResponse, Response

from zhanr.app.pages.palette import NOT_SURE, colours
from zhanr.app.pages.shell import shell
from zhanr.app.rows import Count, Recent, Start, Text, new_router, song_row
from zhanr.app.state import State
from zhanr.library import Library, default_path
from zhanr.library.paging import View, fingerprint, songs_of, view

ASSETS = ("library.css", "library.js")
FLAGS = {"unsure": "unsure", "failed": "error"}


def register(state: State) -> None:
    """Add the page, and what it fetches."""
    views: Recent[View] = Recent()
    routes = new_router()

    @ui.page("/library")
    def page() -> None:
        with shell(state, "Library", assets=ASSETS):
            heading("Library")
            if not state.has_library:
                nothing_scanned(state)
            else:
                element("zhanr-library", scan=scan_command(state), **look(state))

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
        """A text that changes with the library."""
        return JSONResponse({"version": await asyncio.to_thread(library_version, state)})

    app.include_router(routes)


def _look_up(library: Library, q: str, pick: str, order: str) -> tuple[View, dict[str, Any]]:
    """The list that is wanted, and the counts for the chart: of what the filter alone picks."""
    found = view(library, f"{q} {_picked(pick)}", order=order)
    whole = view(library, q) if pick else found
    chart = {"genres": list(whole.genres.items()), "unsure": whole.unsure, "failed": whole.failed}
    return found, chart | {"all": len(whole)}


def _picked(pick: str) -> str:
    """The condition for a bar of the chart: "unsure", "failed", or "genre:" and its name."""
    kind, _, genre = pick.partition(":")
    if kind == "genre":
        quoted = genre.replace("\\", "\\\\").replace('"', '\\"')
        return f'genre="{quoted}"'
    return FLAGS.get(kind, "")


# -- what the other pages of the library share


def heading(text: str) -> None:
    """The page's heading."""
    ui.html(text, sanitize=False, tag="h1").classes("l-title")


def element(tag: str, **values: Any) -> None:
    """An element of the page's own script, with values as attributes `data-...` in JSON."""
    attributes = {f"data-{name}": json.dumps(value) for name, value in values.items()}
    made = ui.element(tag)
    for name, value in attributes.items():
        made.props[name] = value


def look(state: State) -> dict[str, Any]:
    """What scripts need to draw genres: the model's genres in order, and a colour for each."""
    return {"colours": colours(state.card.labels), "labels": list(state.card.labels), "unsure": NOT_SURE}


def scan_command(state: State) -> str:
    """What to type to scan a folder into this library."""
    chosen = state.settings.library
    return "zhanr scan FOLDER" if chosen is None else f'zhanr scan FOLDER --library "{chosen}"'


def library_version(state: State) -> str:
    """A text that changes with the library; to be called in a thread."""
    return fingerprint(state.settings.library or default_path())


def nothing_scanned(state: State) -> None:
    """Say how to get a library."""
    with ui.element("section").classes("z-card l-empty"):
        ui.html("Nothing has been scanned yet", sanitize=False, tag="h2")
        ui.html("Let zhanr listen to your music once. In a terminal:", sanitize=False, tag="p")
        with ui.element("pre"):
            ui.label(scan_command(state))
        ui.html("Then come back and reload this page.", sanitize=False, tag="p")
