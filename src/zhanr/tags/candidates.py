"""What is known of the songs that are to be tagged: from the library, or from classifying the files now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from zhanr.audio.payload import payload_sha256
from zhanr.classifier import Classifier
from zhanr.errors import FileError, TagError
from zhanr.files import read_failure
from zhanr.library.columns import Song
from zhanr.library.store import Library
from zhanr.tags.policy import Evidence, Policy

Candidate = tuple[Path, Evidence] | FileError
"""A song and what is known of it, or why nothing is."""


def from_files(files: Sequence[Path], rules: Policy, *, model: str | None = None, jobs: int = 1) -> Iterator[Candidate]:
    """Classify some files. Raises `ConfigError` where the rules name genres that the model doesn't know."""
    classifier = Classifier.load(model)
    rules.check_labels(classifier.labels)
    for path, result in zip(files, classifier.predict_many(files, jobs=jobs), strict=True):
        if isinstance(result, FileError):
            yield result
        else:
            yield path, Evidence(result.probabilities, result.genre, result.reason)


def from_library(
    library: Path | None, rules: Policy, *, where: str | None = None, paths: Iterable[Path] = ()
) -> Iterator[Candidate]:
    """What the library says of its songs, as far as they still sound the same; `paths` restrict it to some folders.

    Raises `LibraryError` and, for a wrong filter or rules that name unknown genres, `ConfigError`.
    """
    folders = [os.path.abspath(p) for p in paths]  # noqa: PTH100 - Path.absolute keeps ".."
    with Library.open(library, create=False, readonly=True) as opened:
        rules.check_labels({label: None for song in opened.songs() for label in song.probabilities})
        for song in opened.songs(where):
            if not folders or any(song.path.is_relative_to(folder) for folder in folders):
                yield _known(song)


def _known(song: Song) -> Candidate:
    if song.error and not song.correction:
        return TagError(song.path, song.error)
    return _stale(song) or (song.path, Evidence(song.probabilities, song.genre, song.reason, song.correction))


def _stale(song: Song) -> TagError | None:
    """Why the library's answer may not be this file's, or None. New tags alone don't matter."""
    try:
        status = song.path.stat()
        if (status.st_size, status.st_mtime_ns) == (song.size, song.mtime_ns):
            return None
        if song.content_hash is not None and payload_sha256(song.path) == song.content_hash:
            return None
    except FileError as error:
        return TagError(song.path, error.reason)
    except OSError as error:
        return TagError(song.path, read_failure(error))
    return TagError(song.path, "it was changed since it was scanned; scan it again")
