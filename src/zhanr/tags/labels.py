"""What a file's tags say of the song: genre, artist, album, title, whatever the format. Reading only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mutagen

from zhanr.audio.metadata import read_metadata
from zhanr.errors import AudioError, TagError
from zhanr.library.columns import TAGS, Song, with_prediction
from zhanr.prediction import Prediction
from zhanr.tags.formats import read_genres
from zhanr.tags.formats.id3 import TooManyFrames
from zhanr.words import SEPARATOR


def with_labels(song: Song) -> Song:
    """The song with what its file says now; a field that is absent, or can't be read, is None."""
    return replace(song, **read_labels(song.path))


def labelled(path: Path, prediction: Prediction, number: int) -> Song:
    """A song as albums need it: what a model says of a file, what its tags say, and a number for an `id`."""
    return with_labels(with_prediction(Song(path, id=number), prediction))


def read_labels(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file's tags say (`columns.TAGS`), as in a `Song`. Damaged tags, and ID3 tags without end, count as none.

    The genre is the one that `tags` reads and writes, where it knows the format.
    """
    genres: tuple[str, ...] | None = None
    try:
        genres = read_genres(path)
    except TagError as error:
        if isinstance(error.__cause__, TooManyFrames):  # mutagen would read them all
            return dict.fromkeys(TAGS)
    said = _by_mutagen(path)
    if not any(said.values()):
        said = _by_ffmpeg(path)  # a wav's INFO list, Matroska and other places that mutagen doesn't look at
    if genres is not None:
        said["tag_genre"] = SEPARATOR.join(_texts(genres)) or None
    return said


def _by_mutagen(path: str | os.PathLike[str]) -> dict[str, str | None]:
    try:
        file = mutagen.File(os.fspath(path))
        tags = {} if file is None or file.tags is None else file.tags
        return {field: _value(tags, names) for field, names in TAGS.items()}
    except Exception:  # mutagen lets any error out of a damaged file, and tags are no reason to refuse a song
        return dict.fromkeys(TAGS)


def _by_ffmpeg(path: str | os.PathLike[str]) -> dict[str, str | None]:
    try:
        metadata = read_metadata(path)
    except AudioError:
        return dict.fromkeys(TAGS)
    named = {name: text for (_, name), text in reversed(metadata.texts.items())}  # the file's before its streams'
    texts = {field: next((named[n] for n in names if n in named), None) for field, names in TAGS.items()}
    texts |= {"tag_genre": metadata.genre}
    return {field: " ".join((text or "").split()) or None for field, text in texts.items()}


def _value(tags: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            found = tags[name]
        except (KeyError, ValueError):  # some formats refuse the names of others
            continue
        texts = _texts(found)
        if texts:
            return SEPARATOR.join(texts)
    return None


def _texts(found: Any) -> list[str]:
    """The values of a field without empty and repeated ones; ID3's numbers of genres become names."""
    values = getattr(found, "genres", None) or getattr(found, "text", None) or found
    values = values if isinstance(values, list | tuple) else [values]
    texts = (" ".join(str(v).replace("\0", SEPARATOR).split()) for v in values)
    return list(dict.fromkeys(text for text in texts if text))
