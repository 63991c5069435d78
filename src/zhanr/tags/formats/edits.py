"""Changing some bytes of a large file: what a writer of tags wants changed, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from zhanr.tags.formats.fields import GENRE, Wanted

_CHUNK = 1 << 20
_PIECE = 64


@dataclass(frozen=True, order=True)
class Edit:
    """The bytes `start` to `stop` of a file become `new`."""

    start: int
    stop: int
    new: bytes

    @property
    def growth(self) -> int:
        """By how much the file becomes longer."""
        return len(self.new) - (self.stop - self.start)


@dataclass(frozen=True)
class Tags:
    """What a file says of its genre, and how to make it say something else.

    `kind` names the tag for people ("ID3v2.3"). `texts` gives the values of a field, those of the tag that programs
    look at first. `edits` gives the changes of the file for other values. `others` is everything but some fields that
    stands in the tags, as stored. `hidden` says that FFmpeg doesn't look at that tag, because of another one behind it.
    """

    kind: str
    texts: Callable[[str], tuple[str, ...]]
    edits: Callable[[Wanted], list[Edit]]
    others: Callable[[Collection[str]], tuple[object, ...]]
    hidden: bool = False

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres."""
        return self.texts(GENRE)


def ordered(edits: Iterable[Edit], size: int) -> tuple[Edit, ...]:
    """The edits in the order of the file; a `ValueError` where they overlap or lie outside."""
    result = tuple(sorted(edits))
    end = 0
    for edit in result:
        if not end <= edit.start <= edit.stop <= size:
            raise ValueError(
                f"an edit of bytes {edit.start} to {edit.stop} can't be made (size {size}, last end {end})"
            )
        end = edit.stop
    return result


def changes(file: BinaryIO, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The same change in as few bytes as possible: an edit of a tag leaves out the cover that only moves in it."""
    result: list[Edit] = []
    for edit in edits:
        result += refined(edit.start, read_at(file, edit.start, edit.stop - edit.start), edit.new)
    return tuple(result)


def refined(start: int, old: bytes, new: bytes) -> list[Edit]:
    """The edits between two versions of a part of a file that begins at `start`.

    What both begin and end with is left out. Of what is between, a piece from the middle is looked for in the new
    version; where it is found, both sides of it are refined in turn.
    """
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    start, old, new = start + first, old[first : len(old) - last], new[first : len(new) - last]
    if not old and not new:
        return []
    for share in (2, 4, 1.33):
        at = int(len(old) / share)
        piece = old[at : at + _PIECE]
        there = new.find(piece) if len(piece) == _PIECE else -1
        if there >= 0:
            left = refined(start, old[:at], new[:there])
            return left + refined(start + at + _PIECE, old[at + _PIECE :], new[there + _PIECE :])
    return [Edit(start, start + len(old), new)]


def _common(a: bytes, b: bytes) -> int:
    """The length of what both begin with."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def spliced(file: BinaryIO, edits: tuple[Edit, ...], size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (old bytes, new bytes) from a file's beginning to its end, in pieces; `edits` are `ordered`."""
    at = 0
    for edit in (*edits, Edit(size, size, b"")):
        while at < edit.start:
            piece = read_at(file, at, min(_CHUNK, edit.start - at))
            if not piece:
                raise EOFError("the file became shorter while it was read")
            at += len(piece)
            yield piece, piece
        yield read_at(file, edit.start, edit.stop - edit.start), edit.new
        at = edit.stop


def inverse(file: BinaryIO, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The edits that turn the edited file back into this one."""
    shift, result = 0, []
    for edit in edits:
        old = read_at(file, edit.start, edit.stop - edit.start)
        start = edit.start + shift
        result.append(Edit(start, start + len(edit.new), old))
        shift += edit.growth
    return tuple(result)


def read_at(file: BinaryIO, start: int, n: int) -> bytes:
    """`n` bytes from `start` on, fewer at the end of the file."""
    file.seek(start)
    return file.read(n)
