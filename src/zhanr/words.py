"""The names of genres and artists: one key for all spellings, several in one text, and who belongs together by them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import overload

SEPARATOR = "; "
"""Stands between several names in one text."""
_NOBODY = ("variousartists", "various", "va", "unknownartist", "unknown")
# What a tag often says, and which of the classic genres that is. Only names that don't hold the genre's own name.
ALIASES = {
    "rap": "hiphop",
    "trap": "hiphop",
    "baroque": "classical",
    "opera": "classical",
    "symphony": "classical",
    "chamber music": "classical",
    "orchestral": "classical",
    "swing": "jazz",
    "bebop": "jazz",
    "bossa nova": "jazz",
    "bluegrass": "country",
    "ska": "reggae",
    "dub": "reggae",
    "dancehall": "reggae",
    "grunge": "rock",
    "punk": "rock",
}


def folded(text: str) -> str:
    """A text as texts are compared: case and the way of writing accents don't matter."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@lru_cache(maxsize=4096)  # there are few genres, and each song of a library names all that its model knows
def genre_key(genre: str) -> str:
    """What all spellings of a genre have in common: "Hip-Hop" and "hip hop" are "hiphop"."""
    return "".join(filter(str.isalnum, folded(genre))) or genre.strip().casefold()


def artist_key(artist: str) -> str:
    """One spelling of an artist's name: without case, punctuation and the difference of "&" and "and"."""
    return re.sub(r"[\W_]+", "", artist.casefold().replace("&", "and")) or artist


def known_artist(artist: str | None) -> str:
    """The `artist_key` of a name, "" where it names nobody: nothing, "Various Artists", "Unknown"."""
    key = artist_key(artist) if artist and artist.strip() else ""
    return "" if key in _NOBODY else key


def distinct(genres: Iterable[str]) -> tuple[str, ...]:
    """Each genre once, as it is spelt first."""
    return tuple({genre_key(g): g for g in reversed(list(genres))}.values())[::-1]


def join(genres: Iterable[str]) -> str:
    r"""Several genres as one text that `split` takes apart again: `Rock; Drum \; Bass`."""
    return SEPARATOR.join(g.replace("\\", "\\\\").replace(";", "\\;") for g in genres)


def split(text: str) -> list[str]:
    """The genres of one text, the opposite of `join`."""
    genres = [re.sub(r"\\(.)", r"\1", part).strip() for part in re.findall(r"(?:\\.|[^;\\]|\\$)+", text)]
    return [genre for genre in genres if genre]


def connected(keys: Sequence[Iterable[Hashable]]) -> list[int]:
    """The group of each item, as the number of one of its members: items that share a key, or are linked by others.

    [["a"], ["b"], ["a", "c"], ["c"]] gives one group of items 0, 2 and 3, and one of item 1.
    """
    root = list(range(len(keys)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    first: dict[Hashable, int] = {}
    for i, mine in enumerate(keys):
        for key in mine:
            root[find(i)] = find(first.setdefault(key, i))
    return [find(i) for i in range(len(keys))]


def one_line(text: str) -> str:
    """The text on one line of a terminal: what can't be shown, a line break for one, as Python writes it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@overload
def printable(text: str) -> str: ...
@overload
def printable(text: None) -> None: ...
def printable(text: str | None) -> str | None:
    """The text as JSON and SQLite can hold it: a file name need not be Unicode, and odd bytes become `\\udcff`."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
