"""Files that are nothing but sound with tags before and behind it: mp3, AAC, TTA, Monkey's Audio, WavPack, Musepack.

One tag is the format's own: ID3v2 at the beginning, or APEv2 at the end. It is made where it's missing. The genre in
every other tag of the file is changed along with it, so that no two of them disagree; tags without a genre stay as
they are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import BinaryIO

from zhanr.audio.payload import trailing_tag
from zhanr.audio.sources import id3_length
from zhanr.tags.formats import ape, id3
from zhanr.tags.formats.ape import Ape
from zhanr.tags.formats.edits import Edit, Tags, read_at
from zhanr.tags.formats.fields import GENRE, Wanted
from zhanr.tags.formats.id3 import Id3, id3v1_number

_Found = tuple[int, int, "Id3 | Ape"]


def id3_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a file whose own kind is ID3v2. Raises `ValueError` for raw AAC (ADTS) without one.

    mutagen takes AAC behind an ID3 tag for mp3 and can't open it any more, and beets, Picard and others with it.
    """
    head = read_at(file, 0, 2)
    if head[:1] == b"\xff" and head[1:] and head[1] & 0xF6 == 0xF0:  # ADTS: 12 bits of sync, and layer 0
        raise ValueError(
            "raw AAC has no place for tags; with one, many programs could not open it (put it into an .m4a)"
        )
    return _tags(file, size, Id3)


def tta_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a TTA file: some programs look at its ID3v2 tag first, some at its APEv2 tag."""
    return _tags(file, size, Id3, both=True)


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


def secondary(found: list[_Found], wanted: Wanted, *, always: bool = False) -> list[Edit]:
    """The edits of the tags that hold some of the fields already, or of all."""
    parts = ({f: v for f, v in wanted.items() if always or tag.texts(f)} for _, _, tag in found)
    return [
        Edit(start, stop, tag.with_texts(part)) for (start, stop, tag), part in zip(found, parts, strict=True) if part
    ]


def _tags(file: BinaryIO, size: int, own: type[Id3] | type[Ape], *, both: bool = False) -> Tags:
    first = leading(file, size)
    begin = first[-1][1] if first else 0
    end, last, id3v1 = trailing(file, begin, size)
    main, rest = (first, last) if own is Id3 else (last, first)
    old_v1 = read_at(file, id3v1, 128) if id3v1 is not None else b""
    if not main:
        place = 0 if own is Id3 else end
        main = [(place, place, (id3.from_id3v1 if own is Id3 else ape.from_id3v1)(old_v1))]

    def edits(wanted: Wanted) -> list[Edit]:
        start, stop, tag = main[0]
        result = [Edit(start, stop, tag.with_texts(wanted)), *secondary([*main[1:], *rest], wanted, always=both)]
        if id3v1 is not None and GENRE in wanted:
            result.append(Edit(id3v1 + 127, id3v1 + 128, bytes([id3v1_number(wanted[GENRE][0])])))
        return result

    def texts(field: str) -> tuple[str, ...]:
        return next((values for _, _, tag in [*main, *rest] if (values := tag.texts(field))), ())

    def others(fields: Collection[str]) -> tuple[object, ...]:
        return (*(item for _, _, tag in [*main, *rest] for item in tag.others(fields)), old_v1[:127])

    tag = main[0][2]
    kind = f"ID3v2.{tag.version}" if isinstance(tag, Id3) else "APEv2"
    return Tags(kind, texts, edits, others, hidden=own is Ape and id3v1 is not None)
