"""What FFmpeg reads of a file's tags: a second opinion, by another program than the one that wrote them."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from zhanr.audio.container import _OPTIONS
from zhanr.audio.sources import SourceFile
from zhanr.errors import AudioError


@dataclass(frozen=True)
class Metadata:
    """The texts of a file by place and name, its chapters, and the kinds of its streams.

    `genre` is FFmpeg's one text for all genres: of several values, some formats give the first and some all of them.
    """

    genre: str | None
    texts: dict[tuple[str, str], str]
    chapters: tuple[str, ...]
    streams: tuple[str, ...]


def read_metadata(path: str | os.PathLike[str], *, suffix: str = "") -> Metadata:
    """Read a file's tags as `ffprobe` does. `suffix` is the one to believe where the name has another.

    Raises `AudioError` where FFmpeg can't open the file.
    """
    suffix = suffix or Path(path).suffix
    try:
        with closing(_Named(path, f"music{suffix}")) as named:
            options = dict(_OPTIONS)
            with av.open(named, "r", container_options=options, metadata_errors="replace") as container:
                return _read(container)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(path, f"FFmpeg can't read it ({getattr(error, 'strerror', None) or error})") from error


def _read(container: InputContainer) -> Metadata:
    texts = {("", key.lower()): value for key, value in container.metadata.items()}
    for stream in container.streams:
        texts |= {(str(stream.index), key.lower()): value for key, value in stream.metadata.items()}
    genres = [texts.pop(place) for place in sorted(texts) if place[1] == "genre"]
    chapters = tuple(repr(sorted(chapter.items())) for chapter in container.chapters())
    streams = tuple(f"{s.type} {s.codec_context.name if s.codec_context else ''}" for s in container.streams)
    return Metadata(genres[0] if genres else None, texts, chapters, streams)


class _Named(SourceFile):
    """A file with its tags, and a name that tells FFmpeg its suffix, which it needs for an mp3 with a large cover."""

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        super().__init__(path)
        self.name = name

    def _look(self) -> None:
        super()._look()
        self._start = 0
        self.seek(0)
