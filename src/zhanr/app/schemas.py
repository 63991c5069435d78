"""The shapes of what the API takes and gives, for its OpenAPI description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from zhanr.app.metrics import CONTENT_TYPE
from zhanr.app.problems import MEDIA_TYPE


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _like(example: dict[str, Any]) -> ConfigDict:
    """With an example, for the description."""
    return ConfigDict(json_schema_extra={"examples": [example]})


_SONG = {
    "path": "song.mp3",
    "genre": "jazz",
    "confidence": 0.93,
    "probabilities": {"jazz": 0.93, "blues": 0.04, "classical": 0.03},
    "duration": 215.4,
    "warnings": [],
    "styles": [{"name": "piano", "probability": 0.41}],
}


class TimelineMoment(_Shape):
    """One window of a song, in seconds. Where it is silent, `genre` is null and `reason` says so."""

    start: float
    end: float
    genre: str | None
    probabilities: dict[str, float]
    reason: str = ""


class StyleProbability(_Shape):
    """A finer style of music than a genre."""

    name: str
    probability: float = Field(ge=0, le=1)


class Answer(_Shape):
    """What zhanr says of a song. `genre` is null where it is not sure, and `reason` then says why."""

    model_config = _like(_SONG)

    path: str = Field(description="What the client called the file.")
    genre: str | None = Field(description="`null` where it is not sure.")
    confidence: float = Field(ge=0, le=1, description="The probability of the likeliest genre.")
    probabilities: dict[str, float] = Field(description="Of each genre, the likeliest first.")
    duration: float = Field(description="In seconds.")
    warnings: list[str] = Field(description="What was odd about the file.")
    reason: str = Field(default="", description="Why it is not sure.")
    styles: list[StyleProbability] = Field(default=[], description="Up to five, the clearest first.")
    timeline: list[TimelineMoment] = []


class ServerPath(_Shape):
    """A file on the server's disk."""

    model_config = _like({"path": "/music/song.mp3"})

    path: str = Field(min_length=1, max_length=4096, description="Below a folder of `--allow-path`.")


class LibrarySong(BaseModel):
    """A song of the library; see `zhanr library list --json`."""

    model_config = ConfigDict(extra="allow")

    id: int
    path: str
    genre: str | None
    confidence: float | None


class Hit(_Shape):
    """A song and its cosine distance, from 0 to 2."""

    distance: float
    song: LibrarySong


class Similar(_Shape):
    """Songs of the library, the nearest first."""

    model_config = _like(
        {
            "similar": [
                {"distance": 0.0412, "song": {"id": 7, "path": "/music/a.mp3", "genre": "jazz", "confidence": 0.9}}
            ]
        }
    )

    similar: list[Hit]


class LibraryAlbum(_Shape):
    """What the songs of an album, or of an artist, say together; see `zhanr library albums --json`.

    `genre` is null where that is not sure, and `reason` says why. `genres` counts the songs by their own likeliest
    genre, `agreement` is the share of those that say the same. `ids` are the songs.
    """

    artist: str
    album: str
    folder: str
    genre: str | None
    best: str
    confidence: float
    reason: str | None
    agreement: float
    genres: dict[str, int]
    songs: int
    corrected: int
    seconds: float
    probabilities: dict[str, float]
    ids: list[int]


class Albums(_Shape):
    """Some of the albums in order of artists and names, and how many there are in all."""

    total: int
    albums: list[LibraryAlbum]


class ListedModel(_Shape):
    """A model; `card` is all that it says of itself."""

    model: str
    sha256: str
    card: dict[str, Any]


class Models(_Shape):
    """The model that answers, and those that come with zhanr."""

    serving: ListedModel
    built_in: list[ListedModel]


class Health(_Shape):
    """How the server is; `waiting` of at most `queue` songs."""

    model_config = _like(
        {"status": "ok", "version": "0.1.0", "model": "8c1f…", "waiting": 0, "running": 1, "queue": 64}
    )

    status: str
    version: str
    model: str
    waiting: int
    running: int
    queue: int


class ProblemShape(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str
    title: str
    status: int
    detail: str


_PROBLEM: dict[str, Any] = ProblemShape.model_json_schema()
_RETRY = {"Retry-After": {"description": "In how many seconds to try again.", "schema": {"type": "integer"}}}
_WHY = {
    400: "The request is broken, or stopped before its end.",
    401: "The token is missing or wrong.",
    403: "This is not allowed here.",
    404: "There is no such song, file or library.",
    405: "This method is not known here.",
    408: "The request or its upload was too slow.",
    409: "The library can't be compared with this.",
    413: "The file is too large.",
    415: "This content type is not taken.",
    421: "The request is for another host.",
    422: "The file holds no music that can be read here, or a parameter is not as described.",
    429: "Too many songs are waiting, or too many wrong tokens came.",
    431: "The headers or the address are too long.",
    503: "The server is stopping, or a process was killed.",
    507: "The disk is full.",
}
METRICS = {"description": "Prometheus text.", "content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "description": "The file: in the field `file` of a form, or as the body itself.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
            "application/octet-stream": _BINARY,
            "audio/*": _BINARY,
        },
    }
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that may answer with these errors; those of the guard come by themselves."""
    every = sorted({*statuses, 401, 403, 408, 421, 422, 429, 431})
    return {status: _error(status) for status in every}


def _error(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _WHY[status], "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
    if status in (429, 503):
        described["headers"] = _RETRY
    return described
