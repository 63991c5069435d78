"""The interface for programs: REST under `/api/v1`, described by its own OpenAPI."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from zhanr import __version__
from zhanr.app import schemas
from zhanr.app.api_page import api_page
from zhanr.app.handlers import install_handlers
from zhanr.app.metrics import CONTENT_TYPE, Measured
from zhanr.app.pages import document
from zhanr.app.problems import Problem
from zhanr.app.state import State
from zhanr.app.uploads import receive
from zhanr.bundle import builtin_models, load_bundle
from zhanr.classifier import Prediction
from zhanr.errors import ConfigError
from zhanr.library import Library, Song
from zhanr.library.albums import Album, By
from zhanr.library.albums import albums as albums_of
from zhanr.library.query import to_sql
from zhanr.vocabulary import least

PREFIX = "/api/v1"
UPLOAD_PATHS = frozenset({f"{PREFIX}/classify", f"{PREFIX}/similar"})
R = TypeVar("R")

Timeline = Annotated[bool, Query(description="Also tell the genre over the time of the song.")]
Top = Annotated[int | None, Query(ge=1, le=1000, description="How many genres to list; all by default.")]
Name = Annotated[str, Query(max_length=1000, description="What to call a file that is sent as the raw body.")]


def create_api(state: State) -> FastAPI:
    """The application to mount at `PREFIX`."""
    api = FastAPI(
        title="zhanr",
        version=__version__,
        summary='Tells the genre of songs, with a probability or "not sure".',
        docs_url=None,
        redoc_url=None,
        servers=[{"url": PREFIX}],
        separate_input_output_schemas=False,
    )
    install_handlers(api, state.metrics)
    api.add_middleware(Measured, metrics=state.metrics)
    _add_classification(api, state)
    _add_library(api, state)
    _add_service(api, state)
    return api


def _add_classification(api: FastAPI, state: State) -> None:
    @api.post(
        "/classify",
        response_model=schemas.Answer,
        response_description="What the model says of the song.",
        responses=schemas.errors(400, 408, 413, 415, 422, 429, 503, 507),
        openapi_extra=schemas.UPLOAD,
    )
    async def classify(request: Request, timeline: Timeline = False, top: Top = None, name: Name = "") -> Response:
        """Tell the genre of a song that is sent along; the answer is that of `zhanr classify --json`."""
        del name  # `receive` reads it
        with state.engine.reserve() as place:
            upload = await receive(request, state.folder.path, state.settings)
            try:
                work = state.engine.classify(upload.path, name=upload.name, place=place)
                prediction = await while_connected(request, work)
            finally:
                upload.remove()
        return _answer(state, prediction, timeline=timeline, top=top)

    @api.post(
        "/classify-path",
        response_model=schemas.Answer,
        response_description="What the model says of the song.",
        responses=schemas.errors(400, 403, 404, 422, 429, 503),
    )
    async def classify_path(
        request: Request, wanted: schemas.ServerPath, timeline: Timeline = False, top: Top = None
    ) -> Response:
        """Tell the genre of a song on the server's own disk, where the server was started with --allow-path."""
        path = await asyncio.to_thread(permitted, wanted.path, state.settings.server_paths)
        prediction = await while_connected(request, state.engine.classify(path, name=wanted.path))
        return _answer(state, prediction, timeline=timeline, top=top)


def _add_library(api: FastAPI, state: State) -> None:
    @api.post(
        "/similar",
        response_model=schemas.Similar,
        response_description="The songs that sound most like it, the nearest first.",
        responses=schemas.errors(400, 404, 408, 409, 413, 415, 422, 429, 503, 507),
        openapi_extra=schemas.UPLOAD,
    )
    async def similar(
        request: Request,
        id: Annotated[int | None, Query(ge=1, lt=1 << 63, description="A song of the library.")] = None,
        path: Annotated[str | None, Query(max_length=4096, description="A song of the library, by its path.")] = None,
        n: Annotated[int, Query(ge=1, le=1000, description="How many songs to find.")] = 10,
        name: Name = "",
    ) -> Response:
        """Find songs of the library that sound like one: one of its own (`id` or `path`), or one that is sent along."""
        del name
        if id is not None or path is not None:
            seed = await state.with_library(partial(_known, number=id, path=path))
        else:
            seed = await _heard(request, state)
        hits = await state.similar(seed.embedding, model_sha256=seed.model_sha256, n=n, seed=seed)
        songs = [{"distance": round(hit.distance, 6), "song": hit.song.to_dict()} for hit in hits]
        return JSONResponse({"similar": songs})

    @api.get(
        "/library/albums",
        response_model=schemas.Albums,
        response_description="Some of the albums, and how many there are in all.",
        responses=schemas.errors(404, 409, 422),
    )
    async def albums(
        by: Annotated[By, Query(description="One answer for each album, or for each artist.")] = "album",
        q: Annotated[str, Query(max_length=2000, description="A filter: albums of which it picks a song.")] = "",
        start: Annotated[int, Query(ge=0, lt=1 << 53, description="How many to pass over.")] = 0,
        n: Annotated[int, Query(ge=1, le=1000, description="How many to give.")] = 100,
    ) -> Response:
        """Tell the genre of whole albums of the library: what their songs say together, and how much they differ."""
        found = await state.with_library(lambda library: _albums(state, library, q, by))
        part = [album.to_dict() | {"ids": list(album.ids)} for album in found[start : start + n]]
        return JSONResponse({"total": len(found), "albums": part})


