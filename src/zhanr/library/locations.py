"""Which files of the library are where: the library's side of comparing it with the folders as they are.

Nothing that was learned is thrown away because a file can't be found: the song is marked as missing, and is found again
by its sound when the file comes back or turns up elsewhere. Only a failure whose file is gone is forgotten.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from zhanr.library.columns import Song
from zhanr.library.store import Library, as_library_errors

_KEPT = "(error IS NULL OR correction IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class Known:
    """What the library knows of a file, as far as a rescan needs it."""

    size: int
    mtime_ns: int
    model_sha256: str | None
    failed: bool
    missing: bool


def known_in(library: Library, folder: str) -> dict[str, Known]:
    """All songs of one folder, without those of its sub-folders, by path."""
    statement = (
        "SELECT path, size, mtime_ns, model_sha256, error IS NOT NULL, missing_since IS NOT NULL "
        "FROM song WHERE folder = ?"
    )
    with as_library_errors(library.path):
        rows = library.db.execute(statement, (os.fsencode(folder),)).fetchall()
    return {os.fsdecode(r[0]): Known(r[1], r[2], r[3], bool(r[4]), bool(r[5])) for r in rows}


def folders_below(library: Library, root: str) -> Iterator[str]:
    """The folders at and below a root in which the library has songs that are not missing."""
    start = os.fsencode(root.rstrip(os.sep)) + os.fsencode(os.sep)
    stop = start[:-1] + bytes([start[-1] + 1])
    statement = (
        "SELECT DISTINCT folder FROM song WHERE (folder = ? OR folder >= ? AND folder < ?) AND missing_since IS NULL"
    )
    with as_library_errors(library.path):
        rows = library.db.execute(statement, (os.fsencode(root), start, stop)).fetchall()
    return (os.fsdecode(row[0]) for row in rows)


def mark_missing(library: Library, paths: Collection[str]) -> int:
    """Mark songs as missing, and forget failures; how many are newly missing."""
    keys = [(os.fsencode(path),) for path in paths]
    with library.transaction():
        library.db.executemany(f"DELETE FROM song WHERE path = ? AND NOT {_KEPT}", keys)
        cursor = library.db.executemany(
            f"UPDATE song SET missing_since = {time.time()} WHERE path = ? AND missing_since IS NULL", keys
        )
        return cursor.rowcount


def mark_present(library: Library, paths: Iterable[str]) -> None:
    """Take back that songs are missing."""
    with library.transaction():
        library.db.executemany(
            "UPDATE song SET missing_since = NULL WHERE path = ?", [(os.fsencode(path),) for path in paths]
        )


def forget_failure(library: Library, path: str) -> None:
    """Forget that something at a path, a folder say, could not be read."""
    key = (os.fsencode(path),)
    with as_library_errors(library.path):
        found = library.db.execute(f"SELECT 1 FROM song WHERE path = ? AND NOT {_KEPT}", key).fetchone()
    if found:
        with library.transaction():
            library.db.execute(f"DELETE FROM song WHERE path = ? AND NOT {_KEPT}", key)


def twins(library: Library, content_hash: str, limit: int = 20) -> list[Song]:
    """Songs that were answered and sound exactly like this, the missing ones first."""
    statement = (
        "SELECT id FROM song WHERE content_hash = ? AND best IS NOT NULL ORDER BY missing_since IS NULL, id LIMIT ?"
    )
    with as_library_errors(library.path):
        ids = [row[0] for row in library.db.execute(statement, (content_hash, limit)).fetchall()]
    found = (library.song_by_id(number, embedding=True) for number in ids)
    return [song for song in found if song is not None]


def move(library: Library, song: Song, path: str) -> None:
    """Let a song, with all that is known of it, have another path; what the library had under that path is replaced."""
    with library.transaction():
        library.db.execute("DELETE FROM song WHERE path = ? AND id <> ?", (os.fsencode(path), song.id))
        library.db.execute(
            "UPDATE song SET path = ?, folder = ?, missing_since = NULL WHERE id = ?",
            (os.fsencode(path), os.fsencode(os.path.dirname(path)), song.id),  # noqa: PTH120
        )


def forget_missing(library: Library) -> int:
    """Forget all songs that are missing; how many they were."""
    with library.transaction():
        return library.db.execute("DELETE FROM song WHERE missing_since IS NOT NULL").rowcount
