"""ASF (wma, wmv): the genre is one attribute of the Extended Content Description Object in the header.

Microsoft's Advanced Systems Format Specification, 3.11.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import BinaryIO
from uuid import UUID

from zhanr.tags.formats.edits import Edit, Tags, read_at
from zhanr.tags.formats.fields import GENRE, Wanted, exchanged, free_field

_EXTENDED = UUID("D2D0A440-E307-11D2-97F0-00A0C95EA850").bytes_le
_PROPERTIES = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
_PADDING = UUID("1806D474-CADF-4509-A4BA-9AABCB96AAE8").bytes_le
_NAME = "WM/Genre"
_TEXT = 0
_Object = tuple[bytes, int, int]


def asf_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of an ASF file."""
    objects = _objects(file, size)
    place = next((o for o in objects if o[0] == _EXTENDED), None)
    attributes = _attributes(read_at(file, place[1] + 24, place[2] - place[1] - 24)) if place else []

    def texts(field: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, (_text(a) for a in attributes if _field(a) == field))))

    def others(fields: Collection[str]) -> tuple[object, ...]:
        return tuple(a for a in attributes if _field(a) not in fields)

    def edits(wanted: Wanted) -> list[Edit]:
        body = _render(attributes, wanted)
        new = _EXTENDED + struct.pack("<Q", len(body) + 24) + body
        at = place[1:] if place else (objects[-1][2], objects[-1][2])
        return _with_sizes(file, size, objects, Edit(*at, new), added=not place)

    return Tags("ASF", texts, edits, others)


def _objects(file: BinaryIO, size: int) -> list[_Object]:
    """(GUID, start, stop) of the objects in the header."""
    length, count = struct.unpack("<QI", read_at(file, 16, 12))
    at, end, objects = 30, length, []
    for _ in range(count):
        guid, (inside,) = read_at(file, at, 16), struct.unpack("<Q", read_at(file, at + 16, 8))
        if inside < 24 or at + inside > min(end, size):
            raise ValueError("its ASF header is damaged")
        objects.append((guid, at, at + inside))
        at += inside
    if not objects:
        raise ValueError("its ASF header is empty")
    return objects


def _attributes(data: bytes) -> list[bytes]:
    """Name, type and value of each attribute, as stored."""
    (count,) = struct.unpack_from("<H", data)
    at, result = 2, []
    for _ in range(count):
        (name,) = struct.unpack_from("<H", data, at)
        (value,) = struct.unpack_from("<H", data, at + 2 + name + 2)
        stop = at + 2 + name + 4 + value
        if stop > len(data):
            raise ValueError("its ASF attributes are damaged")
        result.append(data[at:stop])
        at = stop
    return result


def _name(attribute: bytes) -> str:
    return attribute[2 : 2 + struct.unpack_from("<H", attribute)[0]].decode("utf-16-le", "replace").rstrip("\0")


def _field(attribute: bytes) -> str | None:
    name = _name(attribute)
    return GENRE if name.casefold() == _NAME.casefold() else free_field(name)


def _text(attribute: bytes) -> str:
    start = 2 + struct.unpack_from("<H", attribute)[0] + 4
    return attribute[start:].decode("utf-16-le", "replace").strip("\0 ")


def _attribute(field: str, text: str) -> bytes:
    name, value = (f"{part}\0".encode("utf-16-le") for part in (_NAME if field == GENRE else field, text))
    if len(value) > 0xFFFF:
        raise ValueError("the genre is too long for an ASF file")
    return struct.pack("<H", len(name)) + name + struct.pack("<HH", _TEXT, len(value)) + value


def _render(attributes: list[bytes], wanted: Wanted) -> bytes:
    new = {field: [_attribute(field, value) for value in values] for field, values in wanted.items()}
    result = exchanged(attributes, _field, new)
    return struct.pack("<H", len(result)) + b"".join(result)


def _with_sizes(file: BinaryIO, size: int, objects: list[_Object], edit: Edit, *, added: bool) -> list[Edit]:
    """Let padding take the change of length if it can; else the sizes of the header and of the file change."""
    edits = [edit]
    for guid, start, stop in objects:
        length = stop - start - edit.growth
        if guid == _PADDING and length >= 24 and edit.growth:
            edits.append(Edit(start + 16, start + 24, struct.pack("<Q", length)))
            edits.append(Edit(stop - max(edit.growth, 0), stop, bytes(max(-edit.growth, 0))))
            break
    growth = sum(e.growth for e in edits)
    header, count = struct.unpack("<QI", read_at(file, 16, 12))
    edits.append(Edit(16, 28, struct.pack("<QI", header + growth, count + added)))
    for guid, start, _ in objects:
        stated = read_at(file, start + 40, 8)
        if guid == _PROPERTIES and stated == struct.pack("<Q", size):
            edits.append(Edit(start + 40, start + 48, struct.pack("<Q", size + growth)))
    return edits
