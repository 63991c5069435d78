"""A table of hand-made features: one row of numbers a track, as CSV that any program reads."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zhanr.config import AUDIO_SUFFIXES
from zhanr.errors import DatasetError
from zhanr.files import replacing
from zhanr.lab.datasets import gtzan
from zhanr.lab.datasets.base import clean_text
from zhanr.lab.datasets.manifest import decode

NAME, LABEL, ARTIST = "filename", "label", "artist"
IGNORED = ("length",)
"""What the widely used table of GTZAN also has; the length of an excerpt says nothing of its genre."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of features: `x` float64 (n, d) with a name for each column, and a unique name and a genre for each row.

    `artists` has the artist by track name, where known.
    """

    x: NDArray[np.float64]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    artists: dict[str, str] = field(default_factory=dict)
    path: Path | None = None

    def __post_init__(self) -> None:
        if self.x.shape != (len(self.names), len(self.columns)) or len(self.labels) != len(self.names):
            raise self._error(
                f"{len(self.names)} names, {len(self.labels)} labels and {len(self.columns)} columns do not fit "
                f"numbers of shape {self.x.shape}"
            )
        if twice := [name for name, count in Counter(self.names).items() if count > 1]:
            raise self._error(f"a track is there more than once: {', '.join(twice[:5])}")
        if not np.isfinite(self.x).all():
            row, column = np.argwhere(~np.isfinite(self.x))[0]
            raise self._error(f"{self.columns[column]} of {self.names[row]} is not a finite number")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, sorted."""
        return tuple(sorted(set(self.labels)))

    def subset(self, names: Sequence[str]) -> Self:
        """The tracks of these names, in this order."""
        row = {name: i for i, name in enumerate(self.names)}
        if missing := [name for name in names if name not in row]:
            raise self._error(f"it has no track named {', '.join(missing[:5])}")
        rows = [row[name] for name in names]
        return dataclasses.replace(self, x=self.x[rows], names=tuple(names), labels=tuple(self.labels[i] for i in rows))

    def select(self, columns: Sequence[str]) -> Self:
        """These columns only, in this order."""
        if missing := [column for column in columns if column not in self.columns]:
            raise self._error(f"it has no column {', '.join(missing)}")
        x = self.x[:, [self.columns.index(column) for column in columns]]
        return dataclasses.replace(self, x=x, columns=tuple(columns))

    def beside(self, other: Table) -> Self:
        """The columns of both, for the same tracks."""
        x = np.hstack([self.x, other.subset(self.names).x])
        return dataclasses.replace(self, x=x, columns=(*self.columns, *other.columns), path=None)

    def sha256(self) -> str:
        """A hash of the content."""
        about = json.dumps([self.columns, self.names, self.labels]).encode()
        return hashlib.sha256(about + np.ascontiguousarray(self.x).tobytes()).hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as CSV: ``filename,<columns>,[artist,]label``; every number reads back as it was."""
        path = Path(path)
        known = [ARTIST] if self.artists else []
        with (
            replacing(path, error=DatasetError) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([NAME, *self.columns, *known, LABEL])
            for name, label, numbers in zip(self.names, self.labels, self.x.tolist(), strict=True):
                artist = [self.artists.get(name, "")] if known else []
                writer.writerow([name, *map(repr, numbers), *artist, label])

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a table by the names of its columns: `filename`, `label`, perhaps `artist`; all others are numbers.

        GTZAN's excerpts also get their artists. `DatasetError` names the line of what is wrong.
        """
        path = Path(path)
        rows = list(csv.reader(decode(path).splitlines()))
        header = [column.strip() for column in rows[0]] if rows else []
        if missing := [column for column in (NAME, LABEL) if column not in header]:
            raise DatasetError(path, f"the first line lacks the column {', '.join(missing)}")
        columns = tuple(c for c in header if c not in (NAME, LABEL, ARTIST, *IGNORED))
        numbers, names, labels, artists = [], [], [], gtzan.artists()
        for line, cells in _lines(path, header, rows):
            names.append(_name(cells[NAME]))
            labels.append(clean_text(cells[LABEL]))
            numbers.append([_number(path, line, cells[column]) for column in columns])
            if artist := clean_text(cells.get(ARTIST, "")):
                artists = artists | {names[-1]: artist}
        known = {name: artists[name] for name in names if name in artists}
        x = np.array(numbers, np.float64).reshape(len(names), len(columns))
        return cls(x, columns, tuple(names), tuple(labels), known, path)

    def _error(self, reason: str) -> DatasetError:
        return DatasetError(self.path or "table", reason)


def _lines(path: Path, header: list[str], rows: list[list[str]]) -> Iterator[tuple[int, dict[str, str]]]:
    """The number of each line that is not empty, and its cells by column."""
    for line, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        if len(row) != len(header):
            raise DatasetError(path, f"line {line} has {len(row)} values for {len(header)} columns")
        yield line, dict(zip(header[::-1], row[::-1], strict=True))  # of two columns of one name the first counts


def _name(file: str) -> str:
    """A track's name: that of its file without the suffix of audio (`blues.00000.wav` is `blues.00000`)."""
    name = clean_text(file)
    suffix = Path(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in AUDIO_SUFFIXES else name


def _number(path: Path, line: int, text: str) -> Any:
    try:
        return float(text)
    except ValueError as error:
        raise DatasetError(path, f"line {line}: {text!r} is not a number") from error
