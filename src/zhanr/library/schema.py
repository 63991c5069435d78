"""The tables of the library file, versioned: every change of them is a migration, and a backup comes first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from zhanr.errors import LibraryError
from zhanr.files import replacing

APPLICATION_ID = 0x7A686E72  # "zhnr": tells our file from any other SQLite file
Migration = Callable[[sqlite3.Connection], None]


def _first_tables(connection: sqlite3.Connection) -> None:
    """Version 1. Paths are bytes (`os.fsencode`), because a file name need not be valid Unicode.

    Embeddings have a table of their own: a row of `song` stays small, so that listing and counting read little.
    """
    connection.execute(
        """
        CREATE TABLE song (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            folder BLOB NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            content_hash TEXT,
            duration REAL,
            genre TEXT,
            best TEXT,
            confidence REAL,
            probabilities TEXT NOT NULL DEFAULT '{}',
            warnings TEXT NOT NULL DEFAULT '[]',
            reason TEXT,
            error TEXT,
            model_sha256 TEXT,
            tag_genre TEXT,
            artist TEXT,
            album TEXT,
            title TEXT,
            correction TEXT,
            scanned_at REAL NOT NULL,
            missing_since REAL
        )
        """
    )
    connection.execute("CREATE INDEX song_folder ON song (folder)")
    connection.execute("CREATE INDEX song_content ON song (content_hash) WHERE content_hash IS NOT NULL")
    connection.execute(
        """
        CREATE TABLE embedding (
            song INTEGER PRIMARY KEY REFERENCES song (id) ON DELETE CASCADE,
            vector BLOB NOT NULL
        )
        """
    )


def _styles(connection: sqlite3.Connection) -> None:
    """Version 2."""
    connection.execute("ALTER TABLE song ADD COLUMN styles TEXT NOT NULL DEFAULT '[]'")
    connection.execute("ALTER TABLE song ADD COLUMN albumartist TEXT")


def _memory(connection: sqlite3.Connection) -> None:
    """Version 3. What `memory` keeps."""
    connection.execute("CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")


MIGRATIONS: tuple[Migration, ...] = (_first_tables, _styles, _memory)
"""The function at place i takes a file of version i to version i + 1. Only ever append."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a library file; 0 is an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def prepare(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Path | None:
    """Bring a library file to the newest version. Returns the backup that was made, if one was needed.

    Raises `LibraryError` where the file is of a newer zhanr, or is not a library.
    """
    check(connection, path, migrations)
    version = version_of(connection)
    if version == len(migrations):
        return None
    saved = backup(connection, path, version) if version else None
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in migrations[version_of(connection) :]:  # asked again: another process may have been quicker
            migration(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return saved


def check(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Refuse what is not a library of this or an older zhanr."""
    version = version_of(connection)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    if identity != APPLICATION_ID and (tables or version or identity):
        raise LibraryError(path, "this is the database of another program, not a zhanr library")
    if version > len(migrations):
        raise LibraryError(
            path,
            f"it was made by a newer zhanr (its version is {version}, this zhanr knows up to {len(migrations)}); "
            "please update zhanr",
        )


def backup(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the whole library beside it, under a name with its version and the date."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H%M%S")
    target = path.with_name(f"{path.stem}.v{version}.{stamp}{path.suffix or '.sqlite'}")
    with replacing(target, error=LibraryError) as temporary, closing(sqlite3.connect(temporary)) as copy:
        connection.backup(copy)
    return target
