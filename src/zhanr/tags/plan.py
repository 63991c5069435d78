"""The plan: what shall be written, as a table that a person can read, sort and edit in any editor or spreadsheet.

A CSV file with a line for each song: `write` (yes or no), `genre` (what the file will say; several with `;` between
them), `old` (what it says now), `confidence`, `reason`, `path`, and `check`, by which a file that has changed since is
recognised. Lines may be removed, sorted and edited, columns may be moved. A spreadsheet may save it with semicolons or
tabs, or as UTF-16; all of that is understood.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhanr.errors import ConfigError, FileError, PlanError, TagError
from zhanr.files import path_cell, read_failure, read_path_cell, replacing
from zhanr.tags.formats import checked_genre, open_tags
from zhanr.tags.formats.fields import GENRE, checked_field
from zhanr.tags.policy import Evidence, Policy, decide
from zhanr.tags.target import Check, real
from zhanr.words import distinct, join, split

COLUMNS = ("write", "genre", "old", "confidence", "reason", "path", "check")
_FIELD = "field:"  # begins the name of the column of a field beside the genre
_NEEDED = ("write", "genre", "path", "check")
_YES, _NO = ("yes", "y", "true", "1", "x"), ("no", "n", "false", "0", "")
_CHECK = re.compile(r"size=(\d+) mtime=(-?\d+) sha256=([0-9a-f]{64})")
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run a cell that begins with one of these


@dataclass(frozen=True)
class Row:
    """One song of a plan."""

    path: Path
    genres: tuple[str, ...]
    check: Check
    old: tuple[str, ...] = ()
    confidence: float | None = None
    reason: str = ""
    write: bool = True
    field: str = ""
    styles: tuple[str, ...] = ()

    @property
    def wanted(self) -> dict[str, tuple[str, ...]]:
        """What the file shall say, by field; what is empty stays as it is."""
        return {GENRE: self.genres} | ({self.field: self.styles} if self.field else {})

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": str(self.path),
            "write": self.write,
            "genres": list(self.genres),
            "old": list(self.old),
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "reason": self.reason,
        } | ({"field": self.field, "styles": list(self.styles)} if self.field else {})


def plan(songs: Iterable[tuple[Path, Evidence] | FileError], policy: Policy) -> Iterator[Row | FileError]:
    """Decide on every song; one that can't be read or written gives its error. Each file comes up once."""
    seen: set[Path] = set()
    for song in songs:
        if isinstance(song, FileError):
            yield song
            continue
        path, answer = song
        target = real(path)
        if target in seen:
            continue
        seen.add(target)
        try:
            yield _row(Path(os.path.abspath(path)), target, answer, policy)  # noqa: PTH100 - Path.absolute keeps ".."
        except TagError as error:
            yield TagError(path, error.reason)


def counted(genres: Iterable[tuple[str, ...]]) -> list[tuple[str, int]]:
    """How many files get each genre, the most frequent first: what one wants to see before a thousand rows."""
    counts = Counter(genre for names in genres for genre in names)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def changes(rows: Iterable[Row]) -> list[tuple[str, int]]:
    """The genres of the rows that will change a file's genre, `counted`."""
    return counted(row.genres for row in rows if row.write and row.genres != row.old)


def _row(path: Path, target: Path, answer: Evidence, policy: Policy) -> Row:
    field = policy.field
    with open_tags(target) as opened:
        old, styles = opened.tags.genres, opened.tags.texts(field) if field else ()
    decision = decide(policy, old, answer, styles)
    return Row(
        path,
        decision.genres,
        Check.of(target),
        old,
        answer.confidence,
        decision.reason,
        decision.write,
        field if decision.styles else "",
        decision.styles,
    )


def write_plan(rows: Iterable[Row], path: Path) -> None:
    """Write a plan, all of it or nothing. Raises `PlanError`."""
    buffer, rows = io.StringIO(), list(rows)
    fields = sorted({row.field for row in rows if row.field})
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([*COLUMNS[:2], *(_FIELD + field for field in fields), *COLUMNS[2:]])
    for row in rows:
        writer.writerow(_cells(row, fields))
    if not path.parent.is_dir():
        raise PlanError(path, "there is no such folder to write the plan to")
    with replacing(path, error=PlanError) as temporary:
        temporary.write_bytes(buffer.getvalue().encode("utf-8-sig"))  # Excel takes it for UTF-8 only with this mark


