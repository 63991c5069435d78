"""Vorbis comments, the tags of FLAC, Ogg Vorbis and Opus: one entry is exchanged, the others stay as they are."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass

from zhanr.tags.formats.fields import Wanted, exchanged


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

    def texts(self, field: str) -> tuple[str, ...]:
        """The values of a field."""
        values = (e.partition(b"=")[2].decode("utf-8", "replace").strip() for e in self.entries if _field(e) == field)
        return tuple(dict.fromkeys(v for v in values if v))

    def others(self, fields: Collection[str]) -> tuple[bytes, ...]:
        """Everything but some fields and zeros at the end, which are padding."""
        return (self.vendor, *(e for e in self.entries if _field(e) not in fields), self.rest.rstrip(b"\0"))

    def with_texts(self, wanted: Wanted) -> bytes:
        """The block with other values, of the same length if the padding inside of it allows that."""
        keys = {_field(e): e.partition(b"=")[0] for e in reversed(self.entries)}
        new = {f: [keys.get(f, f.encode()) + b"=" + v.encode() for v in values] for f, values in wanted.items()}
        entries = exchanged(self.entries, _field, new)
        growth = sum(4 + len(e) for e in entries) - sum(4 + len(e) for e in self.entries)
        padding = len(self.rest) - len(self.rest.rstrip(b"\0"))
        rest = self.rest[: len(self.rest) - growth] if 0 < growth <= padding else self.rest
        parts = [self.vendor, struct.pack("<I", len(entries)), *entries]
        parts = [p if i == 1 else struct.pack("<I", len(p)) + p for i, p in enumerate(parts)]
        return b"".join(parts) + rest


def _field(entry: bytes) -> str:
    return entry.partition(b"=")[0].decode("latin-1").upper()


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    length = struct.unpack_from("<I", data, at)[0] if at + 4 <= len(data) else len(data)
    if at + 4 + length > len(data):
        raise ValueError("its Vorbis comments are damaged")
    return data[at + 4 : at + 4 + length], at + 4 + length
