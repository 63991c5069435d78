"""Playlists (M3U8): of any songs, and a folder of them with one for each genre or style.

Paths are relative to where the playlist lies, so that it still plays after both were copied to a phone, a stick or a
server with other folders.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Literal

from zhanr.files import check_free, replacing
from zhanr.library.columns import Song, is_url
from zhanr.library.store import Library

By = Literal["genre", "style"]
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def write_m3u(songs: Iterable[Song], target: Path, *, absolute: bool = False) -> int:
    """Write a playlist in UTF-8; how many songs are in it. One whose path has a line break can't be, and is left out.

    Paths are relative to the playlist's folder unless `absolute`, or where there is no way (another drive, a URL).
    """
    folder = os.path.abspath(target.parent)  # noqa: PTH100 - a link stays a link
    count = 0
    with target.open("wb") as file:
        file.write(b"#EXTM3U\n")
        for song in songs:
            place = song.location if absolute else _relative(song, folder)
            if not {"\n", "\r"} & set(place):
                _entry(file, song, place)
                count += 1
    return count


def _relative(song: Song, folder: str) -> str:
    location = song.location
    if is_url(location):
        return location
    try:
        path = os.path.relpath(location, folder).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        return location
    return f"./{path}" if path.startswith(("#", " ")) else path  # which would be a remark, or lose its blank


def _entry(file: IO[bytes], song: Song, place: str) -> None:
    title = " - ".join(part for part in (song.artist, song.title) if part) or song.path.stem
    line = f"#EXTINF:{-1 if song.duration is None else round(song.duration)},{' '.join(title.split())}\n"
    file.write(line.encode("utf-8", "replace"))
    file.write(os.fsencode(place) + b"\n")  # the very bytes of the name, for that is what a player opens


def playlists(
    library: Library,
    folder: Path,
    query: str | None = None,
    *,
    by: By = "genre",
    absolute: bool = False,
    force: bool = False,
) -> dict[str, tuple[Path, int]]:
    """Write one playlist per genre, or per style, into a folder; by name, the file and its number of songs.

    A song is in the list of each of its styles. Raises `FileError`, before anything is written if only files of before
    are in the way.
    """
    taken: set[str] = set()
    names = library.genres(query) if by == "genre" else _styles(library, query)
    targets = {name: folder / f"{safe_name(name, taken)}.m3u8" for name in names}
    check_free(targets.values(), force=force)
    written = {}
    for name, path in targets.items():
        songs = _of(library.songs(query), name, by)
        with replacing(path, parents=True) as temporary:
            written[name] = (path, write_m3u(songs, temporary, absolute=absolute))
    return written


def _styles(library: Library, query: str | None) -> list[str]:
    """All styles of the songs, the most frequent first."""
    counts = Counter(style.name for song in library.songs(query) for style in song.styles)
    return [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _of(songs: Iterable[Song], name: str, by: By) -> Iterator[Song]:
    return (s for s in songs if (s.answer == name if by == "genre" else name in (style.name for style in s.styles)))


def safe_name(text: str, taken: set[str]) -> str:
    """A file name that every system allows, and that is not in `taken`, to which it is added."""
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]+', "-", text).strip(" .")
    name = name.encode("utf-8", "replace")[:120].decode("utf-8", "ignore").strip(" .") or "genre"
    name = f"{name}_" if _RESERVED.fullmatch(name) else name
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{name} ({number})"
    taken.add(candidate.casefold())
    return candidate
