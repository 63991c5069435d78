"""The library file and its rows."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zhanr import settings
from zhanr.errors import ConfigError, LibraryError
from zhanr.files import data_folder, write_failure
from zhanr.library import query as language
from zhanr.library import schema
from zhanr.library.columns import ANSWER, COLUMNS, Song, from_row, is_url, to_row
from zhanr.words import printable

BUSY_SECONDS = 15.0  # to wait for another program that is writing


_SELECT = ", ".join(f"song.{name}" for name in ("id", *COLUMNS))


def default_path() -> Path:
    """Where the library lies unless told otherwise: as the setting says, or in the platform's folder for such data."""
    given = settings.text("library")
    return Path(given).expanduser() if given else data_folder() / "library.sqlite"


class Library:
    """An open library file; `close` it, or use it as a context manager. One object belongs to one thread.

    Several processes may have it open; a writer waits for the other for up to `timeout` seconds. `db` is the SQLite
    connection, for the modules of this package alone.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.db = connection
        self.path = path

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        create: bool = True,
        readonly: bool = False,
        timeout: float = BUSY_SECONDS,
    ) -> Library:
        """Open the library, make it if `create`, and migrate an older one. Raises `LibraryError`."""
        target = Path(path) if path is not None else default_path()
        if not target.exists():
            if readonly or not create:
                raise LibraryError(target, "there is no library yet; `zhanr scan FOLDER` makes one")
            _make_folder(target)
        if readonly and _is_older(target):
            cls.open(target, timeout=timeout).close()  # which brings it up to date, after a backup
        with as_library_errors(target):
            uri = f"{target.absolute().as_uri()}?mode={_mode(target) if readonly else 'rwc'}"
            connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
            try:
                _set_up(connection, target, readonly=readonly)
            except BaseException:
                connection.close()
                raise
        return cls(connection, target)

    def __enter__(self) -> Self:
        """Return the library itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the library."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all writes inside at once, or none of them. Transactions may be nested; the outermost one counts."""
        if self.db.in_transaction:
            yield
            return
        with as_library_errors(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                self.db.execute("ROLLBACK")
                raise

    # -- songs

    def add(self, *songs: Song) -> None:
        """Add songs; one whose path is known is replaced, but the person's correction stays unless a new one comes."""
        with self.transaction():
            for song in songs:
                self._add(song)

    def _add(self, song: Song) -> None:
        values = _to_row(song)
        names = list(values)
        updates = [f"{n} = excluded.{n}" for n in names if n not in ("path", "correction")]
        updates.append("correction = coalesce(excluded.correction, correction)")
        statement = (
            f"INSERT INTO song ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
            f"ON CONFLICT (path) DO UPDATE SET {', '.join(updates)} RETURNING id"
        )
        (row,) = self.db.execute(statement, tuple(values.values())).fetchall()
        self.db.execute("DELETE FROM embedding WHERE song = ?", row)
        if song.embedding is not None:
            vector = np.ascontiguousarray(song.embedding, dtype="<f4").tobytes()
            self.db.execute("INSERT INTO embedding (song, vector) VALUES (?, ?)", (row[0], vector))

    def songs(
        self, query: str | None = None, *, order: str = "path", embeddings: bool = False, limit: int | None = None
    ) -> Iterator[Song]:
        """Yield the songs that a filter picks (see `query`), one by one from the disk, in order of a column.

        Songs whose files are missing are left out unless the filter asks for them. Raises `ConfigError`.
        """
        if order.removeprefix("-") not in COLUMNS:
            raise ConfigError(f"{order!r} is not a column to sort by (there are {', '.join(COLUMNS)})")
        where, values = language.to_sql(query)
        vector = ", embedding.vector" if embeddings else ""
        join = "LEFT JOIN embedding ON embedding.song = song.id" if embeddings else ""
        direction = "DESC" if order.startswith("-") else "ASC"
        statement = (
            f"SELECT {_SELECT}{vector} FROM song {join} WHERE {where} "
            f"ORDER BY song.{order.removeprefix('-')} {direction}, song.path LIMIT ?"
        )
        with as_library_errors(self.path):
            for row in self.db.execute(statement, (*values, -1 if limit is None else limit)):
                yield _to_song(row)

    def count(self, query: str | None = None) -> int:
        """How many songs a filter picks."""
        where, values = language.to_sql(query)
        with as_library_errors(self.path):
            return int(self.db.execute(f"SELECT count(*) FROM song WHERE {where}", values).fetchone()[0])

    def genres(self, query: str | None = None) -> dict[str, int]:
        """How many of the songs that a filter picks have each genre, the most frequent first; the unsure count not."""
        where, values = language.to_sql(query)
        answer = ANSWER
        statement = (
            f"SELECT {answer} AS answer, count(*) FROM song WHERE {where} AND answer IS NOT NULL "
            "GROUP BY answer ORDER BY count(*) DESC, answer"
        )
        with as_library_errors(self.path):
            return dict(self.db.execute(statement, values).fetchall())

    def song(self, path: str | os.PathLike[str], *, embedding: bool = False) -> Song | None:
        """The song of a path (made absolute), or None. It may be missing."""
        return self._one("song.path = ?", key_of(path), embedding=embedding)

    def song_by_id(self, number: int, *, embedding: bool = False) -> Song | None:
        """The song with an id, as `embeddings` gives them, or None."""
        return self._one("song.id = ?", number, embedding=embedding)

    def _one(self, where: str, value: Any, *, embedding: bool) -> Song | None:
        vector = ", (SELECT vector FROM embedding WHERE embedding.song = song.id)" if embedding else ""
        with as_library_errors(self.path):
            row = self.db.execute(f"SELECT {_SELECT}{vector} FROM song WHERE {where} LIMIT 1", (value,)).fetchone()
        return None if row is None else _to_song(row)

    def embeddings(self, model_sha256: str | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids (n,) and embeddings (n, d) of all songs that one model classified; by default that of most of them.

        Embeddings of different models can't be compared, so they are never mixed. Missing songs are left out.
        """
        where = "song.missing_since IS NULL AND song.model_sha256 = ?"
        with as_library_errors(self.path):
            model = model_sha256 or self.main_model()
            join = "FROM embedding JOIN song ON song.id = embedding.song"
            count, size = self.db.execute(
                f"SELECT count(*), coalesce(max(length(vector)), 0) {join} WHERE {where}", (model,)
            ).fetchone()
            ids, matrix = np.empty(count, np.int64), np.empty((count, size // 4), np.float32)
            rows = self.db.execute(
                f"SELECT song.id, vector {join} WHERE {where} ORDER BY song.id LIMIT {count}", (model,)
            )
            n = 0
            for n, (number, vector) in enumerate(rows, start=1):
                ids[n - 1], matrix[n - 1] = number, np.frombuffer(vector, "<f4")
        return ids[:n], matrix[:n]

    @property
    def version(self) -> int:
        """A number that changes when another program, or another object of this one, has written to the file."""
        with as_library_errors(self.path):
            return int(self.db.execute("PRAGMA data_version").fetchone()[0])

    def main_model(self) -> str | None:
        """The sha256 of the model that classified most of the songs, or None where none was classified."""
        row = self.db.execute(
            "SELECT model_sha256 FROM song WHERE model_sha256 IS NOT NULL AND error IS NULL "
            "GROUP BY model_sha256 ORDER BY count(*) DESC, model_sha256 LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def correct(self, path: str | os.PathLike[str], genre: str | None) -> Song:
        """Store the person's word on a song, or take it back with None. Raises `LibraryError` for an unknown song."""
        song = self.song(path)
        if song is None:
            raise LibraryError(os.fspath(path), "this song is not in the library; scan its folder first")
        with self.transaction():
            self.db.execute("UPDATE song SET correction = ? WHERE id = ?", (genre and printable(genre), song.id))
        return self.song(path) or song


def key_of(path: str | os.PathLike[str]) -> bytes:
    """How the library writes a path: absolute, without "..", in bytes; a URL as it is."""
    location = Song(Path(path)).location
    return os.fsencode(location if is_url(location) else os.path.abspath(path))  # noqa: PTH100


def _to_row(song: Song) -> dict[str, Any]:
    path = key_of(song.path)
    values = {"path": path, "folder": os.path.dirname(path)} | to_row(song)  # noqa: PTH120
    return values | {"scanned_at": song.scanned_at or time.time()}


def _to_song(row: tuple[Any, ...]) -> Song:
    number, *columns = row[: len(COLUMNS) + 1]
    values = dict(zip(COLUMNS, columns, strict=True))
    path = Path(os.fsdecode(values.pop("path")))
    vector = row[len(COLUMNS) + 1] if len(row) > len(COLUMNS) + 1 else None
    embedding = None if vector is None else np.frombuffer(vector, "<f4")
    return Song(path, **from_row(values), embedding=embedding, id=number)


def _is_older(path: Path) -> bool:
    with (
        as_library_errors(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={_mode(path)}", uri=True)) as db,
    ):
        return 0 < schema.version_of(db) < len(schema.MIGRATIONS)


def _mode(path: Path) -> str:
    """How to open a file for reading: SQLite makes files beside it, where it may; else nobody can be writing to it."""
    alone = not path.with_name(f"{path.name}-wal").exists()
    return "ro&immutable=1" if alone and not os.access(path.parent, os.W_OK) else "ro"


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(path, f"its folder can't be made: {write_failure(error)}") from error


def _set_up(connection: sqlite3.Connection, path: Path, *, readonly: bool) -> None:
    """WAL lets readers read while a writer writes; a process that is killed loses nothing that was committed."""
    connection.execute("PRAGMA foreign_keys = ON")
    for name, function in language.FUNCTIONS.items():
        connection.create_function(name, 2, function, deterministic=True)
    if readonly:
        schema.check(connection, path)
        return
    schema.check(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    schema.prepare(connection, path)


@contextmanager
def as_library_errors(path: Path) -> Iterator[None]:
    """Say what SQLite says in words, as a `LibraryError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise LibraryError(path, "another program is writing to it; please try again later") from error
        if "unable to open" in text:
            raise LibraryError(path, "it can't be opened; is it a folder, or is reading it not permitted?") from error
        if "readonly" in text:
            raise LibraryError(path, "writing to it is not permitted") from error
        if "full" in text:
            raise LibraryError(path, "the disk is full") from error
        raise LibraryError(path, f"the library can't be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise LibraryError(path, f"this is not a library, or it is damaged ({error})") from error
