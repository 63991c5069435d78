"""The library in other forms: tables (CSV, JSON lines, Parquet), and `playlists`. Songs are streamed throughout.

Probabilities and seconds are rounded in the tables that people read; Parquet, which is read back, has all digits.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zhanr.errors import ConfigError
from zhanr.files import check_free, path_cell, replacing
from zhanr.library.agreement import given_genre
from zhanr.library.columns import CSV, Song
from zhanr.library.playlists import write_m3u

DIGITS = 4  # behind the point: a ten-thousandth of a probability, a tenth of a millisecond


def export(songs: Iterable[Song], target: Path, form: str, *, absolute: bool = False, force: bool = False) -> int:
    """Write songs to a file as "csv", "manifest", "json" (an object a line), "parquet" or "m3u"; how many there were.

    The file appears whole or not at all, and takes another one's place only with `force`. `absolute` is for playlists.
    Raises `FileError` and `ConfigError`.
    """
    if form not in FORMS:
        raise ConfigError(f"{form!r} is not a form of export (there are {', '.join(FORMS)})")
    check_free([target], force=force)
    with replacing(target, parents=True) as temporary:
        return write_m3u(songs, temporary, absolute=absolute) if form == "m3u" else FORMS[form](songs, temporary)


def export_csv(songs: Iterable[Song], target: Path) -> int:
    """A table with a header; several warnings are joined by "; "; paths are as `path_cell` writes them."""
    with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, list(CSV), lineterminator="\n")
        writer.writeheader()
        return _each(songs, lambda song: writer.writerow(_csv_row(song)))


def _csv_row(song: Song) -> dict[str, Any]:
    path = song.location if song.location.isprintable() else path_cell(song.path)
    values = _row(song) | {"path": path, "answer": song.answer, "warnings": "; ".join(song.warnings)}
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
        return _each(songs, lambda song: file.write(json.dumps(_row(song), ensure_ascii=False) + "\n"))


def _row(song: Song) -> dict[str, Any]:
    values = {name: _rounded(value) for name, value in song.to_dict().items()}
    return values | {"path": song.location}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def export_parquet(songs: Iterable[Song], target: Path) -> int:
    """All columns and the embeddings, if the songs come with them; `parquet.read_songs` reads it back."""
    from zhanr.library import parquet

    return parquet.write_songs(songs, target)


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
    "m3u": write_m3u,
}
