"""Songs in Parquet files, the way to and from data frames and clusters. Needs the extra `parquet` (pyarrow)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from zhanr.errors import FileError, ZhanrError
from zhanr.library.columns import COLUMNS, Song, from_row, to_row
from zhanr.library.store import Library

ROWS = 1000  # songs in memory at once
_STORED = {name: column.kind for name, column in COLUMNS.items() if name != "path"}


def pyarrow() -> Any:
    """The library pyarrow, or a `ZhanrError` that says how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ZhanrError("Parquet files need pyarrow: pip install 'zhanr[parquet]'") from error
    return pyarrow


def to_record(song: Song) -> dict[str, Any]:
    """A song as one row: structures as JSON, the path as text and, exactly, as bytes."""
    record = to_row(song)
    name = os.fsencode(song.location)
    record["path"], record["path_bytes"] = name.decode("utf-8", "replace"), name
    record["embedding"] = None if song.embedding is None else np.asarray(song.embedding, np.float32).tolist()
    return record


def from_record(record: Mapping[str, Any]) -> Song:
    """The song of a row. Only `path` must be there; raises `KeyError`, `TypeError` or `ValueError`."""
    values = from_row({name: record[name] for name in _STORED if record.get(name) is not None})
    exact = record.get("path_bytes")
    vector = record.get("embedding")
    embedding = None if vector is None else np.asarray(vector, np.float32)
    return Song(Path(record["path"] if exact is None else os.fsdecode(exact)), **values, embedding=embedding)


def schema() -> Any:
    """The columns and their types."""
    arrow = pyarrow()
    types = {"text": arrow.string(), "json": arrow.string(), "integer": arrow.int64(), "real": arrow.float64()}
    return arrow.schema(
        [("path", arrow.string()), ("path_bytes", arrow.binary())]
        + [(name, types[kind]) for name, kind in _STORED.items()]
        + [("embedding", arrow.list_(arrow.float32()))]
    )


def write_songs(songs: Iterable[Song], path: Path) -> int:
    """Write songs to one file; how many there were."""
    arrow = pyarrow()
    count, rest = 0, iter(songs)
    with arrow.parquet.ParquetWriter(os.fspath(path), schema()) as writer:
        while records := [to_record(song) for song in islice(rest, ROWS)]:
            writer.write_table(arrow.Table.from_pylist(records, schema=schema()))
            count += len(records)
    return count


def read_songs(path: Path) -> Iterator[Song]:
    """The songs of a Parquet file, or of all those in a folder. Raises `FileError`."""
    arrow = pyarrow()
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise FileError(path, "there are no .parquet files in this folder")
    for file in files:
        try:
            with arrow.parquet.ParquetFile(os.fspath(file)) as reader:
                for batch in reader.iter_batches(ROWS):
                    yield from map(from_record, batch.to_pylist())
        except (OSError, arrow.ArrowException) as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else "this is not a Parquet file"
            raise FileError(file, f"{reason}, or it can't be read") from error
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(file, f"this table does not hold songs as zhanr writes them ({error!r})") from error


def import_songs(library: Library, path: Path, *, replace: tuple[str, str] | None = None) -> int:
    """Put the songs of Parquet files into the library; how many. A path that is known is replaced, never doubled.

    `replace` is the beginning of paths as they are there, and as they should be here: ("s3://music", "/mnt/music").
    """
    count, songs = 0, read_songs(path)
    while batch := [_relocated(song, replace) for song in islice(songs, ROWS)]:
        library.add(*batch)
        count += len(batch)
    return count


def _relocated(song: Song, prefixes: tuple[str, str] | None) -> Song:
    if prefixes is None or not song.location.startswith(prefixes[0]):
        return song
    return dataclasses.replace(song, path=Path(prefixes[1] + song.location[len(prefixes[0]) :]))
