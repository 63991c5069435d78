"""Ogg: the comments are the second packet of the stream of sound, spread over pages (RFC 3533, RFC 7845)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from zhanr.tags.formats.edits import Edit, Tags, read_at
from zhanr.tags.formats.fields import Wanted
from zhanr.tags.formats.vorbis import Comment

_HEADS = {b"\x01vorbis": b"\x03vorbis", b"OpusHead": b"OpusTags", b"Speex   ": b"", b"\x7fFLAC": b""}
_CONTINUED, _FIRST = 0x01, 0x02
_NO_PACKET_ENDS = (1 << 64) - 1
_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass(frozen=True)
class OggPage:
    """One page: where it lies, its header's fields, and the lengths of its segments."""

    start: int
    flags: int
    granule: int
    serial: int
    number: int
    lacing: bytes

    @property
    def data_start(self) -> int:
        """Where its content begins."""
        return self.start + 27 + len(self.lacing)

    @property
    def stop(self) -> int:
        """Where it ends."""
        return self.data_start + sum(self.lacing)

    def render(self, data: bytes) -> bytes:
        """The bytes of the page."""
        head = struct.pack("<4sBBQIII", b"OggS", 0, self.flags, self.granule, self.serial, self.number, 0)
        page = head + bytes([len(self.lacing)]) + self.lacing + data
        return page[:22] + _checksum(page) + page[26:]


def ogg_tags(file: BinaryIO, size: int) -> Tags:
    """The comments of the first stream of sound in an Ogg file."""
    magic, serial, is_flac = _sound(file, size)
    pages = _comment_pages(file, size, serial)
    data = b"".join(read_at(file, p.data_start, sum(p.lacing)) for p in pages)
    length = _packet_length(pages)
    packet, after = data[:length], data[length:]
    skip = 4 if is_flac else len(magic)
    if not packet.startswith(magic) or (is_flac and packet[:1] not in (b"\x04", b"\x84")):
        raise ValueError("its comments are not where an Ogg file has them")
    comment = Comment.parse(packet[skip:])

    def edits(wanted: Wanted) -> list[Edit]:
        body = comment.with_texts(wanted)
        head = packet[:1] + len(body).to_bytes(3, "big") if is_flac else magic
        if is_flac and len(body) >= 1 << 24:
            raise ValueError("its comments would become too long for FLAC")
        return _exchange(file, size, pages, head + body, after)

    return Tags("Vorbis comment", comment.texts, edits, lambda fields: (comment.others(fields), after))


def _pages(file: BinaryIO, at: int, size: int, serial: int | None = None) -> Iterator[OggPage]:
    while at < size:
        head = read_at(file, at, 27 + 255)
        if len(head) < 27 or head[:4] != b"OggS":
            raise ValueError("its Ogg pages are damaged")
        _, _, flags, granule, number_of, number, _ = struct.unpack("<4sBBQIII", head[:26])
        page = OggPage(at, flags, granule, number_of, number, head[27 : 27 + head[26]])
        if page.stop > size:
            raise ValueError("it ends in the middle of an Ogg page")
        if serial is None or serial == number_of:
            yield page
        at = page.stop


def _sound(file: BinaryIO, size: int) -> tuple[bytes, int, bool]:
    """What the comments' packet begins with, the stream's serial number, and whether it is FLAC."""
    for page in _pages(file, 0, size):
        if not page.flags & _FIRST:
            break
        head = read_at(file, page.data_start, 8)
        for first, second in _HEADS.items():
            if head.startswith(first):
                return second, page.serial, first == b"\x7fFLAC"
    raise ValueError("this kind of Ogg file has no comments that zhanr knows")


def _comment_pages(file: BinaryIO, size: int, serial: int) -> list[OggPage]:
    """The pages from the one on which the second packet begins to the one on which it ends."""
    pages = []
    for page in _pages(file, 0, size, serial):
        if not page.flags & _FIRST:
            pages.append(page)
            if any(length < 255 for length in page.lacing):
                return pages
    raise ValueError("its Ogg pages are damaged")


def _packet_length(pages: list[OggPage]) -> int:
    length = 0
    for segment in b"".join(p.lacing for p in pages):
        length += segment
        if segment < 255:
            break
    return length


def _exchange(file: BinaryIO, size: int, pages: list[OggPage], packet: bytes, after: bytes) -> list[Edit]:
    """Put another packet in the place of the first one; later pages get new numbers if there are more or fewer now."""
    old = b"".join(p.lacing for p in pages)
    first = next(i for i, segment in enumerate(old) if segment < 255)
    lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) + old[first + 1 :]
    new = _paginate(pages, lacing, packet + after)
    edits = [Edit(pages[0].start, pages[0].stop, b"".join(new))]
    for page in pages[1:]:
        if page.start == edits[-1].stop:
            edits[-1] = replace(edits[-1], stop=page.stop)
        else:  # pages of another stream stand between them
            edits.append(Edit(page.start, page.stop, b""))
    if shift := len(new) - len(pages):
        edits += _renumber(file, size, pages[-1], shift)
    return edits


def _paginate(pages: list[OggPage], lacing: bytes, data: bytes) -> list[bytes]:
    """Cut segments into pages of up to 255. A page on which no packet ends has no position in time."""
    made, at = list[bytes](), 0
    flags = pages[0].flags
    for i in range(0, len(lacing), 255):
        part = lacing[i : i + 255]
        granule = _NO_PACKET_ENDS if min(part) == 255 else (0 if i + 255 < len(lacing) else pages[-1].granule)
        page = OggPage(0, flags, granule, pages[0].serial, pages[0].number + len(made), part)
        made.append(page.render(data[at : at + sum(part)]))
        at += sum(part)
        flags = _CONTINUED if part[-1] == 255 else 0
    return made


def _renumber(file: BinaryIO, size: int, last: OggPage, shift: int) -> Iterator[Edit]:
    for page in _pages(file, last.stop, size, last.serial):
        if page.flags & _FIRST:
            return  # another piece of music with the same serial number follows
        data = read_at(file, page.data_start, sum(page.lacing))
        new = replace(page, number=(page.number + shift) & 0xFFFFFFFF).render(data)
        yield Edit(page.start + 18, page.start + 26, new[18:26])


def _checksum(page: bytes) -> bytes:
    """The CRC of Ogg: polynomial 0x04C11DB7 from 0, not reflected; zlib's is the same one, reflected and inverted."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return struct.pack(">I", crc).translate(_REVERSED)
