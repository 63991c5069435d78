"""A CSV manifest: `file,genre[,artist,split]`, paths relative to it; other columns are ignored."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from zhanr.errors import DatasetError
from zhanr.files import read_failure
from zhanr.lab.datasets.base import Dataset, Track, clean_text, file_problem, unique_names

REQUIRED = ("file", "genre")
NAMES = ("track", "name")
DELIMITERS = ",;\t"
PARTS = {"val": "valid", "validation": "valid", "dev": "valid", "training": "train", "testing": "test"}
"""Other words for a part of a split, and the one that zhanr uses."""

Row = dict[str, str]


def read(path: Path, *, strict: bool = True) -> Dataset:
    """List the tracks of a manifest; a row that can't be used is a problem that names its line."""
    rows, problems = _rows(path)
    wanted: list[str] = []
    tracks: list[Track] = []
    first: dict[Path, tuple[int, str]] = {}
    for line, row in rows:
        try:
            track = _track(path, line, row)
            _refuse_repeat(path, line, track, first)
        except DatasetError as problem:
            problems.append(problem)
            continue
        tracks.append(track)
        wanted.append(_given_name(row) or clean_text(Path(row["file"]).stem))
    if strict and not tracks:
        what = f"no row of it can be used; for one, {problems[0].reason}" if problems else "it has a header but no rows"
        raise DatasetError(path, what)
    names = unique_names(wanted, [track.name for track in tracks])
    named = (Track(n, t.path, t.genre, t.artist, t.split) for n, t in zip(names, tracks, strict=True))
    return Dataset(path.stem, tuple(named), tuple(problems))


def decode(path: Path) -> str:
    """The text of a manifest: UTF-8 with or without a byte order mark, or UTF-16 with one (as Excel writes it)."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(path, read_failure(error)) from error
    if b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DatasetError(path, "this is not a CSV file")
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DatasetError(path, f"line {line} is not UTF-8 text; save the table as 'CSV UTF-8'") from error


def _rows(path: Path) -> tuple[list[tuple[int, Row]], list[DatasetError]]:
    """Each row that fits the header, with its line number; rows that don't fit are problems."""
    text = decode(path)
    rows: list[tuple[int, Row]] = []
    problems: list[DatasetError] = []
    lines = _lines(path, text)
    header = _header(path, next(lines, (1, []))[1])
    for line, values in lines:
        extra = [value for value in values[len(header) :] if value.strip()]
        if extra:
            reason = f"line {line} has {len(values)} values for {len(header)} columns; quote values that hold a comma"
            problems.append(DatasetError(path, reason))
        elif any(value.strip() for value in values):
            values = values + [""] * (len(header) - len(values))
            rows.append((line, dict(zip(header, values, strict=False))))
    return rows, problems


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of its last line (a quoted value may hold line breaks)."""
    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for values in reader:
            yield reader.line_num, values
    except csv.Error as error:
        raise DatasetError(path, f"line {reader.line_num} is not CSV ({error})") from error


def _header(path: Path, values: list[str]) -> list[str]:
    header = [value.strip().lower() for value in values]
    if missing := [name for name in REQUIRED if name not in header]:
        found = ", ".join(name for name in header if name) or "none"
        raise DatasetError(
            path, f"the first line must name the columns file and genre; missing: {', '.join(missing)} (found: {found})"
        )
    known = (*REQUIRED, *NAMES, "artist", "split")
    if twice := sorted({name for name in header if name in known and header.count(name) > 1}):
        raise DatasetError(path, f"the column {', '.join(twice)} is there more than once")
    return header


def _track(manifest: Path, line: int, row: Row) -> Track:
    """One row as a track, named for now by its file as written; `DatasetError` where it can't be used."""
    if empty := [column for column in REQUIRED if not row[column].strip()]:
        raise DatasetError(manifest, f"line {line}: the column {empty[0]} is empty")
    file = _find(manifest.parent, row["file"].strip())
    if reason := file_problem(file):
        raise DatasetError(file, f"{reason} (line {line} of {manifest.name})")
    part = clean_text(row.get("split", "")).lower()
    artist = clean_text(row.get("artist", "")) or None
    return Track(clean_text(row["file"]), file, clean_text(row["genre"]), artist, PARTS.get(part, part) or None)


def _find(folder: Path, file: str) -> Path:
    """The file as written; else with Windows' separators turned, or with its letters composed the other way."""
    turned = file.replace("\\", "/")
    spellings = [file, turned, unicodedata.normalize("NFC", turned), unicodedata.normalize("NFD", turned)]
    paths = [folder / spelling for spelling in spellings]
    return next((path for path in paths if path.is_file()), paths[0])


def _refuse_repeat(manifest: Path, line: int, track: Track, first: dict[Path, tuple[int, str]]) -> None:
    """A file may be listed once; the first row counts, and a second with another genre says so."""
    real = track.path.resolve()
    if real not in first:
        first[real] = (line, track.genre)
        return
    before, genre = first[real]
    clash = "" if genre == track.genre else f", there as {genre} and here as {track.genre}"
    raise DatasetError(manifest, f"line {line} repeats the file of line {before}{clash}; the first one counts")


def _given_name(row: Row) -> str:
    return next((clean_text(row[column]) for column in NAMES if row.get(column, "").strip()), "")
