"""Is a newly written file the old one with another genre, and nothing else? Asked of FFmpeg, of mutagen and of itself.

Everything is compared before the new file takes the old one's place; the first difference is the reason to refuse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import mutagen
from mutagen.aiff import AIFF
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, ID3NoHeaderError
from mutagen.monkeysaudio import MonkeysAudio
from mutagen.mp4 import MP4
from mutagen.musepack import Musepack
from mutagen.tak import TAK
from mutagen.wave import WAVE
from mutagen.wavpack import WavPack

from zhanr.audio.metadata import Metadata, read_metadata
from zhanr.audio.payload import payload_sha256
from zhanr.errors import AudioError, TagError
from zhanr.files import read_failure
from zhanr.tags.formats import TagFile
from zhanr.tags.formats.edits import Tags
from zhanr.tags.formats.id3 import ID3V1_COMMENT

_GENRE_KEYS = frozenset({"tcon", "tco", "genre", "\xa9gen", "gnre", "wm/genre"})
_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "FLAC": FLAC,
    "Ogg": mutagen.File,
    "MP4": MP4,
    "WAV": WAVE,
    "AIFF": AIFF,
    "ASF": ASF,
    "WavPack": WavPack,
    "Monkey's Audio": MonkeysAudio,
    "Musepack": Musepack,
    "TAK": TAK,
}


@dataclass(frozen=True)
class Facts:
    """What a file is, as far as a change of its genre must not change it; and its genres by each reader."""

    payload: str
    own: Tags
    ffmpeg: Metadata
    mutagen: Mapping[str, Any]
    mutagen_genres: tuple[str, ...]


def facts(opened: TagFile, *, suffix: str) -> Facts:
    """Read a file in three ways. Raises `TagError` where one of them fails."""
    path = opened.path
    try:
        others, genres = _by_mutagen(opened)
        payload = payload_sha256(path, sound_only=False)
        return Facts(payload, opened.tags, read_metadata(path, suffix=suffix), others, genres)
    except AudioError as error:
        raise TagError(path, error.reason) from error
    except OSError as error:
        raise TagError(path, read_failure(error)) from error


def difference(old: Facts, new: Facts, genres: tuple[str, ...]) -> str | None:
    """Why the new file must not replace the old one, or None where only its genre is another."""
    if new.payload != old.payload:
        return "its sound would change"
    if new.own.others != old.own.others:
        return "its other tags would change"
    if new.mutagen != old.mutagen:
        return f"its other tags would change ({_names(old.mutagen, new.mutagen)})"
    if new.ffmpeg.texts != old.ffmpeg.texts:
        return f"its other tags would change ({_names(old.ffmpeg.texts, new.ffmpeg.texts)})"
    if (new.ffmpeg.chapters, new.ffmpeg.streams) != (old.ffmpeg.chapters, old.ffmpeg.streams):
        return "its chapters, covers or streams would change"
    wanted = "; ".join(genres)
    if new.own.genres != genres or new.mutagen_genres != genres:
        return f"this kind of tag can't hold the genre {wanted!r}: it would be read as {_said(new)!r}"
    if not _agrees(new.ffmpeg.genre, genres) and not (new.own.hidden and new.ffmpeg.genre is None):
        return f"FFmpeg would not read the genre {wanted!r}, but {new.ffmpeg.genre!r}"
    return None


def _agrees(text: str | None, genres: tuple[str, ...]) -> bool:
    """Whether FFmpeg's one text is one of the genres, or names all of them."""
    return text is not None and (text in genres or all(genre in text for genre in genres))


def _said(new: Facts) -> str:
    return "; ".join(new.mutagen_genres)


def _names(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> str:
    changed = [k for k in {**old, **new} if old.get(k) != new.get(k)]
    return ", ".join(str(k if isinstance(k, str) else k[1]) for k in changed[:5])


def _by_mutagen(opened: TagFile) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Everything but the genre as mutagen reads it, by name, as hashes; and the genres."""
    others: dict[str, list[str]] = {}
    genres: list[str] = []
    try:
        items = list(_items(opened.file, opened.kind))
    except Exception as error:  # mutagen lets any error out of a damaged file
        raise TagError(opened.path, f"mutagen can't read its tags ({error})") from error
    for key, value in items:
        if key.lower() in _GENRE_KEYS:
            genres += _texts(value)
        else:
            digest = hashlib.sha256(repr(value).encode(errors="replace")).hexdigest()
            others[key] = sorted({*others.get(key, ()), digest})
    return others, tuple(dict.fromkeys(genres))


def _texts(value: Any) -> list[str]:
    values = getattr(value, "genres", None) or (value if isinstance(value, list) else [value])
    return [text for v in values for text in str(v).split("\0")]


def _items(file: BinaryIO, kind: str) -> Iterator[tuple[str, Any]]:
    file.seek(0)
    if kind in ("MPEG", "TTA"):
        yield from _id3(file)
        return
    opened = _OPENERS[kind](file)
    if kind == "FLAC":
        yield from ((f"block {b.code}", b.write()) for b in opened.metadata_blocks if b.code not in (1, 4))
    if kind == "MP4" and opened.chapters is not None:
        yield "chapters", [(chapter.start, chapter.title) for chapter in opened.chapters]
    if isinstance(opened.tags, ID3):
        yield from _frames(opened.tags)
    elif isinstance(opened.tags, list):  # Vorbis comments, ASF
        yield from opened.tags
    elif opened.tags is not None:
        yield from opened.tags.items()


def _id3(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    try:
        yield from _frames(cast(Any, ID3)(file, translate=False))
    except ID3NoHeaderError:
        return


def _frames(tags: Any) -> Iterator[tuple[str, Any]]:
    for frame in tags.values():
        if frame.HashKey == ID3V1_COMMENT:
            frame.desc = ""  # as it is called in a tag that is made of it
        yield frame.HashKey, frame
    yield from (("unknown frame", frame) for frame in tags.unknown_frames)
