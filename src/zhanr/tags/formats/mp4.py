"""MP4 (m4a, m4b, mp4): the genre is one atom in moov/udta/meta/ilst; where atoms move, the tables of offsets follow.

ISO/IEC 14496-12 describes the atoms, Apple's QuickTime File Format Specification the metadata.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from mutagen.id3 import TCON

from zhanr.tags.formats.edits import Edit, Tags, read_at
from zhanr.tags.formats.fields import GENRE, Wanted, free_field

_GENRE, _OLD_GENRE, _FREE = b"\xa9gen", b"gnre", b"----"
_MEANING = b"com.apple.iTunes"
_PARENTS = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"meta", b"ilst", b"moof", b"traf", b"mfra"}
)
_UTF8 = 1
_HANDLER = struct.pack(">I4s4x4x4s4s8x1x", 33, b"hdlr", b"mdir", b"appl")


@dataclass(frozen=True)
class Atom:
    """One atom: its name, where it lies, the length of its header, and the atoms in it if it is a known parent."""

    name: bytes
    start: int
    stop: int
    header: int
    children: tuple[Atom, ...] = ()

    def all(self, *names: bytes) -> Iterator[Atom]:
        """The atoms under a path of names."""
        for child in self.children:
            if child.name == names[0]:
                yield from child.all(*names[1:]) if names[1:] else (child,)


def mp4_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of an MP4 file."""
    root = Atom(b"", 0, size, 0, _parse(file, 0, size))
    moov = next(root.all(b"moov"), None)
    if moov is None:
        raise ValueError("it lacks the part that says where its music lies (moov)")
    ilst = next(moov.all(b"udta", b"meta", b"ilst"), None)
    items = [(a, read_at(file, a.start, a.stop - a.start)) for a in (ilst.children if ilst else ())]
    fields = {atom: _field(atom, data) for atom, data in items}

    def texts(field: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t for atom, data in items if fields[atom] == field for t in _texts(atom, data)))

    def edits(wanted: Wanted) -> list[Edit]:
        place, growing = _exchange(moov, ilst, fields, wanted)
        return _with_sizes(file, root, place, growing)

    def others(without: Collection[str]) -> tuple[object, ...]:
        return tuple(data for atom, data in items if fields[atom] not in without)

    return Tags("MP4", texts, edits, others)


def _field(item: Atom, data: bytes) -> str | None:
    """The field of an item; one of a person's own has its name inside (iTunes: `----`)."""
    if item.name in (_GENRE, _OLD_GENRE):
        return GENRE
    inside = dict(_parts(item, data)) if item.name == _FREE else {}
    if inside.get(b"mean", b"")[4:] != _MEANING:
        return None
    return free_field(inside.get(b"name", b"")[4:].decode("utf-8", "replace"))


