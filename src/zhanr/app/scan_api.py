"""What pages ask to scan folders into the library: choose, begin, watch, stop."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from zhanr.app.folders import list_folder, may_browse, permitted_folder
from zhanr.app.problems import Problem
from zhanr.app.rows import new_router
from zhanr.app.scanning import Scanning
from zhanr.app.state import State

STOP_SECONDS = 2.0
Folder = Annotated[str, Field(max_length=4096)]


class Wanted(BaseModel):
    """What to scan; `again` also does what another model classified, and what failed before."""

    folders: list[Folder] = Field(min_length=1, max_length=1000)
    again: bool = False


def router(state: State) -> APIRouter:
    """The routes."""
    scanning = Scanning(state.settings)
    state.on_close(lambda: scanning.stop(wait=STOP_SECONDS))
    routes = new_router()

    def status() -> Response:
        more = {"allowed": may_browse(state.settings), "dialog": state.folder_dialog is not None}
        return JSONResponse(scanning.status() | more)

    @routes.get("/scan")
    async def look() -> Response:
        """How far the scan is, and whether folders may be chosen here."""
        return status()

    @routes.post("/scan")
    async def begin(wanted: Wanted) -> Response:
        """Begin a scan."""
        folders = [await asyncio.to_thread(permitted_folder, path, state.settings) for path in wanted.folders]
        scanning.begin(tuple(folders), again=wanted.again)
        return status()

    @routes.post("/scan/stop")
    async def stop() -> Response:
        """Stop after the song that is being listened to."""
        scanning.stop()
        return status()

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
