"""The map: every song of the library as a point, near to those that sound like it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path
from numpy.typing import NDArray
from starlette.responses import JSONResponse, Response

from zhanr.app.library_api import library_version
from zhanr.app.problems import Problem
from zhanr.app.projection import project, sample
from zhanr.app.rows import new_router, song_row
from zhanr.app.state import State
from zhanr.library import Library
from zhanr.library.views import genres_of
from zhanr.words import printable

N_NEAREST = 12
SCALE = 10_000
"""Coordinates are sent as whole numbers up to this."""
Number = Annotated[int, Path(ge=1, lt=1 << 63)]


@dataclass
class Map:
    """The points (n, 2) of songs (n,), or how far they are; `total` songs could be on it."""

    key: str = ""
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    points: NDArray[np.float64] | None = None
    total: int = 0
    done: float = 0.0


def router(state: State) -> APIRouter:
    """What the page fetches."""
    maker = Maker(state)
    routes = new_router()

    @routes.get("/map/points")
    async def points() -> Response:
        """The map, or how much of it is done."""
        found = await maker.map()
        if found.points is None:
            return JSONResponse({"done": round(found.done, 3), "total": found.total})
        genres = await state.with_library(lambda library: genres_of(library, found.ids))
        names = list(dict.fromkeys(genres))
        places = {genre: i for i, genre in enumerate(names)}
        xy = np.rint(found.points * SCALE).astype(int)
        return JSONResponse(
            {
                "total": found.total,
                "scale": SCALE,
                "genres": [printable(genre) for genre in names],
                "ids": found.ids.tolist(),
                "x": xy[:, 0].tolist(),
                "y": xy[:, 1].tolist(),
                "genre": [places[genre] for genre in genres],
            }
        )

    @routes.get("/map/song/{number}")
    async def song(number: Number) -> Response:
        """What a song is."""
        found = await state.with_library(lambda library: library.song_by_id(number))
        if found is None:
            raise Problem(404, "this song is not in the library any more")
        return JSONResponse(song_row(found))

    @routes.get("/map/near/{number}")
    async def near(number: Number) -> Response:
        """The songs that sound most like one."""
        seed = await state.with_library(lambda library: library.song_by_id(number, embedding=True))
        if seed is None:
            raise Problem(404, "this song is not in the library any more")
        if seed.embedding is None:  # it could not be read, or was corrected only
            return JSONResponse({"near": []})
        hits = await state.similar(seed.embedding, model_sha256=seed.model_sha256, n=N_NEAREST, seed=seed)
        return JSONResponse({"near": [song_row(hit.song) | {"distance": round(hit.distance, 4)} for hit in hits]})

    return routes


class Maker:
    """Makes the map once, in a thread, and again when there are other songs; a person's words on them move nothing."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._map = Map()
        self._seen = ""
        self._task: asyncio.Task[None] | None = None

    async def map(self) -> Map:
        """The map as far as it is. Raises `LibraryError`, and what went wrong when it was made."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        version = await asyncio.to_thread(library_version, self._state)
        if self._task is None and (version != self._seen or not self._map.key):
            key, ids, embeddings, total = await self._state.with_library(_songs)
            self._seen = version
            if self._task is None and key != self._map.key:
                self._map = Map(key, ids, total=total)
                self._task = asyncio.create_task(self._make(self._map, embeddings))
        return self._map

    async def _make(self, wanted: Map, embeddings: NDArray[np.float32]) -> None:
        try:
            wanted.points = await asyncio.to_thread(project, embeddings, progress=partial(setattr, wanted, "done"))
        except BaseException:
            wanted.key = ""  # so that the next one tries again
            raise


def _songs(library: Library) -> tuple[str, NDArray[np.int64], NDArray[np.float32], int]:
    """A key for the songs on the map, their ids and embeddings, and how many could be on it."""
    ids, embeddings = library.embeddings()
    total, chosen = len(ids), sample(len(ids))
    ids, embeddings = ids[chosen], embeddings[chosen]
    digest = hashlib.blake2b(ids.tobytes(), digest_size=16)
    digest.update(np.ascontiguousarray(embeddings).tobytes())
    return digest.hexdigest(), ids, embeddings, total
