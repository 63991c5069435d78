"""ID3, frame by frame: the genre is exchanged, every other frame stays byte for byte as it is.

mutagen would write a whole tag anew: in another order, text in other encodings, without what it doesn't know. Here only
the frame TCON (TCO in ID3v2.2), or the TXXX of one's own field, is new; the version of the tag stays. mutagen reads the
genre, so that "(17)" is "Rock".
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

from mutagen.id3 import ID3, TCON, ParseID3v1

from zhanr.tags.formats.fields import GENRE, Wanted, exchanged, free_field

MAX_FRAMES = 10_000  # a richly tagged song has a hundred; a million take mutagen minutes
_PADDING = 1024
ID3V1_COMMENT = "COMM:ID3v1 Comment:eng"
"""How mutagen calls the comment of an ID3v1 tag."""
_ID = {2: re.compile(rb"[A-Z0-9]{3}"), 3: re.compile(rb"[A-Z0-9]{4}"), 4: re.compile(rb"[A-Z0-9]{4}")}
_GENRE = {2: b"TCO", 3: b"TCON", 4: b"TCON"}
_FREE = {2: b"TXX", 3: b"TXXX", 4: b"TXXX"}
_UNSYNCHRONISED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10


class TooManyFrames(ValueError):
    """A tag that was made to keep its reader busy."""


@dataclass(frozen=True)
class Id3:
    """An ID3v2 tag: its frames as stored (header and content each), what follows them, and its padding."""

    version: int
    frames: tuple[bytes, ...]
    rest: bytes = b""
    length: int = 0
    syncsafe: bool = True
    flags: int = 0
    revision: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Id3:
        """Take apart a tag of `id3_length` bytes. Raises `ValueError` for a version that isn't known."""
        version, flags, body = data[3], data[5], data[10:]
        if version not in _ID:
            raise ValueError(f"its ID3 tag has the unknown version 2.{version}")
        if flags & _FOOTER:
            body = body[:-10]
        if flags & _UNSYNCHRONISED and version < 4:
            body = body.replace(b"\xff\x00", b"\xff")
        if flags & _EXTENDED and version > 2 and not _ID[version].fullmatch(body[:4]):  # some set the flag in vain
            # an optional checksum and the size of the padding, which would be untrue after a change
            size = _from_syncsafe(body[:4]) if version == 4 else int.from_bytes(body[:4], "big") + 4
            body = body[size:]
        readings = [(s, *_frames_of(body, version, s)) for s in ((True, False) if version == 4 else (False,))]
        syncsafe, frames, rest = min(readings, key=lambda reading: len(reading[2].rstrip(b"\0")))
        kept = flags & _UNSYNCHRONISED if version == 4 else 0
        return cls(version, frames, rest.rstrip(b"\0"), len(data), syncsafe, kept, data[4])

    def texts(self, field: str) -> tuple[str, ...]:
        """The values of a field; of the genre, numbers are resolved to names."""
        wanted = b"".join(f for f in self.frames if self._field(f) == field)
        if not wanted:
            return ()
        found = self._read(wanted).getall("TCON" if field == GENRE else "TXXX")
        names = (str(text).strip() for frame in found for text in (frame.genres if field == GENRE else frame.text))
        return tuple(dict.fromkeys(n for n in names if n))

    def others(self, fields: Collection[str]) -> tuple[bytes, ...]:
        """All frames but those of some fields, as stored, and what follows them."""
        return tuple(filter(None, (*(f for f in self.frames if self._field(f) not in fields), self.rest)))

    def with_texts(self, wanted: Wanted) -> bytes:
        """The whole tag with other values: of the same length if there is padding enough, else with new padding."""
        new = {field: [self._frame(field, values)] for field, values in wanted.items()}
        frames: list[bytes] = exchanged(self.frames, self._field, new)
        body = b"".join(frames) + self.rest
        size = self.length - 10 if len(body) <= self.length - 10 else len(body) + _PADDING
        return _header(self.version, self.revision, self.flags, size) + body.ljust(size, b"\0")

    def _read(self, frames: bytes) -> Any:
        """Some frames as mutagen reads them."""
        return cast(Any, ID3)(io.BytesIO(_header(self.version, self.revision, self.flags, len(frames)) + frames))

    def _field(self, frame: bytes) -> str | None:
        """The field that a frame holds, by its description if it is one for everybody's own use."""
        if frame.startswith(_GENRE[self.version]):
            return GENRE
        found = self._read(frame).getall("TXXX") if frame.startswith(_FREE[self.version]) else ()
        return free_field(found[0].desc) if found else None

    def _frame(self, field: str, values: tuple[str, ...]) -> bytes:
        """Several values are separated by a zero, which ID3v2.4 asks for and readers of the older versions accept.

        So is the name of a field of one's own from its values.
        """
        name, texts = (_GENRE, values) if field == GENRE else (_FREE, (field, *values))
        if self.version == 4:
            content = b"\x03" + b"\0".join(t.encode() for t in texts)
        elif all(t.isascii() for t in texts):
            content = b"\x00" + b"\0".join(t.encode() for t in texts)
        else:
            content = b"\x01" + b"\0\0".join(b"\xff\xfe" + t.encode("utf-16-le") for t in texts)
        if self.version == 2:
            return name[2] + len(content).to_bytes(3, "big") + content
        size = _syncsafe(len(content)) if self.syncsafe and self.version == 4 else len(content).to_bytes(4, "big")
        return name[self.version] + size + b"\0\0" + content


