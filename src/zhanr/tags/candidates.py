"""What is known of the songs that are to be tagged: from the library, or from classifying the files now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from zhanr import vocabulary
from zhanr.audio.payload import payload_sha256
from zhanr.bundle import load_bundle
from zhanr.classifier import Classifier
from zhanr.errors import ConfigError, FileError, TagError
from zhanr.files import read_failure
from zhanr.library import memory
from zhanr.library.albums import Album, albums, together
from zhanr.library.columns import Song
from zhanr.library.store import Library
from zhanr.prediction import DOUBTFUL, NOVEL
from zhanr.tags.labels import labelled
from zhanr.tags.policy import Evidence, Policy

Unit = Literal["track", "album", "artist"]
Candidate = tuple[Path, Evidence] | FileError
"""A song and what is known of it, or why nothing is."""
Tell = Callable[[str], None]


def from_files(
    files: Sequence[Path],
    rules: Policy,
    *,
    model: str | None = None,
    precision: float | None = None,
    jobs: int = 1,
    by: Unit = "track",
    tell: Tell = lambda _: None,
) -> Iterator[Candidate]:
    """Classify some files; by album or artist, all of them before the first is given.

    Raises `ConfigError` where the rules name genres that the model doesn't know; `tell` is given what else may be a
    slip of the pen in them.
    """
    classifier = Classifier.load(model, precision=precision)
    for remark in rules.check_labels(classifier.labels, (style.name for style in classifier.card.styles)):
        tell(remark)
    songs: list[Song] = []
    for number, (path, result) in enumerate(zip(files, classifier.predict_many(files, jobs=jobs), strict=True)):
        if isinstance(result, FileError):
            yield result
        elif by == "track":
            styles = tuple(style.name for style in result.styles)
            yield path, Evidence(result.probabilities, result.genre, result.reason, styles=styles)
        else:
            songs.append(labelled(path, result, number))
    if by != "track":
        judge = _by_album(together(lambda: songs, by, classifier.card.thresholds.get("confidence", 0.0)))
        yield from ((song.path, _evidence(judge(song), by)) for song in songs)


def from_library(
    library: Path | None,
    rules: Policy,
    *,
    where: str | None = None,
    paths: Iterable[Path] = (),
    precision: float | None = None,
    by: Unit = "track",
    tell: Tell = lambda _: None,
) -> Iterator[Candidate]:
    """What the library says of its songs, as far as they still sound the same; `paths` restrict it to some folders.

    By album or artist, every song gets the answer of all songs of its album, whichever of them were picked; the
    person's word on a song stays. `tell` is given what may be a slip of the pen in the rules.

    Raises `LibraryError` and, for a wrong filter or rules that name unknown genres, `ConfigError`.
    """
    folders = [os.path.abspath(p) for p in paths]  # noqa: PTH100 - Path.absolute keeps ".."
    with Library.open(library, create=False, readonly=True) as opened:
        if rules.names_genres:  # else no song need be asked what there is
            for remark in rules.check_labels(*_names(opened)):
                tell(remark)
        if by == "track":
            judge = _judge(opened, precision)
        else:
            judge = _by_album(albums(opened, where, by=by, least=vocabulary.least(opened, precision)))
        for song in opened.songs(where):
            if not folders or any(song.path.is_relative_to(folder) for folder in folders):
                yield _known(judge(song), by)


def _names(library: Library) -> tuple[list[str], list[str]]:
    """The genres of the models that classified a library; its styles, and the person's own words."""
    labels, others = dict[str, None](), dict[str, None]()
    for song in library.songs():
        labels |= dict.fromkeys(song.probabilities)
        others |= dict.fromkeys([*(style.name for style in song.styles), *filter(None, [song.correction])])
    model = memory.model_of(library)
    path = model and vocabulary.find(library, model)
    styles = load_bundle(path).card.styles if path else ()  # of which the songs need not have all
    return list(labels), [*others, *(style.name for style in styles)]


def _judge(library: Library, precision: float | None) -> Callable[[Song], Song]:
    """What turns a song's answer into that at another precision. Raises `ConfigError` where the model has no such.

    Novelty is not kept in a library, so what sounded like nothing known when it was scanned stays "not sure".
    """
    if precision is None:
        return lambda song: song
    model = memory.model_of(library)
    if model is None or (path := vocabulary.find(library, model)) is None:
        raise ConfigError(f"the model of {library.path} can't be found, so what a precision means is unknown")
    least = load_bundle(path).card.point(precision).confidence

    def judge(song: Song) -> Song:
        if song.model_sha256 != model.sha256 or song.confidence is None or song.best is None:
            return song
        if song.confidence < least:
            return replace(song, genre=None, reason=song.reason or f"{DOUBTFUL} of only {song.confidence:.0%}")
        return replace(song, genre=song.best, reason=None) if song.reason != NOVEL else song

    return judge


def _by_album(found: Iterable[Album]) -> Callable[[Song], Song]:
    """What puts the answer of its album in the place of a song's."""
    of = {number: album for album in found for number in album.ids}

    def judge(song: Song) -> Song:
        album = of.get(song.id or 0)
        if album is None:  # no song of it has an answer
            return song
        answer = {name: getattr(album, name) for name in ("genre", "best", "confidence", "probabilities", "reason")}
        return replace(song, **answer)

    return judge


def _known(song: Song, by: Unit) -> Candidate:
    if song.error and not song.correction:
        return TagError(song.path, song.error)
    return _stale(song) or (song.path, _evidence(song, by))


def _evidence(song: Song, by: Unit) -> Evidence:
    styles = tuple(style.name for style in song.styles)
    return Evidence(song.probabilities, song.genre, song.reason, song.correction, styles, by=by)


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
