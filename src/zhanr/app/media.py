"""What the pages upload and play: a page's own uploads by their secret ids, and the songs of the library by theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, JSONResponse, Response

from zhanr.app.problems import Problem
from zhanr.app.state import State
from zhanr.app.uploads import receive

UPLOADS = "/media/uploads"
# Never what a browser would run as a page, whatever a file is called.
_TYPES = {
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
    ".mka": "audio/x-matroska",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".wma": "audio/x-ms-wma",
}


class Ids(BaseModel):
    """The ids of uploads."""

    ids: list[Annotated[str, Field(max_length=100)]] = Field(max_length=10_000)


def router(state: State) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.post(UPLOADS)
    async def upload(request: Request) -> Response:
        """Keep the file of a request, as the API takes them: {"id", "name", "size"}."""
        received = await receive(request, state.folder.path, state.settings)
        number = state.uploads.add(received)
        return JSONResponse({"id": number, "name": received.name, "size": received.size}, 201)

    @routes.post(UPLOADS + "/present")
    async def present(wanted: Ids) -> Response:
        """Which of some uploads are still there: {"ids"}."""
        return JSONResponse({"ids": [number for number in wanted.ids if state.uploads.get(number)]})

    @routes.get(UPLOADS + "/{number}")
    async def play_upload(number: str) -> Response:
        """The sound of an upload; `Range` is understood, so that a player can seek."""
        kept = state.uploads.get(number)
        if kept is None:
            raise Problem(404, "this upload is not there any more")
        return _sound(kept.path, kept.name)

    @routes.delete(UPLOADS + "/{number}")
    async def forget_upload(number: str) -> Response:
        """Delete an upload."""
        state.uploads.remove(number)
        return Response(status_code=204)

    @routes.get("/media/library/{number}")
    async def play_song(number: int) -> Response:
        """The sound of a song of the library, and of no other file."""
        path = await library_file(state, number)
        return _sound(path, path.name)

    return routes


async def library_file(state: State, number: int) -> Path:
    """The file of a song of the library by its id, and of no other; `Problem` where there is none."""
    song = await state.with_library(lambda library: library.song_by_id(number)) if _is_id(number) else None
    if song is None or not song.path.is_file():
        raise Problem(404, "there is no such song")
    return song.path


def _is_id(number: int) -> bool:
    return 0 < number < 1 << 63  # as far as SQLite counts


def _sound(path: Path, name: str) -> Response:
    kind = _TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, no-store"})