def _cells(row: Row, fields: list[str]) -> list[str]:
    check = f"size={row.check.size} mtime={row.check.mtime_ns} sha256={row.check.sha256}"
    confidence = "" if row.confidence is None else f"{row.confidence:.2f}"
    own = (join(row.styles) if field == row.field else "" for field in fields)
    cells = [join(row.genres), *own, join(row.old), confidence, row.reason]
    shown = ["".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cell) for cell in cells]
    safe = ["'" + cell if cell.startswith(_FORMULA) else cell for cell in shown]
    return ["yes" if row.write else "no", *safe, path_cell(row.path), check]


def read_plan(path: Path) -> list[Row]:
    """Read a plan. Raises `PlanError` that names the lines which can't be understood; nothing is ever guessed."""
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise PlanError(path, read_failure(error)) from error
    except UnicodeDecodeError as error:
        raise PlanError(path, 'the plan is not UTF-8; save it as "CSV UTF-8"') from error
    try:
        rows, problems = _parse(text)
    except (csv.Error, KeyError) as error:
        raise PlanError(path, f"this is not a plan of zhanr: {str(error).strip(chr(39))}") from error
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise PlanError(path, "; ".join(problems[:3]) + more)
    return rows


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _parse(text: str) -> tuple[list[Row], list[str]]:
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: dict[str, int] = {}
    rows, problems, lines = [], [], dict[Path, int]()
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = _columns(cells)
            continue
        try:
            row = _read_row({name: cells[i] for name, i in columns.items() if i < len(cells)})
            if (first := lines.setdefault(row.path, reader.line_num)) != reader.line_num:
                raise ValueError(f"the same file as in line {first}")
            rows.append(row)
        except ValueError as error:
            problems.append(f"line {reader.line_num}: {error}")
    if not columns:
        raise KeyError("it is empty")
    return rows, problems


def _columns(cells: list[str]) -> dict[str, int]:
    places = {name.strip().lower(): i for i, name in enumerate(cells)}
    if missing := [name for name in _NEEDED if name not in places]:
        raise KeyError(f"the first line lacks the column {', '.join(missing)}")
    fields = [name for name in places if name.startswith(_FIELD)]
    if len(fields) > 1:
        raise KeyError(f"it has more than one field beside the genre: {', '.join(fields)}")
    return {name: places[name] for name in (*COLUMNS, *fields) if name in places}


def _read_row(cells: dict[str, str]) -> Row:
    if missing := [name for name in _NEEDED if name not in cells]:
        raise ValueError(f"{', '.join(missing)} is missing")
    word = cells["write"].strip().lower()
    if word not in (*_YES, *_NO):
        raise ValueError(f'"write" is yes or no, not {cells["write"]!r}')
    write = word in _YES
    genres = distinct(split(_plain(cells["genre"])))
    field, styles = _own_field(cells)
    if write and not (genres or styles):
        raise ValueError('"write" says yes, but there is no genre; write a genre, or no')
    for text in (*genres, *styles) if write else ():
        checked_genre(text)
    match = _CHECK.fullmatch(cells["check"].strip())
    if match is None:
        raise ValueError('"check" was changed; without it zhanr can\'t know whether the file is still the same')
    check = Check(int(match[1]), int(match[2]), match[3])
    reason, old = cells.get("reason", ""), tuple(split(_plain(cells.get("old", ""))))
    path, confidence = read_path_cell(cells["path"]), _number(cells.get("confidence", ""))
    return Row(path, genres, check, old, confidence, reason, write, field, styles)


def _own_field(cells: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The name of the field beside the genre and what it shall say; nothing where its cell is empty."""
    name = next((name for name in cells if name.startswith(_FIELD)), "")
    styles = distinct(split(_plain(cells.get(name, ""))))
    try:
        return (checked_field(name.removeprefix(_FIELD)), styles) if styles else ("", ())
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _plain(cell: str) -> str:
    """The cell without the apostrophe that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell


def _number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None  # for show only
