"""FLAC: a chain of metadata blocks, one of which holds the comments (RFC 9639, 8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import BinaryIO

from zhanr.tags.formats.edits import Edit, Tags, read_at
from zhanr.tags.formats.fields import Wanted
from zhanr.tags.formats.stream import leading, secondary, trailing
from zhanr.tags.formats.vorbis import Comment

_PADDING, _COMMENT, _LAST = 1, 4, 0x80
_MAX_BLOCK = (1 << 24) - 1


def flac_tags(file: BinaryIO, size: int) -> Tags:
    """The tags of a FLAC file: its comments, and ID3 or APEv2 tags that some program has put around it."""
    around = leading(file, size)
    begin = around[-1][1] if around else 0
    _, last, _ = trailing(file, begin, size)
    blocks = _blocks(file, begin + 4, size)
    place = next(((start, stop) for kind, start, stop in blocks if kind & 0x7F == _COMMENT), None)
    comment = Comment.parse(read_at(file, place[0] + 4, place[1] - place[0] - 4)) if place else Comment()

    def edits(wanted: Wanted) -> list[Edit]:
        return [*_replace(blocks, comment.with_texts(wanted)), *secondary([*around, *last], wanted)]

    def others(fields: Collection[str]) -> tuple[object, ...]:
        return (comment.others(fields), *(tag.others(fields) for _, _, tag in [*around, *last]))

    return Tags("Vorbis comment", comment.texts, edits, others)


def _blocks(file: BinaryIO, at: int, size: int) -> list[tuple[int, int, int]]:
    """(first byte: kind and "this is the last one", start, stop) of every block."""
    blocks: list[tuple[int, int, int]] = []
    while not blocks or not blocks[-1][0] & _LAST:
        head = read_at(file, at, 4)
        stop = at + 4 + int.from_bytes(head[1:], "big")
        if len(head) < 4 or stop > size:
            raise ValueError("its FLAC metadata is damaged")
        blocks.append((head[0], at, stop))
        at = stop
    return blocks


def _replace(blocks: list[tuple[int, int, int]], comment: bytes) -> list[Edit]:
    """Exchange or add the block of comments; padding gives or takes what that needs, if there is any."""
    if len(comment) > _MAX_BLOCK:
        raise ValueError("its comments would become too long for a FLAC file")
    size = len(comment).to_bytes(3, "big")
    for kind, start, stop in blocks:
        if kind & 0x7F == _COMMENT:
            edit = Edit(start, stop, bytes([kind]) + size + comment)
            return [edit, *_pad(blocks, edit.growth)]
    kind, start, stop = blocks[0]  # the stream's properties; they must come first
    flag = Edit(start, start + 1, bytes([kind & 0x7F]))
    edit = Edit(stop, stop, bytes([_COMMENT | kind & _LAST]) + size + comment)
    return [flag, edit, *_pad(blocks, edit.growth)]


def _pad(blocks: list[tuple[int, int, int]], growth: int) -> list[Edit]:
    for kind, start, stop in blocks:
        length = stop - start - 4 - growth
        if kind & 0x7F == _PADDING and 0 <= length <= _MAX_BLOCK and growth:
            head = Edit(start, start + 4, bytes([kind]) + length.to_bytes(3, "big"))
            return [head, Edit(stop - max(growth, 0), stop, bytes(max(-growth, 0)))]
    return []
