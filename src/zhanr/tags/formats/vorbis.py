"""Vorbis comments, the tags of FLAC, Ogg Vorbis and Opus: one entry is exchanged, the others stay as they are."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Comment:
    """A block of comments: who wrote it, its entries (`KEY=value` each) as stored, and what follows them."""

    vendor: bytes = b"zhanr"
    entries: tuple[bytes, ...] = ()
    rest: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Comment:
        """Take apart a block. Raises `ValueError` where it is damaged."""
        vendor, at = _text(data, 0)
        if at + 4 > len(data):
            raise ValueError("its Vorbis comments are damaged")
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        entries = []
        for _ in range(count):
            entry, at = _text(data, at)
            entries.append(entry)
        return cls(vendor, tuple(entries), data[at:])

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres."""
        values = (e.partition(b"=")[2].decode("utf-8", "replace").strip() for e in self.entries if _is_genre(e))
        return tuple(dict.fromkeys(v for v in values if v))

    def others(self) -> tuple[bytes, ...]:
        """Everything but the genre and zeros at the end, which are padding."""
        return (self.vendor, *(e for e in self.entries if not _is_genre(e)), self.rest.rstrip(b"\0"))

    def with_genres(self, genres: tuple[str, ...]) -> bytes:
        """The block with other genres, of the same length if the padding inside of it allows that."""
        key = next((e.partition(b"=")[0] for e in self.entries if _is_genre(e)), b"GENRE")
        new = [key + b"=" + g.encode() for g in genres]
        entries = []
        for entry in self.entries:
            if _is_genre(entry):
                entries += new
                new = []
            else:
                entries.append(entry)
        entries += new
        growth = sum(4 + len(e) for e in entries) - sum(4 + len(e) for e in self.entries)
        padding = len(self.rest) - len(self.rest.rstrip(b"\0"))
        rest = self.rest[: len(self.rest) - growth] if 0 < growth <= padding else self.rest
        parts = [self.vendor, struct.pack("<I", len(entries)), *entries]
        parts = [p if i == 1 else struct.pack("<I", len(p)) + p for i, p in enumerate(parts)]
        return b"".join(parts) + rest


def _is_genre(entry: bytes) -> bool:
    return entry.partition(b"=")[0].upper() == b"GENRE"


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    length = struct.unpack_from("<I", data, at)[0] if at + 4 <= len(data) else len(data)
    if at + 4 + length > len(data):
        raise ValueError("its Vorbis comments are damaged")
    return data[at + 4 : at + 4 + length], at + 4 + length
