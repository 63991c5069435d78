"""What is written into tags: the genre, and one field of a person's own choice, under the same name in every format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from zhanr.errors import ConfigError

GENRE = "GENRE"
Wanted = Mapping[str, tuple[str, ...]]
"""What a file shall say: the values of each field, by `GENRE` or a name that `checked_field` gives."""

_NAME = re.compile(r"[A-Z][A-Z0-9_ -]{1,29}")
_TAKEN = frozenset(
    """
    genre title artist artists album albumartist composer conductor lyricist writer performer arranger
    engineer producer mixer remixer label publisher copyright license date year originaldate originalyear track
    tracknumber tracktotal totaltracks disc discnumber disctotal totaldiscs comment description lyrics bpm key
    initialkey language isrc barcode catalognumber media compilation grouping mood rating encoder encodedby
    coverart cuesheet id3 tag oggs work movement subtitle website titlesort artistsort albumsort albumartistsort
    composersort
    """.upper().split()
)
_TAKEN_BEGINNINGS = ("MUSICBRAINZ", "ACOUSTID", "REPLAYGAIN", "METADATA_BLOCK", "ITUN", "WM-")

T = TypeVar("T")


def checked_field(name: str) -> str:
    """The name of a field for one's own use, in capitals. Raises `ConfigError` for one that means something else."""
    field = name.strip().upper()
    if not _NAME.fullmatch(field):
        raise ConfigError(f"a field's name is 2 to 30 letters, digits, spaces, _ and -, and not {name!r}")
    if field.replace(" ", "") in _TAKEN or field.startswith(_TAKEN_BEGINNINGS):
        raise ConfigError(f"the field {field} means something else to other programs; choose another, STYLE for one")
    return field


def free_field(name: str) -> str | None:
    """The field of a name that a format leaves to its users; None where the genre itself stands elsewhere."""
    return None if name.upper() == GENRE else name.upper()


def exchanged(items: Iterable[T], field_of: Callable[[T], str | None], new: Mapping[str, list[T]]) -> list[T]:
    """The items of a tag with others for some fields, each where its first one stood; what is new comes last."""
    left, result = dict(new), list[T]()
    for item in items:
        field = field_of(item)
        if field is not None and field in new:
            result += left.pop(field, [])
        else:
            result.append(item)
    return [*result, *(item for items in left.values() for item in items)]
