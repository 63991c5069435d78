"""What the first page asks of its uploads: the answer and the pictures, why, and the sound in a form that plays."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response, StreamingResponse

from zhanr.app.analysis import Analysis, decode, explain_genre
from zhanr.app.engine import Job
from zhanr.app.handlers import as_problem
from zhanr.app.media import UPLOADS, library_file
from zhanr.app.problems import Problem
from zhanr.app.rows import song_row
from zhanr.app.state import State
from zhanr.app.uploads import Upload
from zhanr.errors import ConfigError, LibraryError
from zhanr.words import printable

POLL_SECONDS = 0.15
N_SIMILAR = 5


def router(state: State) -> APIRouter:
    """The routes, all below one upload's secret id."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(UPLOADS + "/{number}/analysis")
    async def analysis(number: str) -> Response:
        """Events, each one line of JSON: how far it is, then the answer or the reason, then similar songs."""
        upload = _upload(state, number)
        job = state.engine.submit_analysis(upload.path, name=upload.name)
        # event streams are what any compression in between passes on at once
        return StreamingResponse(_events(state, job, number), media_type="text/event-stream")

    @routes.get(UPLOADS + "/{number}/why")
    async def explanation(number: str, genre: str) -> Response:
        """What spoke for a genre, where and when."""
        upload = _upload(state, number)
        _check_explainable(state, genre)
        how = partial(explain_genre, genre=genre, bounds=state.settings.bounds)
        return JSONResponse(await state.engine.submit(upload.path, how, name=upload.name).result())

    @routes.post(UPLOADS + "/{number}/sound")
    async def sound(number: str) -> Response:
        """The same sound as another upload that every browser plays: {"id"}."""
        upload = _upload(state, number)
        return JSONResponse({"id": await _decoded(state, upload.path, upload.name)}, 201)

    @routes.post("/media/library/{number}/sound")
    async def library_sound(number: int) -> Response:
        """The sound of a song of the library, likewise."""
        path = await library_file(state, number)
        return JSONResponse({"id": await _decoded(state, path, path.name)}, 201)

    return routes


async def _decoded(state: State, path: Path, name: str) -> str:
    """The id of an upload with the sound of a file in a form that every browser plays."""
    target = state.folder.path / secrets.token_hex(16)
    how = partial(decode, target=target, bounds=state.settings.bounds)
    size = await state.engine.submit(path, how, name=printable(name)).result()
    return state.uploads.add(Upload(target, "sound.wav", size), answered=True)


def _upload(state: State, number: str) -> Upload:
    upload = state.uploads.get(number)
    if upload is None:
        raise Problem(404, "this upload is not there any more; please add the song again")
    return upload


def _check_explainable(state: State, genre: str) -> None:
    if genre not in state.card.labels:
        raise Problem(422, f"the model does not know the genre {genre!r}")
    if state.card.features.kind == "mfcc":
        raise Problem(422, "this model looks at no frequencies that could be pointed at")


async def _events(state: State, job: Job[Analysis], number: str) -> AsyncIterator[str]:
    result = asyncio.ensure_future(job.result())
    last: dict[str, Any] = {}
    try:
        while not result.done():
            now = {"waiting": job.position} if job.waiting else {"progress": round(job.progress, 2)}
            if now != last:
                yield _event(now)
            last = now
            await asyncio.wait([result], timeout=POLL_SECONDS)
        state.uploads.answered(number)
        try:
            found = result.result()
        except Exception as error:
            yield _event({"error": as_problem(error).detail})
            return
        yield _event({"song": _song(found)})
        if similar := await _similar(state, found):
            yield _event({"similar": similar})
    finally:
        if not result.done():  # the page has gone
            result.cancel()
            job.cancel()


def _event(values: dict[str, Any]) -> str:
    return f"data: {json.dumps(values, ensure_ascii=False)}\n\n"


def _song(found: Analysis) -> dict[str, Any]:
    return found.prediction.to_dict(timeline=True) | {
        "codec": found.info.codec,
        "sample_rate": found.info.sample_rate,
        "column_seconds": found.column_seconds,
        "n_bins": found.picture.shape[0],
        "picture": base64.b64encode(found.picture.tobytes()).decode(),
        "peaks": base64.b64encode(found.peaks.tobytes()).decode(),
    }


async def _similar(state: State, found: Analysis) -> list[dict[str, Any]]:
    """Songs of the library that sound like it; none where there is no library, or one of another model."""
    if not state.has_library:
        return []
    seed = found.song
    try:
        hits = await state.similar(seed.embedding, model_sha256=seed.model_sha256, n=N_SIMILAR, seed=seed)
    except (LibraryError, ConfigError):
        return []
    return [
        song_row(hit.song) | {"file": printable(hit.song.path.name), "distance": round(hit.distance, 4)} for hit in hits
    ]