def _parts(item: Atom, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the atoms in an item."""
    at = item.header
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + max(length, 8)]
        at += max(length, 8)


def _parse(file: BinaryIO, at: int, stop: int, parent: bytes = b"") -> tuple[Atom, ...]:
    atoms = []
    while at + 8 <= stop:
        length, name = struct.unpack(">I4s", read_at(file, at, 8))
        header = 8
        if length == 1:
            header, length = 16, struct.unpack(">Q", read_at(file, at + 8, 8))[0]
        elif length == 0:
            if parent:
                break  # four zeros end the list of atoms in a udta of QuickTime
            length = stop - at
        if length < header or at + length > stop:
            raise ValueError("its MP4 structure is damaged, or its end is missing")
        inside = at + header
        if name == b"meta" and read_at(file, inside + 4, 4) != b"hdlr":
            inside += 4  # version and flags, which QuickTime leaves out
        children: tuple[Atom, ...] = ()
        if name in _PARENTS and parent != b"ilst":
            children = _parse(file, inside, at + length, name)
        atoms.append(Atom(name, at, at + length, header, children))
        at += length
    return tuple(atoms)


def _atom(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def _texts(item: Atom, data: bytes) -> Iterator[str]:
    """The texts of a genre's item; `gnre` holds numbers of ID3v1, counted from one."""
    for name, content in _parts(item, data):
        if name != b"data" or len(content) < 8:
            continue
        kind, value = int.from_bytes(content[:4], "big"), content[8:]
        if item.name == _OLD_GENRE:
            number = int.from_bytes(value[:2], "big") - 1
            if 0 <= number < len(TCON.GENRES):
                yield TCON.GENRES[number]
        elif text := value.decode("utf-16-be" if kind == 2 else "utf-8", "replace").strip("\0 "):
            yield text


def _item(field: str, values: tuple[str, ...]) -> bytes:
    data = b"".join(_atom(b"data", struct.pack(">II", _UTF8, 0) + v.encode()) for v in values)
    if field == GENRE:
        return _atom(_GENRE, data)
    return _atom(_FREE, _atom(b"mean", bytes(4) + _MEANING) + _atom(b"name", bytes(4) + field.encode()) + data)


def _exchange(
    moov: Atom, ilst: Atom | None, fields: Mapping[Atom, str | None], wanted: Wanted
) -> tuple[list[Edit], list[Atom]]:
    """The changes of the items themselves, and the atoms around them, innermost first; missing ones are made."""
    udta = next((u for u in moov.all(b"udta") if ilst in tuple(u.all(b"meta", b"ilst"))), None) if ilst else None
    if ilst and udta:
        meta = next(m for m in udta.all(b"meta") if ilst in m.children)
        edits, added = list[Edit](), b""
        for field, values in wanted.items():
            old = [a for a in ilst.children if fields[a] == field]
            edits += [Edit(a.start, a.stop, b"" if i else _item(field, values)) for i, a in enumerate(old)]
            added += b"" if old else _item(field, values)
        return [*edits, Edit(ilst.stop, ilst.stop, added)], [ilst, meta, udta, moov]
    return _insertion(moov, b"".join(_item(field, values) for field, values in wanted.items()))


def _insertion(moov: Atom, items: bytes) -> tuple[list[Edit], list[Atom]]:
    """The same where there is no list of metadata yet: it is added, with whatever must be around it."""
    made = _atom(b"ilst", items)
    udta = next(moov.all(b"udta"), None)
    meta_old = next(udta.all(b"meta"), None) if udta else None
    if udta and meta_old and any(c.name == b"hdlr" for c in meta_old.children):
        return [Edit(meta_old.stop, meta_old.stop, made)], [meta_old, udta, moov]
    if meta_old:
        raise ValueError("its metadata are of a kind that zhanr doesn't know")
    made = _atom(b"meta", bytes(4) + _HANDLER + made)
    if udta:
        at = udta.start + udta.header
        return [Edit(at, at, made)], [udta, moov]
    return [Edit(moov.stop, moov.stop, _atom(b"udta", made))], [moov]


def _with_sizes(file: BinaryIO, root: Atom, edits: list[Edit], around: list[Atom]) -> list[Edit]:
    """Let padding take the change of length if it can; correct the sizes of the atoms around, then all offsets."""
    growth = inside = sum(e.growth for e in edits)
    growing = []
    for atom in (*around, root):
        padding = _padding(atom, around, growth)
        if padding is not None:
            edits = [*edits, *_resized(padding, growth)]
            growth = 0
            break
        growing.append(atom)
    sizes = [_size(file, atom, inside) for atom in growing if atom is not root]
    end = max(e.stop for e in edits)
    return [*edits, *sizes, *(_offsets(file, root, end, growth) if growth else ())]


def _padding(parent: Atom, around: list[Atom], growth: int) -> Atom | None:
    """An atom of padding in `parent`, behind the change and before anything else that would move with it."""
    children = parent.children
    place = next((i for i, c in enumerate(children) if c in around), None)
    if place is None or not growth:
        return None
    for child in children[place + 1 :]:
        if child.name in (b"free", b"skip"):
            left = child.stop - child.start - growth
            return child if child.header == 8 and (left >= 8 or left == 0) and left < 1 << 32 else None
        if parent.name == b"":
            return None  # what follows may hold sound
    return None


def _resized(padding: Atom, growth: int) -> list[Edit]:
    length = padding.stop - padding.start - growth
    if not length:
        return [Edit(padding.start, padding.stop, b"")]
    size = Edit(padding.start, padding.start + 4, struct.pack(">I", length))
    return [size, Edit(padding.stop - max(growth, 0), padding.stop, bytes(max(-growth, 0)))]


def _size(file: BinaryIO, atom: Atom, growth: int) -> Edit:
    length = atom.stop - atom.start + growth
    if atom.header == 16:
        return Edit(atom.start + 8, atom.start + 16, struct.pack(">Q", length))
    if read_at(file, atom.start, 4) == bytes(4):
        return Edit(atom.start, atom.start, b"")  # "to the end of the file"
    if length >= 1 << 32:
        raise ValueError("its metadata would become longer than 4 GB")
    return Edit(atom.start, atom.start + 4, struct.pack(">I", length))


def _offsets(file: BinaryIO, root: Atom, after: int, growth: int) -> Iterator[Edit]:
    """What points to a place behind `after`, counted from the file's beginning, points `growth` bytes further."""
    if any(a.name == b"sidx" and a.stop <= after for a in root.children):
        raise ValueError("it is made for streaming (sidx before moov), and has no room for another genre")
    for trak in root.all(b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        for name, width in ((b"stco", "I"), (b"co64", "Q")):
            for table in trak.all(name):
                yield _table(file, table, width, after, growth)
    for header in root.all(b"moof", b"traf", b"tfhd"):
        flags = int.from_bytes(read_at(file, header.start + 8, 4), "big")
        if flags & 1:
            yield _shifted(file, header.start + 16, "Q", after, growth)
    for index in root.all(b"mfra", b"tfra"):
        yield from _fragment_index(file, index, after, growth)


def _table(file: BinaryIO, table: Atom, width: str, after: int, growth: int) -> Edit:
    data = read_at(file, table.start + 16, table.stop - table.start - 16)
    count = int.from_bytes(read_at(file, table.start + 12, 4), "big")
    layout = f">{count}{width}"
    moved = [o + growth if o >= after else o for o in struct.unpack_from(layout, data)]
    if width == "I" and max(moved, default=0) >= 1 << 32:
        raise ValueError("it would become longer than its tables of 32-bit offsets can say")
    new = struct.pack(layout, *moved)
    return Edit(table.start + 16, table.start + 16 + len(new), new)


def _shifted(file: BinaryIO, at: int, width: str, after: int, growth: int) -> Edit:
    layout = ">" + width
    data = read_at(file, at, struct.calcsize(layout))
    (offset,) = struct.unpack(layout, data)
    return Edit(at, at + len(data), struct.pack(layout, offset + growth if offset >= after else offset))


def _fragment_index(file: BinaryIO, index: Atom, after: int, growth: int) -> Iterator[Edit]:
    version = read_at(file, index.start + 8, 1)[0]
    _, lengths, count = struct.unpack(">III", read_at(file, index.start + 12, 12))
    width = "Q" if version == 1 else "I"
    each = 2 * struct.calcsize(width) + sum((lengths >> shift & 3) + 1 for shift in (4, 2, 0))
    for i in range(count):
        yield _shifted(file, index.start + 24 + i * each + struct.calcsize(width), width, after, growth)
