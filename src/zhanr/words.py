"""How genres and artists are spelt: one key for all spellings of a name; and texts that are no Unicode."""

from __future__ import annotations

import re
from typing import overload


def artist_key(artist: str) -> str:
    """One spelling of an artist's name: without case, punctuation and the difference of "&" and "and"."""
    return re.sub(r"[\W_]+", "", artist.casefold().replace("&", "and")) or artist


@overload
def printable(text: str) -> str: ...
@overload
def printable(text: None) -> None: ...
def printable(text: str | None) -> str | None:
    """The text as JSON and SQLite can hold it: a file name need not be Unicode, and odd bytes become `\\udcff`."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