def new_tag(wanted: Wanted) -> bytes:
    """A tag with nothing but some fields, for a file that has none: ID3v2.4, which knows several values and UTF-8."""
    return Id3(4, ()).with_texts(wanted)


def _frames_of(body: bytes, version: int, syncsafe: bool) -> tuple[tuple[bytes, ...], bytes]:
    """The frames of a tag's body, and what comes after the last one.

    Old iTunes wrote the sizes of ID3v2.4 frames as plain numbers; whoever reads more of the body in one way is right.
    """
    letters, header = (3, 6) if version == 2 else (4, 10)
    frames, at = [], 0
    while _ID[version].fullmatch(body[at : at + letters]) and at + header <= len(body):
        stored = body[at + letters : at + letters + (3 if version == 2 else 4)]
        if syncsafe and max(stored) > 0x7F:
            break
        end = at + header + (_from_syncsafe(stored) if syncsafe else int.from_bytes(stored, "big"))
        if end > len(body):
            break
        frames.append(body[at:end])
        if len(frames) > MAX_FRAMES:
            raise TooManyFrames(f"its ID3 tag has more than {MAX_FRAMES} frames")
        at = end
    return tuple(frames), body[at:]


def _header(version: int, revision: int, flags: int, size: int) -> bytes:
    if size >= 1 << 28:
        raise ValueError("its ID3 tag would become too long")
    return b"ID3" + bytes([version, revision, flags]) + _syncsafe(size)


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _from_syncsafe(data: bytes) -> int:
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def id3v1_number(genre: str) -> int:
    """The number of a genre in ID3v1; 255, "none", for one that has no number."""
    names = [name.casefold() for name in TCON.GENRES]
    return names.index(genre.casefold()) if genre.casefold() in names else 255


def id3v1_frames(tag: bytes) -> dict[str, Any]:
    """What an ID3v1 tag says, as frames of ID3v2.4 by their names."""
    return {str(name): frame for name, frame in (ParseID3v1(tag) or {}).items()}


def from_id3v1(tag: bytes) -> Id3:
    """A new tag that says what an ID3v1 tag says: programs no longer look at that once there is an ID3v2 tag."""
    made, buffer = cast(Any, ID3)(), io.BytesIO()
    for frame in id3v1_frames(tag).values():
        if frame.HashKey == ID3V1_COMMENT:
            frame.desc = ""
        made.add(frame)
    if not made:
        return Id3(4, ())
    made.save(buffer, v1=0, padding=lambda _: 0)
    parsed = Id3.parse(buffer.getvalue())
    return Id3(4, parsed.frames)
