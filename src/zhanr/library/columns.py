"""What the library keeps of a song, said once: a new column is one line of `Song`, and a migration in `schema`.

Each line says what a column is called in filters and tables (`name`), whether lists can be sorted by it, where files
keep it in their tags, and whether it is the classifier's word. The filter language, the orders, the exported tables,
Parquet, the reading of tags and what a moved file takes over all follow from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zhanr.prediction import Prediction, Style
from zhanr.words import printable

Kind = Literal["text", "integer", "real", "json"]
ANSWER = "coalesce(song.correction, song.genre)"
"""The person's word where there is one, else zhanr's genre: what filters, lists and tables call `genre`."""


ALBUM_ARTIST = ("TPE2", "aART", "WM/AlbumArtist", "albumartist", "album artist", "album_artist")


@dataclass(frozen=True)
class Column:
    """How a field of `Song` is stored and used.

    `filter` and `csv` are its names in the filter language and in exported tables, "" where it isn't there; `sort` says
    whether the lists of the pages can be ordered by it. `tags` are its names in ID3v2, MP4, ASF, Vorbis comments, APEv2
    and FFmpeg. `predicted` columns are what the classifier said. `load` makes the value of what JSON gives.
    """

    kind: Kind = "text"
    filter: str = ""
    csv: str = ""
    sort: bool = False
    tags: tuple[str, ...] = ()
    predicted: bool = False
    load: Callable[[Any], Any] = dict


def column(kind: Kind = "text", default: Any = None, name: str = "", **about: Any) -> Any:
    """A field of `Song`; `name` is short for the same `filter` and `csv`."""
    names = {"filter": name, "csv": name} if name else {}
    metadata = {"column": Column(kind, **{**names, **about})}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _styles(values: Any) -> tuple[Style, ...]:
    return tuple(Style(name, probability) for name, probability in values)


@dataclass(frozen=True, eq=False)
class Song:
    """One file: what it is, what zhanr said of it (`genre`, None where not sure), and what the person said.

    `content_hash` is over the sound alone, so that new tags change nothing. `confidence` belongs to `best`, the
    likeliest genre. `error` says why there is no answer. `mtime_ns` is 0 where the file should be tried again.
    `tag_genre` is what the file's tag said when it was scanned, several genres joined by "; ". Times are seconds since
    1970; `missing_since` is set while the file can't be found. `embedding` (d,) is only there where it was asked for.
    """

    # fmt: off
    path: Path = field(metadata={"column": Column("text", "path", "path", sort=True)})  # bytes in the file
    size: int = column("integer", 0, "size")
    mtime_ns: int = column("integer", 0)
    content_hash: str | None = column(filter="hash", csv="content_hash")
    duration: float | None = column("real", name="duration", predicted=True)  # seconds
    genre: str | None = column(name="predicted", predicted=True)
    best: str | None = column(name="best", predicted=True)
    confidence: float | None = column("real", name="confidence", predicted=True)  # 0..1
    probabilities: dict[str, float] = column("json", dict, csv="probabilities", predicted=True)  # noqa: RUF009
    styles: tuple[Style, ...] = column("json", (), name="style", csv="styles", predicted=True, load=_styles)
    warnings: tuple[str, ...] = column("json", (), filter="warning", csv="warnings", predicted=True, load=tuple)
    reason: str | None = column(name="reason", predicted=True)
    error: str | None = column(name="error")
    model_sha256: str | None = column(filter="model", predicted=True)
    tag_genre: str | None = column(name="tag", sort=True, tags=("TCON", "\xa9gen", "WM/Genre", "genre"))
    artist: str | None = column(name="artist", sort=True, tags=("TPE1", "\xa9ART", "Author", "artist"))
    albumartist: str | None = column(name="albumartist", sort=True, tags=ALBUM_ARTIST)
    album: str | None = column(name="album", sort=True, tags=("TALB", "\xa9alb", "WM/AlbumTitle", "album"))
    title: str | None = column(name="title", sort=True, tags=("TIT2", "\xa9nam", "Title", "title"))
    correction: str | None = column(name="correction")
    scanned_at: float = column("real", 0.0, filter="scanned")
    missing_since: float | None = column("real")
    embedding: NDArray[np.float32] | None = None
    id: int | None = None
    # fmt: on

    @property
    def answer(self) -> str | None:
        """The person's word where there is one, else zhanr's genre, else None."""
        return self.correction or self.genre

    @property
    def location(self) -> str:
        """The path as a text; for a song that came from a cluster it may be a URL, which a `Path` can't hold."""
        return _URL.sub(r"\1://", self.path.as_posix()) if is_url(self.path.as_posix()) else str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, without the embedding; printable whatever the file is called."""
        values = {"id": self.id} | {name: getattr(self, name) for name in COLUMNS} | {"path": self.location}
        return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return [v._asdict() if isinstance(v, Style) else v for v in value] if isinstance(value, tuple) else value


COLUMNS: dict[str, Column] = {f.name: f.metadata["column"] for f in fields(Song) if "column" in f.metadata}
"""The columns of the table `song`, by the names of their fields."""
PREDICTED = (*(name for name, c in COLUMNS.items() if c.predicted), "embedding")
"""What a model said of a song: a file that was moved, or is a copy, takes it over."""
TAGS = {name: c.tags for name, c in COLUMNS.items() if c.tags}
TEXTS = {"genre": ANSWER} | {c.filter: f"song.{name}" for name, c in COLUMNS.items() if c.kind == "text" and c.filter}
"""What filters compare as texts, in SQL."""
LISTS = {c.filter: f"song.{name}" for name, c in COLUMNS.items() if c.kind == "json" and c.filter}
"""What filters compare as texts, where a song may have several: JSON lists of texts, or of [text, number]."""
NUMBERS = {c.filter: f"song.{name}" for name, c in COLUMNS.items() if c.kind in ("integer", "real") and c.filter} | {
    "id": "song.id"
}
"""What filters compare as numbers, in SQL."""
ORDERS = {c.filter: f"song.{name}" for name, c in COLUMNS.items() if c.sort} | {"genre": ANSWER} | NUMBERS
"""What the lists of pages can be ordered by."""
CSV = {"path": "path", "genre": "answer"} | {c.csv: name for name, c in COLUMNS.items() if c.csv}
"""The columns of exported tables, and the attribute of a song that each shows."""

_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/+(?=[^/])")  # a drive is one letter, a scheme has more


def is_url(path: str) -> bool:
    """Whether a path is the address of a file in an object store."""
    return _URL.match(path) is not None


def to_row(song: Song) -> dict[str, Any]:
    """The values of the columns as they are stored, but for the path: structures as JSON, texts without odd bytes."""
    values = {name: getattr(song, name) for name in COLUMNS if name != "path"}
    stored = {n: json.dumps(v, ensure_ascii=False) if COLUMNS[n].kind == "json" else v for n, v in values.items()}
    return {name: printable(value) if isinstance(value, str) else value for name, value in stored.items()}


def from_row(values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a `Song` from what is stored of the columns that there are."""
    return {n: COLUMNS[n].load(json.loads(v)) if COLUMNS[n].kind == "json" else v for n, v in values.items()}


def with_prediction(song: Song, prediction: Prediction) -> Song:
    """The song with what the classifier says of it."""
    return replace(song, **{name: getattr(prediction, name) for name in PREDICTED if name != "model_sha256"})
