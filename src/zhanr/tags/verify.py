"""Is a newly written file the old one with another genre, and nothing else? Asked of FFmpeg, of mutagen and of itself.

Everything is compared before the new file takes the old one's place; the first difference is the reason to refuse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
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
from zhanr.tags.formats.fields import GENRE, Wanted
from zhanr.tags.formats.id3 import ID3V1_COMMENT

_GENRE_KEYS = frozenset({"tcon", "tco", "genre", "\xa9gen", "gnre", "wm/genre"})
_FREE_KEYS = ("TXXX:", "----:com.apple.iTunes:")
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
    """What a file is, as far as a change of some fields must not change it; and their values by each reader."""

    payload: str
    own: Tags
    ffmpeg: Metadata
    mutagen: Mapping[str, Any]
    mutagen_texts: Mapping[str, tuple[str, ...]]


def facts(opened: TagFile, fields: Collection[str], *, suffix: str) -> Facts:
    """Read a file in three ways. Raises `TagError` where one of them fails."""
    path = opened.path
    try:
        others, texts = _by_mutagen(opened, fields)
        payload = payload_sha256(path, sound_only=False)
        return Facts(payload, opened.tags, read_metadata(path, suffix=suffix), others, texts)
    except AudioError as error:
        raise TagError(path, error.reason) from error
    except OSError as error:
        raise TagError(path, read_failure(error)) from error


def difference(old: Facts, new: Facts, wanted: Wanted) -> str | None:
    """Why the new file must not replace the old one, or None where only the wanted fields are others."""
    if new.payload != old.payload:
        return "its sound would change"
    if new.own.others(wanted) != old.own.others(wanted):
        return "its other tags would change"
    if new.mutagen != old.mutagen:
        return f"its other tags would change ({_names(old.mutagen, new.mutagen)})"
    before, after = (_other_texts(one.ffmpeg, wanted) for one in (old, new))
    if after != before:
        return f"its other tags would change ({_names(before, after)})"
    if (new.ffmpeg.chapters, new.ffmpeg.streams) != (old.ffmpeg.chapters, old.ffmpeg.streams):
        return "its chapters, covers or streams would change"
    return next(filter(None, (_misread(new, field, values) for field, values in wanted.items())), None)


def _misread(new: Facts, field: str, values: tuple[str, ...]) -> str | None:
    """Why a field doesn't say what it shall, or None."""
    name, wanted, said = field.lower(), "; ".join(values), new.mutagen_texts.get(field, ())
    if new.own.texts(field) != values or said != values:
        return f"this kind of tag can't hold the {name} {wanted!r}: it would be read as {'; '.join(said)!r}"
    text = new.ffmpeg.genre if field == GENRE else _text(new.ffmpeg, field)
    if not _agrees(text, values) and not (new.own.hidden and text is None):
        return f"FFmpeg would not read the {name} {wanted!r}, but {text!r}"
    return None


def _agrees(text: str | None, values: tuple[str, ...]) -> bool:
    """Whether FFmpeg's one text is one of the values, or names all of them."""
    return text is not None and (text in values or all(value in text for value in values))


def _text(found: Metadata, field: str) -> str | None:
    return next((text for (_, name), text in sorted(found.texts.items()) if name == field.lower()), None)


def _other_texts(found: Metadata, fields: Collection[str]) -> dict[tuple[str, str], str]:
    return {place: text for place, text in found.texts.items() if place[1].upper() not in fields}


def _names(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> str:
    changed = [k for k in {**old, **new} if old.get(k) != new.get(k)]
    return ", ".join(str(k if isinstance(k, str) else k[1]) for k in changed[:5])


def _by_mutagen(opened: TagFile, fields: Collection[str]) -> tuple[Mapping[str, Any], Mapping[str, tuple[str, ...]]]:
    """Everything but some fields as mutagen reads it, by name, as hashes; and the values of those fields."""
    others: dict[str, list[str]] = {}
    texts: dict[str, list[str]] = {}
    try:
        items = list(_items(opened.file, opened.kind))
    except Exception as error:  # mutagen lets any error out of a damaged file
        raise TagError(opened.path, f"mutagen can't read its tags ({error})") from error
    for key, value in items:
        if (field := _field(key)) in fields:
            texts.setdefault(field, []).extend(_texts(value))
        else:
            digest = hashlib.sha256(repr(value).encode(errors="replace")).hexdigest()
            others[key] = sorted({*others.get(key, ()), digest})
    return others, {field: tuple(dict.fromkeys(values)) for field, values in texts.items()}


def _field(key: str) -> str:
    """The field of one of mutagen's names: `TXXX:STYLE` of ID3 and `----:com.apple.iTunes:STYLE` of MP4 are "STYLE"."""
    if key.lower() in _GENRE_KEYS:
        return GENRE
    name = next((key[len(start) :] for start in _FREE_KEYS if key.startswith(start)), key).upper()
    return "" if name == GENRE else name


def _texts(value: Any) -> list[str]:
    values = getattr(value, "genres", None) or (value if isinstance(value, list) else [value])
    texts = (v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)
    return [part for text in texts for part in text.split("\0")]


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
