"""The walk over folders of music, from which scans, data sets and `classify` choose what they need.

`walk` gives one listing a folder, with sizes and times, which is all that a rescan needs; `find_audio` gives the files.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zhanr.config import AUDIO_SUFFIXES
from zhanr.files import read_failure


def is_audio_path(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends like that of a music file. Only for walking folders: reading looks at the content."""
    return os.path.splitext(os.fspath(path))[1].lower() in AUDIO_SUFFIXES  # noqa: PTH122 - quick, and keeps odd names


def is_hidden(name: str) -> bool:
    """Whether a file or folder is passed over: a hidden one, or what macOS packs into archives beside each file."""
    return name.startswith(".") or name == "__MACOSX"


def find_audio(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Yield the music files of the paths, those of each folder in order of names, sub-folders as well.

    A file is given back as it is, whatever its name and even if it doesn't exist, so that whoever reads it can say
    so. A folder that can't be listed is itself given back, for the same reason.
    """
    roots = [paths] if isinstance(paths, str | os.PathLike) else paths
    visited: Visited = set()
    for root in roots:
        found: list[str] = []
        for listing in walk([root], visited):
            found += [*listing.files, *listing.problems]
        yield from sorted(map(Path, found))


Visited = set[tuple[int, int] | str]
"""Device and number of each folder that a walk has seen, or its real path where a file system numbers nothing."""


@dataclass
class Listing:
    """The music files of one folder: (size, mtime_ns) by path, and what could not be looked at, with the reason.

    `complete` is False where files of the folder may exist that were not looked for.
    """

    folder: str
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    complete: bool = True


def walk(roots: Iterable[str | os.PathLike[str]], visited: Visited | None = None) -> Iterator[Listing]:
    """Yield a listing for every folder, those of the roots with all below them, in order of names.

    Hidden files and folders are left out, and each folder is visited once (`visited` carries that on from one walk to
    the next), which also ends loops of symbolic links. Links to folders come last, so that a folder is known by its own
    path if that is below a root as well. Memory doesn't grow with the number of files, but for those of one folder.
    Paths begin as their roots do.
    """
    visited = set() if visited is None else visited
    links: deque[str] = deque()
    for root in roots:
        path = os.fspath(root)
        if not os.path.isdir(path) and os.path.exists(path):  # noqa: PTH110, PTH112 - quick, and keeps odd names
            yield _single(path)
        else:
            yield from _walk(path, visited, links)
    while links:
        yield from _walk(links.popleft(), visited, links)


def _walk(root: str, visited: Visited, links: deque[str]) -> Iterator[Listing]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            if (key := _identity(folder)) in visited:
                continue
            listing, inner = _list(folder, links)
            visited.add(key)
        except OSError as error:
            yield Listing(folder, problems={folder: read_failure(error)}, complete=False)
            continue
        yield listing
        waiting += reversed(inner)


def _single(path: str) -> Listing:
    """The listing of a file that was named; whatever its name, it is taken for music."""
    listing = Listing(os.path.dirname(path), complete=False)  # noqa: PTH120
    try:
        if not _take(listing, path, os.stat(path)):  # noqa: PTH116
            listing.problems[path] = "this is a device or a pipe, not a file"
    except OSError as error:
        listing.problems[path] = read_failure(error)
    return listing


def _identity(folder: str) -> tuple[int, int] | str:
    status = os.stat(folder)  # noqa: PTH116
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _list(folder: str, links: deque[str]) -> tuple[Listing, list[str]]:
    """One folder's listing, and the folders in it; links to folders are put to `links`."""
    listing = Listing(folder)
    inner: list[str] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if is_hidden(entry.name):
                continue
            try:
                if entry.is_dir():
                    (links if entry.is_symlink() else inner).append(entry.path)
                elif is_audio_path(entry.name):
                    _take(listing, entry.path, entry.stat())
            except FileNotFoundError:
                if entry.is_symlink():
                    listing.problems[entry.path] = "this is a link to a file that is not there"
            except OSError as error:
                listing.problems[entry.path] = read_failure(error)
    return listing, inner


def _take(listing: Listing, path: str, status: os.stat_result) -> bool:
    """Note a file; False for a pipe or a device, which is no music, and opening which may never end."""
    regular = stat.S_ISREG(status.st_mode)
    if regular:
        listing.files[path] = (status.st_size, status.st_mtime_ns)
    return regular
