"""Which kind of tag a file has, judged by its content alone, never by its name."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mutagen import MutagenError

from zhanr.audio.sources import id3_length
from zhanr.errors import TagError
from zhanr.files import read_failure
from zhanr.tags.formats.asf import asf_tags
from zhanr.tags.formats.edits import Edit, Tags, changes, ordered, read_at
from zhanr.tags.formats.fields import Wanted
from zhanr.tags.formats.flac import flac_tags
from zhanr.tags.formats.mp4 import mp4_tags
from zhanr.tags.formats.ogg import ogg_tags
from zhanr.tags.formats.riff import riff_tags
from zhanr.tags.formats.stream import ape_tags, id3_tags, tta_tags

Reader = Callable[[BinaryIO, int], Tags]
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_SIGNS: tuple[tuple[str, int, bytes, Reader], ...] = (
    ("FLAC", 0, b"fLaC", flac_tags),
    ("Ogg", 0, b"OggS", ogg_tags),
    *(("MP4", 4, atom, mp4_tags) for atom in (b"ftyp", b"moov", b"mdat", b"wide")),
    ("WAV", 8, b"WAVE", riff_tags),
    ("AIFF", 8, b"AIFF", riff_tags),
    ("AIFF", 8, b"AIFC", riff_tags),
    ("ASF", 0, _ASF, asf_tags),
    ("WavPack", 0, b"wvpk", ape_tags),
    ("Monkey's Audio", 0, b"MAC ", ape_tags),
    ("Musepack", 0, b"MP+", ape_tags),
    ("Musepack", 0, b"MPCK", ape_tags),
    ("TAK", 0, b"tBaK", ape_tags),
    ("TTA", 0, b"TTA1", tta_tags),
)


@dataclass(frozen=True)
class TagFile:
    """An open file and what its tags say, parsed once; `kind` is the name of its format, one of `_SIGNS` or "MPEG"."""

    path: Path
    file: BinaryIO
    kind: str
    size: int
    tags: Tags

    def edits(self, wanted: Wanted) -> tuple[Edit, ...]:
        """The changes that give the file these values. Raises `TagError`."""
        try:
            return changes(self.file, ordered(self.tags.edits(wanted), self.size))
        except (ValueError, struct.error, IndexError) as error:
            raise TagError(self.path, str(error)) from error


@contextmanager
def open_tags(path: str | os.PathLike[str]) -> Iterator[TagFile]:
    """Open a file and read its tags. Raises `TagError` where it can't be read, or its format can't be written."""
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise TagError(path, read_failure(error)) from error
    with file:
        yield parsed(file, path)


def parsed(file: BinaryIO, path: str | os.PathLike[str]) -> TagFile:
    """The tags of an open file. Raises `TagError`."""
    try:
        size = file.seek(0, os.SEEK_END)
        kind, reader = _reader(file, size)
        return TagFile(Path(path), file, kind, size, reader(file, size))
    except OSError as error:
        raise TagError(path, read_failure(error)) from error
    except (ValueError, struct.error, IndexError, RecursionError, MutagenError) as error:
        raise TagError(path, str(error) or "its tags are damaged") from error


def read_genres(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The genres that a file's tags name. Raises `TagError`."""
    with open_tags(path) as opened:
        return opened.tags.genres


def checked_genres(genres: tuple[str, ...], path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The genres as they may be written to a file. Raises `TagError` where there is none, or no tag can hold one."""
    try:
        if genres:
            return tuple(checked_genre(g) for g in genres)
    except ValueError as error:
        raise TagError(path, str(error)) from error
    raise TagError(path, "no genre is given")


def checked_genre(genre: str) -> str:
    """The genre without white space around it; a `ValueError` where no tag can hold it."""
    name = genre.strip()
    if not name:
        raise ValueError("a genre without a name can't be written")
    if not name.isprintable():
        raise ValueError(f"the genre {name!r} holds characters that can't be printed")
    return name


def _reader(file: BinaryIO, size: int) -> tuple[str, Reader]:
    start = 0
    while length := id3_length(read_at(file, start, 10)):
        start += length
    head = read_at(file, start, 16)
    for name, at, sign, reader in _SIGNS:
        if head[at:].startswith(sign):
            if start and reader in (ogg_tags, mp4_tags, riff_tags, asf_tags):
                raise ValueError(f"an ID3 tag stands before the {name} file, where it doesn't belong")
            return name, reader
    if _is_mpeg_audio(head):
        return "MPEG", id3_tags
    if start and (at := _first_frame(read_at(file, start, 1 << 16))) >= 0:
        return "MPEG", id3_tags
    if size == 0:
        raise ValueError("the file is empty")
    raise ValueError("zhanr can't write the genre of this kind of file")


def _is_mpeg_audio(head: bytes) -> bool:
    """A frame of mp1, mp2, mp3 or of AAC (ADTS): eleven bits set, then a version and a layer that exist."""
    return len(head) > 2 and head[0] == 0xFF and head[1] >= 0xE0 and head[1] & 0x18 != 0x08 and head[2] != 0xFF


def _first_frame(data: bytes) -> int:
    """Where the first frame is, in a file whose tag is followed by zeros that belong to no tag."""
    stripped = data.lstrip(b"\0")
    return len(data) - len(stripped) if _is_mpeg_audio(stripped[:3]) else -1
