"""APEv2 tags (Monkey's Audio, WavPack, Musepack, some mp3): one item is exchanged, the others stay as they are."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass

from zhanr.tags.formats.fields import Wanted, exchanged
from zhanr.tags.formats.id3 import id3v1_frames

_MARK = b"APETAGEX"
_HAS_HEADER, _IS_HEADER = 1 << 31, 1 << 29
_Item = tuple[int, bytes, bytes]
_KIND = 0b110  # of an item: 0 is text


@dataclass(frozen=True)
class Ape:
    """An APEv2 tag: its items as (flags, key, value), its version, and whether a header stands before them."""

    items: tuple[_Item, ...] = ()
    version: int = 2000
    header: bool = True
    flags: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Ape:
        """Take apart a whole tag, with its footer. Raises `ValueError` where it is damaged."""
        version, _, count, flags = struct.unpack("<4I", data[-24:-8])
        at, items = 32 if data.startswith(_MARK) else 0, []
        for _ in range(count):
            length, kind = struct.unpack_from("<2I", data, at)
            end = data.find(b"\0", at + 8)
            if end < 0 or end + 1 + length > len(data) - 32:
                raise ValueError("its APEv2 tag is damaged")
            items.append((kind, data[at + 8 : end], data[end + 1 : end + 1 + length]))
            at = end + 1 + length
        if at != len(data) - 32:
            raise ValueError("its APEv2 tag is damaged")
        return cls(tuple(items), version, data.startswith(_MARK), flags & ~(_HAS_HEADER | _IS_HEADER))

    def texts(self, field: str) -> tuple[str, ...]:
        """The values of a field."""
        mine = (item for item in self.items if _field(item) == field and not item[0] & _KIND)
        values = (text.strip() for _, _, value in mine for text in value.decode("utf-8", "replace").split("\0"))
        return tuple(dict.fromkeys(filter(None, values)))

    def others(self, fields: Collection[str]) -> tuple[object, ...]:
        """Everything but some fields."""
        return tuple(item for item in self.items if _field(item) not in fields)

    def with_texts(self, wanted: Wanted) -> bytes:
        """The whole tag with other values."""
        keys = {_field(item): item[1] for item in reversed(self.items)}
        new = {
            field: [(0, keys.get(field, field.capitalize().encode()), b"\0".join(v.encode() for v in values))]
            for field, values in wanted.items()
        }
        items = exchanged(self.items, _field, new)
        body = b"".join(struct.pack("<2I", len(v), kind) + k + b"\0" + v for kind, k, v in items)
        flags = self.flags | (_HAS_HEADER if self.header else 0)
        frame = struct.pack("<8s3I", _MARK, self.version, len(body) + 32, len(items))
        footer = frame + struct.pack("<I8x", flags)
        return (frame + struct.pack("<I8x", flags | _IS_HEADER) if self.header else b"") + body + footer


_ID3V1 = {"TIT2": b"Title", "TPE1": b"Artist", "TALB": b"Album", "TDRC": b"Year", "COMM": b"Comment", "TRCK": b"Track"}


def from_id3v1(tag: bytes) -> Ape:
    """A new tag that says what an ID3v1 tag says: programs no longer look at that once there is an APEv2 tag."""
    frames = {name[:4]: frame for name, frame in id3v1_frames(tag).items()}
    return Ape(tuple((0, key, str(frames[name]).encode()) for name, key in _ID3V1.items() if name in frames))


def _field(item: _Item) -> str:
    return item[1].decode("latin-1").upper()
