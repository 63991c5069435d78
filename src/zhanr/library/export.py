"""The library in other forms: tables (CSV, JSON lines, Parquet) and playlists (M3U8). Songs are streamed throughout."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from zhanr.errors import ConfigError
from zhanr.files import replacing
from zhanr.library.agreement import given_genre
from zhanr.library.columns import CSV, Song
from zhanr.library.store import Library

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def export(songs: Iterable[Song], target: Path, form: str) -> int:
    """Write songs to a file as "csv", "manifest", "json" (an object a line), "parquet" or "m3u"; how many there were.

    The file appears whole or not at all. Raises `FileError` and `ConfigError`.
    """
    if form not in FORMS:
        raise ConfigError(f"{form!r} is not a form of export (there are {', '.join(FORMS)})")
    with replacing(target, parents=True) as temporary:
        return FORMS[form](songs, temporary)


def export_csv(songs: Iterable[Song], target: Path) -> int:
    """A table with a header; several warnings are joined by "; "."""
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, list(CSV), lineterminator="\n")
        writer.writeheader()
        return _each(songs, lambda song: writer.writerow(_csv_row(song)))


def _csv_row(song: Song) -> dict[str, Any]:
    values = song.to_dict() | {"answer": song.answer, "warnings": "; ".join(song.warnings)}
    row = {name: values[attribute] for name, attribute in CSV.items()}
    return {n: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for n, v in row.items()}


def export_manifest(songs: Iterable[Song], target: Path) -> int:
    """A data set for `zhanr lab extract`: the songs that a person gave one genre, by a correction or by a tag."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "genre", "artist"))
        rows = ((song.location, given_genre(song, trust_tags=True), song.artist or "") for song in songs)
        named = (row for row in rows if row[1] and row[0].isprintable())  # a table of text can't hold other names
        return sum(1 for row in named if writer.writerow(row))


def export_json(songs: Iterable[Song], target: Path) -> int:
    """One JSON object a line, with all columns of the library; a path that is no Unicode as `\\udcff`, Python's way."""
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        return _each(songs, lambda song: file.write(json.dumps(_exact(song), ensure_ascii=False) + "\n"))


def _exact(song: Song) -> dict[str, Any]:
    return song.to_dict() | {"path": song.location}


def export_parquet(songs: Iterable[Song], target: Path) -> int:
    """All columns and the embeddings, if the songs come with them; `parquet.read_songs` reads it back."""
    from zhanr.library import parquet

    return parquet.write_songs(songs, target)


def export_m3u(songs: Iterable[Song], target: Path) -> int:
    """A playlist in UTF-8 with absolute paths. A path with a line break can't be in one, and is left out."""
    with target.open("wb") as file:
        file.write(b"#EXTM3U\n")
        playable = (song for song in songs if not {"\n", "\r"} & set(song.location))
        return _each(playable, lambda song: _m3u_entry(file, song))


def _m3u_entry(file: IO[bytes], song: Song) -> None:
    title = " - ".join(part for part in (song.artist, song.title) if part) or song.path.stem
    line = f"#EXTINF:{-1 if song.duration is None else round(song.duration)},{' '.join(title.split())}\n"
    file.write(line.encode("utf-8", "replace"))
    file.write(os.fsencode(song.location) + b"\n")  # the very bytes of the name, for that is what a player opens


def _each(songs: Iterable[Song], write: Callable[[Song], Any]) -> int:
    count = 0
    for song in songs:
        write(song)
        count += 1
    return count


FORMS: dict[str, Callable[[Iterable[Song], Path], int]] = {
    "csv": export_csv,
    "manifest": export_manifest,
    "json": export_json,
    "parquet": export_parquet,
    "m3u": export_m3u,
}


def playlists(library: Library, folder: Path, query: str | None = None) -> dict[str, tuple[Path, int]]:
    """Write one playlist per genre into a folder; by genre, the file and its number of songs. Raises `FileError`."""
    taken: set[str] = set()
    written = {}
    for genre in library.genres(query):
        path = folder / f"{safe_name(genre, taken)}.m3u8"
        songs = (song for song in library.songs(query) if song.answer == genre)
        written[genre] = (path, export(songs, path, "m3u"))
    return written


def safe_name(text: str, taken: set[str]) -> str:
    """A file name that every system allows, and that is not in `taken`, to which it is added."""
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]+', "-", text).strip(" .")
    name = name.encode("utf-8", "replace")[:120].decode("utf-8", "ignore").strip(" .") or "genre"
    name = f"{name}_" if _RESERVED.fullmatch(name) else name
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{name} ({number})"
    taken.add(candidate.casefold())
    return candidate
