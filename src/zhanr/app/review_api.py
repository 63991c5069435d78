"""The review: one song after the other, the most doubtful first, and the person's word on each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from zhanr.app.problems import Problem
from zhanr.app.rows import Count, Recent, Start, Text, new_router, review_row
from zhanr.app.state import State
from zhanr.library import Library
from zhanr.library.corrections import spelling
from zhanr.library.review import Queue, queue
from zhanr.library.views import songs_of


class Word(BaseModel):
    """The person's word on a song; None takes it back."""

    id: int = Field(ge=1, lt=1 << 63)
    genre: str | None = Field(max_length=200)


def router(state: State) -> APIRouter:
    """What the page fetches."""
    queues: Recent[Queue] = Recent()
    routes = new_router()

    @routes.get("/review/songs")
    async def songs(q: Text = "", start: Start = 0, count: Count = 20, view: str = "") -> Response:
        """Some songs of a queue, and its key."""
        known = queues.get(view)

        def work(library: Library) -> dict[str, Any]:
            found = known or queue(library, q)
            key = view if known else queues.add(found)
            part = found.ids[start : start + count].tolist()
            listed = [review_row(s, n) for s, n in zip(songs_of(library, part), part, strict=True)]
            return {"view": key, "total": len(found.ids), "doubtful": found.doubtful, "rows": listed}

        return JSONResponse(await state.with_library(work))

    @routes.post("/review/word")
    async def store(word: Word) -> Response:
        """Store the person's word; the answer holds the song, and the word before, by which this is undone."""
        genre = " ".join((word.genre or "").split()) or None
        if word.genre is not None and genre is None:
            raise Problem(422, "a genre has a name")

        def work(library: Library) -> dict[str, Any]:
            song = library.song_by_id(word.id)
            if song is None:
                raise Problem(404, "this song is not in the library any more")
            after = library.correct(song.location, genre and spelling(library, genre, [song]))
            return {"before": song.correction, "song": review_row(after)}

        return JSONResponse(await state.with_library(work))

    return routes
