"""What a data set is: tracks with a name, a file and a genre, and the problems met while listing them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zhanr.errors import DatasetError
from zhanr.files import read_failure


@dataclass(frozen=True)
class Track:
    """One labelled recording. `name` is unique in its data set; `split` is the part that a manifest put it in."""

    name: str
    path: Path
    genre: str
    artist: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Labelled recordings, in a fixed order; `problems` are the files and rows that were left out."""

    name: str
    tracks: tuple[Track, ...]
    problems: tuple[DatasetError, ...] = ()

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, sorted."""
        return tuple(sorted({track.genre for track in self.tracks}))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each track."""
        return tuple(track.name for track in self.tracks)

    @property
    def labels(self) -> tuple[str, ...]:
        """The genre of each track."""
        return tuple(track.genre for track in self.tracks)

    @property
    def artists(self) -> dict[str, str]:
        """The artist by track name, of those tracks whose artist is known."""
        return {track.name: track.artist for track in self.tracks if track.artist}

    @property
    def split(self) -> dict[str, tuple[str, ...]]:
        """The split that a manifest states: part -> track names. Empty where it states none."""
        parts: dict[str, list[str]] = {}
        for track in self.tracks:
            if track.split:
                parts.setdefault(track.split, []).append(track.name)
        return {part: tuple(names) for part, names in parts.items()}


def clean_text(text: str) -> str:
    """Text that can be printed, compared and stored: stripped, composed (NFC), without undecodable bytes."""
    return unicodedata.normalize("NFC", os.fsencode(text).decode("utf-8", "replace")).strip()


def unique_names(wanted: Sequence[str], longer: Sequence[str]) -> list[str]:
    """The wanted names where they are unique, else the longer ones (a relative path), numbered if still alike."""
    once = Counter(wanted)
    names = [name if once[name] == 1 else long for name, long in zip(wanted, longer, strict=True)]
    taken: set[str] = set()
    for i, name in enumerate(names):
        number = 1
        while names[i] in taken:
            number += 1
            names[i] = f"{name} ({number})"
        taken.add(names[i])
    return names


def file_problem(path: Path) -> str | None:
    """Why a file can't be a track, as far as that shows without decoding it; None where nothing is wrong."""
    try:
        if not path.is_file():
            return "there is no such file"
        return "the file is empty" if path.stat().st_size == 0 else None
    except OSError as error:
        return read_failure(error)
