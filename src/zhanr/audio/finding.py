"""Which files of a folder are music, judged by their names alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from zhanr.config import AUDIO_SUFFIXES


def is_audio_path(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends like that of a music file. Only for walking folders: reading looks at the content."""
    return os.path.splitext(os.fspath(path))[1].lower() in AUDIO_SUFFIXES  # noqa: PTH122 - quick, and keeps odd names


def find_audio(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Yield the music files of the paths.

    A file is given back as it is, whatever its name and even if it doesn't exist, so that whoever reads it can say
    so. A folder is walked in order of names, sub-folders as well, without hidden files. Each folder is visited once,
    which also ends loops of symbolic links. A folder that can't be listed is itself given back, for the same reason.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    visited: set[tuple[int, int]] = set()
    for path in map(Path, paths):
        if path.is_dir():
            yield from _walk(path, visited)
        else:
            yield path


def _walk(folder: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in visited:
            return
        visited.add((status.st_dev, status.st_ino))
        entries = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, visited)
        elif is_audio_path(entry):
            yield entry
