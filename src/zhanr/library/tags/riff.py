"""WAV and AIFF: chunks, one of which holds an ID3 tag. WAV may also have a list of texts, with the genre as IGNR."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from zhanr.library.tags.edits import Edit, Tags, read_at
from zhanr.library.tags.id3 import Id3, id3_length, new_tag

_Chunk = tuple[bytes, int, int]  # name, start of its header, end of its content (without the padding byte)


def riff_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a WAV or AIFF file."""
    big = read_at(file, 0, 4) == b"FORM"
    order = ">" if big else "<"
    end = min(size, 8 + struct.unpack(order + "I", read_at(file, 4, 4))[0])
    chunks = _chunks(file, 12, end, order)
    place = next((c for c in chunks if c[0].upper() == b"ID3 "), None)
    data = read_at(file, place[1] + 8, place[2] - place[1] - 8) if place else b""
    tag = Id3.parse(data[: id3_length(data)]) if id3_length(data) else None
    info = None if big else _info(file, chunks)
    info_genres = tuple(filter(None, [_text(file, info[1])])) if info else ()

    def edits(genres: tuple[str, ...]) -> list[Edit]:
        new = tag.with_genres(genres) if tag else new_tag(genres)
        result = [_id3_chunk(chunks, place, b"ID3 " if big else b"id3 ", new, end, order)]
        result += _info_edits(info, genres)
        return [*result, _total(result, end, order)]

    genres = tag.genres if tag and tag.genres else info_genres
    others = (*filter(None, tag.others() if tag else ()), *_other_chunks(file, chunks))
    return Tags(f"ID3v2.{tag.version if tag else 4}", genres, edits, others)


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


def _other_chunks(file: BinaryIO, chunks: list[_Chunk]) -> Iterator[bytes]:
    """The chunks that hold neither sound nor a genre."""
    for name, start, stop in chunks:
        data = read_at(file, start, stop - start) if name not in (b"data", b"SSND") else name
        if name.upper() != b"ID3 " and b"IGNR" not in data:
            yield data


def _id3_chunk(chunks: list[_Chunk], place: _Chunk | None, name: bytes, tag: bytes, end: int, order: str) -> Edit:
    """Exchange the chunk's content, or add a chunk behind the last one; content is padded to an even length."""
    tag += b"\0" * (len(tag) % 2)
    if place:
        head = place[0] + struct.pack(order + "I", len(tag))
        return Edit(place[1], _padded(place, end), head + tag)
    at = _padded(chunks[-1], end)
    return Edit(at, at, b"\0" * (at % 2) + name + struct.pack(order + "I", len(tag)) + tag)


def _padded(chunk: _Chunk, end: int) -> int:
    """Where a chunk ends with its padding byte, which the last one may lack."""
    return min(end, chunk[2] + (chunk[2] - chunk[1]) % 2)


def _total(edits: list[Edit], end: int, order: str) -> Edit:
    total = end - 8 + sum(e.growth for e in edits)
    if total >= 0xFFFFFFFF:
        raise ValueError("it would become longer than 4 GB")
    return Edit(4, 8, struct.pack(order + "I", total))


def _info(file: BinaryIO, chunks: list[_Chunk]) -> tuple[_Chunk, _Chunk] | None:
    """The list of texts and the genre in it, if there is one."""
    for chunk in chunks:
        if chunk[0] == b"LIST" and read_at(file, chunk[1] + 8, 4) == b"INFO":
            texts = _chunks(file, chunk[1] + 12, chunk[2], "<")
            return next(((chunk, text) for text in texts if text[0] == b"IGNR"), None)
    return None


def _text(file: BinaryIO, chunk: _Chunk) -> str:
    return read_at(file, chunk[1] + 8, chunk[2] - chunk[1] - 8).split(b"\0")[0].decode("utf-8", "replace").strip()


def _info_edits(info: tuple[_Chunk, _Chunk] | None, genres: tuple[str, ...]) -> list[Edit]:
    """This list can't hold several values: they are joined."""
    if info is None:
        return []
    outer, (name, start, stop) = info
    text = "; ".join(genres).encode() + b"\0"
    length = outer[2] - outer[1] - 8
    if length % 2:
        raise ValueError("its list of texts (LIST INFO) is damaged")
    edit = Edit(start, _padded((name, start, stop), outer[2]), name + struct.pack("<I", len(text)) + text)
    if len(text) % 2:
        edit = Edit(edit.start, edit.stop, edit.new + b"\0")
    return [Edit(outer[1] + 4, outer[1] + 8, struct.pack("<I", length + edit.growth)), edit]
