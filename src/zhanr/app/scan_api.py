"""What pages ask to scan folders into the library: choose, begin, watch, stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from zhanr.app.folders import list_folder, may_browse, permitted_folder
from zhanr.app.library_api import library_version
from zhanr.app.problems import Problem
from zhanr.app.rows import new_router
from zhanr.app.scanning import Order, Scanning, advice
from zhanr.app.state import State
from zhanr.errors import LibraryError

STOP_SECONDS = 2.0
Folder = Annotated[str, Field(max_length=4096)]


class Wanted(BaseModel):
    """What to scan; see `scanning.Order`."""

    folders: list[Folder] = Field(min_length=1, max_length=1000)
    again: bool = False
    default: bool = False
    mix: bool = False


def router(state: State) -> APIRouter:
    """The routes."""
    scanning = Scanning(state.settings, state.use)
    told = ("", dict[str, Any]())
    state.on_close(lambda: scanning.stop(wait=STOP_SECONDS))
    routes = new_router()

    async def status() -> Response:
        more = {"allowed": may_browse(state.settings), "dialog": state.folder_dialog is not None}
        now = scanning.status()
        tell = {} if now["busy"] else await remarks()
        return JSONResponse(now | more | tell | {"model": state.bundle.sha256[:8]})

    async def remarks() -> dict[str, Any]:
        """What is to be told of the library as it is now."""
        nonlocal told
        version = await asyncio.to_thread(library_version, state)
        if version and version != told[0]:
            with suppress(LibraryError):  # of which the pages tell anyway
                told = version, await state.with_library(advice)
        return told[1]

    @routes.get("/scan")
    async def look() -> Response:
        """How far the scan is, and whether folders may be chosen here."""
        return await status()

    @routes.post("/scan")
    async def begin(wanted: Wanted) -> Response:
        """Begin a scan."""
        folders = [await asyncio.to_thread(permitted_folder, path, state.settings) for path in wanted.folders]
        scanning.begin(Order(tuple(folders), wanted.again, wanted.default, wanted.mix))
        return await status()

    @routes.post("/scan/stop")
    async def stop() -> Response:
        """Stop after the song that is being listened to."""
        scanning.stop()
        return await status()

    @routes.post("/scan/folders")
    async def folders(wanted: dict[str, Folder]) -> Response:
        """What is in a folder of the server's disk; a POST, for which other sites' pages can't ask at all."""
        return JSONResponse(await asyncio.to_thread(list_folder, wanted.get("path", ""), state.settings))

    @routes.post("/scan/dialog")
    async def dialog() -> Response:
        """Let the person choose with the system's own dialog, in a window of its own: {"path"}, null for none."""
        if state.folder_dialog is None:
            raise Problem(404, "there is no window to open a dialog in")
        return JSONResponse({"path": await asyncio.to_thread(state.folder_dialog)})

    return routes
