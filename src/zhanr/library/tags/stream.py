"""Files that are nothing but sound with tags before and behind it: mp3, AAC, TTA, Monkey's Audio, WavPack, Musepack.

One tag is the format's own: ID3v2 at the beginning, or APEv2 at the end. It is made where it's missing. The genre in
every other tag of the file is changed along with it, so that no two of them disagree; tags without a genre stay as
they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from zhanr.audio.payload import trailing_tag
from zhanr.library.tags.ape import Ape
from zhanr.library.tags.edits import Edit, Tags, read_at
from zhanr.library.tags.id3 import Id3, id3_length, id3v1_genre, id3v1_number, new_tag

_Found = tuple[int, int, "Id3 | Ape"]


def id3_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a file whose own kind is ID3v2."""
    return _tags(file, size, Id3)


def ape_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a file whose own kind is APEv2."""
    return _tags(file, size, Ape)


def leading(file: BinaryIO, size: int) -> list[_Found]:
    """The ID3v2 tags at the beginning of a file."""
    found: list[_Found] = []
    at = 0
    while length := id3_length(read_at(file, at, 10)):
        if at + length > size:
            raise ValueError("its ID3 tag is longer than the file")
        found.append((at, at + length, Id3.parse(read_at(file, at, length))))
        at += length
    return found


def trailing(file: BinaryIO, begin: int, size: int) -> tuple[int, list[_Found], int | None]:
    """Where the tags at the end begin; the APEv2 tags among them; and where the 128 bytes of ID3v1 begin, if any."""
    end, found, id3v1 = size, list[_Found](), None

    def peek(distance: int, n: int) -> bytes:
        return read_at(file, end - distance, n) if begin <= end - distance else b""

    while length := trailing_tag(peek):
        if peek(32, 8) == b"APETAGEX" and peek(128, 3) != b"TAG":
            found.append((end - length, end, Ape.parse(read_at(file, end - length, length))))
        elif peek(128, 3) == b"TAG" and id3v1 is None:
            id3v1 = end - 128
        end -= length
    return end, found, id3v1


def secondary(found: list[_Found], genres: tuple[str, ...]) -> list[Edit]:
    """The edits of the tags that hold a genre already."""
    return [Edit(start, stop, tag.with_genres(genres)) for start, stop, tag in found if tag.genres]


def _tags(file: BinaryIO, size: int, own: type[Id3] | type[Ape]) -> Tags:
    first = leading(file, size)
    begin = first[-1][1] if first else 0
    end, last, id3v1 = trailing(file, begin, size)
    main, rest = (first, last) if own is Id3 else (last, first)
    old_v1 = read_at(file, id3v1, 128) if id3v1 is not None else b""

    def edits(genres: tuple[str, ...]) -> list[Edit]:
        place = main[0][0] if main else (0 if own is Id3 else end)
        stop = main[0][1] if main else place
        make: Callable[[tuple[str, ...]], bytes] = main[0][2].with_genres if main else _new(own)
        result = [Edit(place, stop, make(genres)), *secondary([*main[1:], *rest], genres)]
        if id3v1 is not None:
            result.append(Edit(id3v1 + 127, id3v1 + 128, bytes([id3v1_number(genres[0])])))
        return result

    genres = next((tag.genres for _, _, tag in [*main, *rest] if tag.genres), ())
    if not genres and not main and not rest and old_v1:
        genres = tuple(filter(None, [id3v1_genre(old_v1)]))
    others = (*(item for _, _, tag in [*main, *rest] for item in tag.others()), old_v1[:127])
    return Tags(_kind(main, own), genres, edits, others)


def _new(own: type[Id3] | type[Ape]) -> Callable[[tuple[str, ...]], bytes]:
    return new_tag if own is Id3 else Ape().with_genres


def _kind(main: list[_Found], own: type[Id3] | type[Ape]) -> str:
    if own is Ape:
        return "APEv2"
    tag = main[0][2] if main else None
    return f"ID3v2.{tag.version if isinstance(tag, Id3) else 4}"