def _albums(state: State, library: Library, q: str, by: By) -> list[Album]:
    """All of them, sure from where on the server's model is if that is the library's, too. Raises `Problem`."""
    try:
        to_sql(q)
    except ConfigError as error:
        raise Problem(422, str(error), kind="filter") from error
    own = library.main_model() == state.bundle.sha256
    bound = state.card.thresholds.get("confidence", 0.0) if own else least(library)
    return albums_of(library, q, by=by, least=bound)


def _add_service(api: FastAPI, state: State) -> None:
    @api.get("/models", response_model=schemas.Models, response_description="The models with their cards.")
    async def models() -> Response:
        """The model that answers here, and those that come with zhanr."""
        listed = await asyncio.to_thread(lambda: [_model(name) for name in builtin_models()])
        own = {"model": state.bundle.reference, "sha256": state.bundle.sha256, "card": state.card.to_dict()}
        return JSONResponse({"serving": own, "built_in": listed})

    @api.get(
        "/health",
        response_model=schemas.Health,
        response_description="Songs are taken.",
        responses=schemas.errors(503),
    )
    async def health() -> Response:
        """Whether the server can classify songs now, and how much it has to do."""
        if not state.engine.alive:
            raise Problem(503, "the server is stopping", kind="unavailable", headers={"Retry-After": "5"})
        engine = state.engine
        numbers = {"waiting": engine.waiting, "running": engine.running, "queue": state.settings.queue}
        return JSONResponse({"status": "ok", "version": __version__, "model": state.bundle.sha256} | numbers)

    @api.get("/metrics", response_class=Response, responses={200: schemas.METRICS})
    async def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(state.metrics.text(), media_type=CONTENT_TYPE)

    @api.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """This interface, as a page."""
        return HTMLResponse(document(state, "API · zhanr", api_page(api.openapi())))


async def while_connected(request: Request, work: Awaitable[R]) -> R:
    """Await the work, and drop it when the client leaves (whose body must have been read)."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Problem(400, "the client has left", kind="disconnected")
        return task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def permitted(path: str, roots: tuple[Path, ...]) -> Path:
    """The real path of a file below one of the roots, links followed. Raises `Problem`.

    What lies outside and what isn't there get the same answer, so that nobody learns what files there are.
    """
    if not roots:
        raise Problem(403, "this server does not classify files of its own disk", kind="path")
    try:
        real = Path(path).resolve(strict=True)
        regular = stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, RuntimeError):
        regular = False
    if not regular or not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Problem(404, "there is no such file in the folders that may be read", kind="path")
    return real


def _answer(state: State, prediction: Prediction, *, timeline: bool, top: int | None) -> Response:
    state.metrics.answered(prediction.genre)
    answer = prediction.to_dict(timeline=timeline)
    answer["probabilities"] = dict(list(answer["probabilities"].items())[:top])
    return JSONResponse(answer)


def _known(library: Library, *, number: int | None, path: str | None) -> Song:
    """A song of the library with its embedding. Raises `Problem`."""
    try:
        if number is not None:
            song = library.song_by_id(number, embedding=True)
        else:
            song = library.song(path or "", embedding=True)
    except (ValueError, OSError):  # what can't be a path is not in the library
        song = None
    if song is None:
        raise Problem(404, "this song is not in the library", kind="library")
    if song.embedding is None:
        raise Problem(409, "this song could not be heard when it was scanned", kind="library")
    return song


async def _heard(request: Request, state: State) -> Song:
    """The song that is sent along, as if it were one of the library."""
    with state.engine.reserve() as place:
        upload = await receive(request, state.folder.path, state.settings)
        try:
            found = await while_connected(request, state.engine.analyse(upload.path, name=upload.name, place=place))
        finally:
            upload.remove()
    return found.song


def _model(name: str) -> dict[str, Any]:
    bundle = load_bundle(name)
    return {"model": name, "sha256": bundle.sha256, "card": bundle.card.to_dict()}
