"""Long lists of songs, a screenful at a time: what a filter picks is looked up once, and its rows when they are seen.

A page of a table must come at once, wherever it is, and rows must not jump about while another process scans. So a
`View` holds the ids of all songs, in order, as they were at one moment; the songs themselves are read by their ids.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhanr.errors import ConfigError
from zhanr.library import query as language
from zhanr.library.columns import ANSWER, ORDERS, TEXTS, Song
from zhanr.library.store import Library, as_library_errors


@dataclass(frozen=True, eq=False)
class View:
    """What a filter picked: the `ids` of the songs (n,) in order, and how many have which answer.

    `genres` counts the answers, the most frequent first. `unsure` and `failed` songs have none.
    """

    ids: NDArray[np.int64]
    genres: dict[str, int] = field(default_factory=dict)
    unsure: int = 0
    failed: int = 0

    def __len__(self) -> int:
        """How many songs there are."""
        return len(self.ids)


def view(library: Library, query: str | None = None, *, order: str = "path") -> View:
    """Look up what a filter picks. Raises `ConfigError` for a wrong filter or order."""
    where, values = language.to_sql(query)
    answer = ANSWER
    statement = f"SELECT song.id, {answer}, song.error IS NOT NULL FROM song WHERE {where} ORDER BY {_order(order)}"
    with as_library_errors(library.path):
        rows = library.db.execute(statement, values).fetchall()
    genres = Counter(genre for _, genre, _ in rows)
    failed = sum(genre is None and error for _, genre, error in rows)
    unsure = genres.pop(None, 0) - failed
    ranked = dict(sorted(genres.items(), key=lambda item: (-item[1], item[0])))
    ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    return View(ids, ranked, unsure, failed)


def _order(order: str) -> str:
    name = order.removeprefix("-")
    if name not in ORDERS:
        raise ConfigError(f"{order!r} is nothing to sort by (there are {', '.join(ORDERS)})")
    column, direction = ORDERS[name], "DESC" if order.startswith("-") else "ASC"
    if name == "path":
        return f"song.path {direction}"
    text = " COLLATE NOCASE" if name in TEXTS else ""
    return f"{column} IS NULL, {column}{text} {direction}, song.path"


def songs_of(library: Library, ids: Iterable[int]) -> list[Song | None]:
    """The songs with these ids, in their order; None where one has been forgotten since."""
    return [library.song_by_id(int(number)) for number in ids]


def genres_of(library: Library, ids: NDArray[np.int64]) -> list[str | None]:
    """The answers for these ids, in their order; None where there is none."""
    with as_library_errors(library.path):
        rows = library.db.execute(f"SELECT song.id, {ANSWER} FROM song").fetchall()
    known = dict(rows)
    return [known.get(number) for number in ids.tolist()]


def stamp(path: Path) -> str:
    """A text that changes whenever anybody writes to the library file; "" while there is none."""
    found = []
    for name in (path, path.with_name(path.name + "-wal")):  # what was written last lies beside the file for a while
        try:
            status = os.stat(name)  # noqa: PTH116
            found.append(f"{status.st_mtime_ns}.{status.st_size}")
        except OSError:
            found.append("")
    return "-".join(found).strip("-")
