"""Folder by folder through a music collection: one listing with sizes and times, which is all that a rescan needs."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zhanr.audio import is_audio_path


@dataclass
class Listing:
    """The music files of one folder: (size, mtime_ns) by path, and what could not be looked at, with the reason.

    `complete` is False where files of the folder may exist that were not looked for.
    """

    folder: str
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    complete: bool = True


def walk(roots: Iterable[str | os.PathLike[str]]) -> Iterator[Listing]:
    """Yield a listing for every folder, those of the roots with all below them, in order of names.

    As in `zhanr.audio.find_audio`, hidden files and folders are left out, and each folder is visited once, which also
    ends loops of symbolic links. Links to folders come last, so that a folder is known by its own path if that is
    below a root as well. Memory doesn't grow with the number of files, but for those of one folder.
    """
    visited: set[tuple[int, int] | str] = set()
    links: deque[str] = deque()
    for root in roots:
        path = os.path.abspath(root)  # noqa: PTH100 - Path keeps ".."
        if not os.path.isdir(path) and os.path.exists(path):  # noqa: PTH110, PTH112 - quick, and keeps odd names
            yield _single(path)
        else:
            yield from _walk(path, visited, links)
    while links:
        yield from _walk(links.popleft(), visited, links)


def _walk(root: str, visited: set[tuple[int, int] | str], links: deque[str]) -> Iterator[Listing]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            if (key := _identity(folder)) in visited:
                continue
            listing, inner = _list(folder, links)
            visited.add(key)
        except OSError as error:
            yield Listing(folder, problems={folder: reason_of(error)}, complete=False)
            continue
        yield listing
        waiting += reversed(inner)


def _single(path: str) -> Listing:
    """The listing of a file that was named; whatever its name, it is taken for music."""
    listing = Listing(os.path.dirname(path), complete=False)  # noqa: PTH120
    _take(listing, path, os.stat(path))  # noqa: PTH116
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
            if entry.name.startswith("."):
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
                listing.problems[entry.path] = reason_of(error)
    return listing, inner


def _take(listing: Listing, path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):  # a pipe or a device is no music, and opening it may never end
        listing.files[path] = (status.st_size, status.st_mtime_ns)


def reason_of(error: OSError) -> str:
    """Why a file or folder can't be looked at, in words."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "there is no such file or folder"
    if isinstance(error, PermissionError):
        return "reading it is not permitted"
    return f"it can't be read ({error.strerror or error})"
