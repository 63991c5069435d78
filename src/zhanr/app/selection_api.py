"""What is done to many songs of the library at once: one word on all of them, taken back, and lists to take along."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from zhanr.app.problems import Problem
from zhanr.app.rows import Text, condition, new_router, review_row
from zhanr.app.state import State
from zhanr.library import Library, Song
from zhanr.library.corrections import accepted, carry_out, corrected
from zhanr.library.export import export
from zhanr.library.views import songs_of

MOST_IDS = 10_000  # that a request may name one by one; more are meant by a filter
Id = Annotated[int, Field(ge=1, lt=1 << 63)]
Form = Literal["m3u", "csv", "json"]
_SUFFIX = {"m3u": "m3u8", "csv": "csv", "json": "jsonl"}


class Selection(BaseModel):
    """Songs by their ids, or all that a filter and a bar of the chart pick."""

    ids: list[Id] | None = Field(None, max_length=MOST_IDS)
    q: str = Field("", max_length=2000)
    pick: str = Field("", max_length=300)

    def songs(self, library: Library) -> list[Song]:
        """The songs; those that are gone are left out."""
        if self.ids is not None:
            return [song for song in songs_of(library, self.ids) if song is not None]
        return list(library.songs(condition(self.q, self.pick)))


class Correction(Selection):
    """A genre for all of them; None accepts what zhanr thinks likeliest of each."""

    genre: str | None = Field(max_length=200)


class Words(BaseModel):
    """What the words on songs were, to make them that again."""

    before: list[tuple[Id, str | None]] = Field(max_length=1_000_000)


def router(state: State) -> APIRouter:
    """What the library page fetches for its selection, and for one song."""
    routes = new_router()

    @routes.get("/library/song/{number}")
    async def one(number: int) -> Response:
        """A song with its likeliest genres."""
        song = await state.with_library(lambda library: library.song_by_id(number)) if number > 0 else None
        if song is None:
            raise Problem(404, "this song is not in the library any more")
        return JSONResponse(review_row(song))

    @routes.post("/library/correct")
    async def correct(wanted: Correction) -> Response:
        """Put the word on all of them; the answer holds what it was before, for `/library/restore`."""
        genre = " ".join((wanted.genre or "").split()) or None
        if wanted.genre is not None and genre is None:
            raise Problem(422, "a genre has a name")

        def work(library: Library) -> list[tuple[int, str | None]]:
            with library.transaction():
                songs = wanted.songs(library)
                changes = accepted(library, songs) if genre is None else corrected(library, songs, genre)
                carry_out(library, changes)
            return [(change.id, change.before) for change in changes]

        before = await state.with_library(work)
        return JSONResponse({"changed": len(before), "before": before})

    @routes.post("/library/restore")
    async def restore(words: Words) -> Response:
        """Take corrections back."""

        def work(library: Library) -> int:
            known = dict(words.before)
            with library.transaction():
                songs = [song for song in songs_of(library, known) if song is not None]
                for song in songs:
                    library.correct(song.location, known[song.id or 0])
            return len(songs)

        return JSONResponse({"changed": await state.with_library(work)})

    @routes.get("/library/export")
    async def take_along(
        form: Form, q: Text = "", pick: Text = "", ids: Annotated[str, Query(max_length=100_000)] = ""
    ) -> Response:
        """A playlist or a table of songs as a file to keep."""
        wanted = Selection(ids=_numbers(ids), q=q, pick=pick)

        def work(library: Library) -> bytes:
            target = state.folder.path / secrets.token_hex(16)
            try:
                export(wanted.songs(library), target, form, absolute=True)  # nobody knows where it will be kept
                return target.read_bytes()
            finally:
                target.unlink(missing_ok=True)

        content = await state.with_library(work)
        name = f"zhanr.{_SUFFIX[form]}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    return routes


def _numbers(text: str) -> list[int] | None:
    if not text:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise Problem(422, "ids are numbers with commas between them") from error
