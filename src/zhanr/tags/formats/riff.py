"""WAV and AIFF: chunks, one of which holds an ID3 tag.

The genre of a WAV file is also written to its list of texts (LIST INFO, as IGNR), because Windows and older
versions of FFmpeg (5.1, for one) look only there. That can't hold several values, so they are joined.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO

from zhanr.audio.sources import id3_length
from zhanr.tags.formats.edits import Edit, Tags, read_at
from zhanr.tags.formats.fields import GENRE, Wanted
from zhanr.tags.formats.id3 import Id3, new_tag

_Chunk = tuple[bytes, int, int]  # name, start of its header, end of its content (without the padding byte)


def riff_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a WAV or AIFF file."""
    riff = _Riff(file, size)
    return Tags(f"ID3v2.{riff.tag.version if riff.tag else 4}", riff.texts, riff.edits, riff.others)


class _Riff:
    """The chunks of a file: its ID3 tag, its list of texts, and all else."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._big = read_at(file, 0, 4) == b"FORM"  # AIFF: big-endian
        self._order = ">" if self._big else "<"
        self._end = min(size, 8 + struct.unpack(self._order + "I", read_at(file, 4, 4))[0])
        self._chunks = _chunks(file, 12, self._end, self._order)
        self._place = next((c for c in self._chunks if c[0].upper() == b"ID3 "), None)
        self._info = None if self._big else next((c for c in self._chunks if _is_info(file, c)), None)
        self._texts = _texts(file, self._info) if self._info else []
        data = read_at(file, self._place[1] + 8, self._place[2] - self._place[1] - 8) if self._place else b""
        self.tag = Id3.parse(data[: id3_length(data)]) if id3_length(data) else None

    def edits(self, wanted: Wanted) -> list[Edit]:
        """The changes that write the values into the tag and, in a WAV file, the genre into the list of texts."""
        name, new = b"ID3 " if self._big else b"id3 ", self.tag.with_texts(wanted) if self.tag else new_tag(wanted)
        parts = []
        if not self._big and self._texts is not None and GENRE in wanted:
            parts.append(_put(self._info, self._chunks, self._end, _info(self._texts, wanted[GENRE])))
        parts.append(_put(self._place, self._chunks, self._end, _chunk(name, _even(new), self._order)))
        return [*_merged(parts), _total(parts, self._end, self._order)]

    def texts(self, field: str) -> tuple[str, ...]:
        """The values of a field; of the genre, what the list of texts says, if the tag says nothing."""
        said = self.tag.texts(field) if self.tag else ()
        listed = (_text(data) for name, data in self._texts or () if name == b"IGNR" and field == GENRE)
        return said or tuple(filter(None, listed))

    def others(self, fields: Collection[str]) -> tuple[object, ...]:
        """Everything but some fields."""
        read = {self._place, None if self._texts is None else self._info}
        chunks = _contents(self._file, [chunk for chunk in self._chunks if chunk not in read])
        texts = (text for text in self._texts or () if text[0] != b"IGNR" or GENRE not in fields)
        return (*(self.tag.others(fields) if self.tag else ()), *texts, *chunks)


def _chunks(file: BinaryIO, at: int, end: int, order: str) -> list[_Chunk]:
    chunks = []
    while at + 8 <= end:
        name, length = struct.unpack(order + "4sI", read_at(file, at, 8))
        stop = at + 8 + length
        if stop > end:
            raise ValueError("one of its chunks is longer than the file: it is incomplete, or was never finished")
        chunks.append((name, at, stop))
        at = stop + length % 2
    if not chunks:
        raise ValueError("it does not say where its sound ends: it was never finished")
    return chunks


def _contents(file: BinaryIO, chunks: list[_Chunk]) -> Iterator[bytes]:
    """The chunks as stored, of those with sound only the names."""
    for name, start, stop in chunks:
        yield name if name in (b"data", b"SSND") else read_at(file, start, stop - start)


def _is_info(file: BinaryIO, chunk: _Chunk) -> bool:
    return chunk[0] == b"LIST" and read_at(file, chunk[1] + 8, 4) == b"INFO"


def _texts(file: BinaryIO, info: _Chunk) -> list[tuple[bytes, bytes]] | None:
    """Names and contents in a list of texts; None where it isn't as it should be, so that it's better left alone."""
    begin, end = info[1] + 12, info[2]
    try:
        texts = _chunks(file, begin, end, "<") if end > begin else []
    except ValueError:
        return None
    whole = not texts or end - _padded(texts[-1], end) == 0
    return [(name, read_at(file, a + 8, b - a - 8)) for name, a, b in texts] if whole else None


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("utf-8", "replace").strip()


def _info(texts: list[tuple[bytes, bytes]], genres: tuple[str, ...]) -> bytes:
    """The list of texts with another genre."""
    genre = (b"IGNR", "; ".join(genres).encode() + b"\0")
    body = [genre if text[0] == b"IGNR" else text for text in texts]
    if genre not in body:
        body.append(genre)
    return _chunk(b"LIST", b"INFO" + b"".join(_chunk(name, data, "<") for name, data in body), "<")


def _chunk(name: bytes, data: bytes, order: str) -> bytes:
    return name + struct.pack(order + "I", len(data)) + _even(data)


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def _put(place: _Chunk | None, chunks: list[_Chunk], end: int, chunk: bytes) -> Edit:
    """Put a chunk in the place of another one, or behind the last one."""
    if place:
        return Edit(place[1], _padded(place, end), chunk)
    at = _padded(chunks[-1], end)
    return Edit(at, at, b"\0" * (at % 2) + chunk)


def _padded(chunk: _Chunk, end: int) -> int:
    """Where a chunk ends with its padding byte, which the last one may lack."""
    return min(end, chunk[2] + (chunk[2] - chunk[1]) % 2)


def _merged(edits: list[Edit]) -> list[Edit]:
    """Two chunks that are added at the same place as one edit; the padding before them is needed once."""
    if len(edits) == 2 and edits[0].start == edits[0].stop == edits[1].start == edits[1].stop:
        first, second = edits
        return [Edit(first.start, first.stop, first.new + second.new[first.start % 2 :])]
    return edits


def _total(edits: list[Edit], end: int, order: str) -> Edit:
    total = end - 8 + sum(e.growth for e in _merged(edits))
    if total >= 0xFFFFFFFF:
        raise ValueError("it would become longer than 4 GB")
    return Edit(4, 8, struct.pack(order + "I", total))
