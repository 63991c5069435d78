"""One answer for an album, or for an artist: what its songs say together, and how much they differ.

The answer is the mean of the songs' log-probabilities, each weighing what it lasts, as a song's is that of its windows:
a genre that one song all but excludes is not the album's. Songs of which a person has spoken are certain.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from zhanr.library.columns import Song
from zhanr.library.query import to_sql
from zhanr.library.store import Library, as_library_errors
from zhanr.prediction import DOUBTFUL, NOVEL
from zhanr.words import artist_key, connected, folded, genre_key, known_artist, printable

T = TypeVar("T")
By = Literal["album", "artist"]
Key = tuple[str, ...]
SHORTEST, LONGEST = 30.0, 600.0  # seconds that a song counts for at least and at most: no skit is all but nothing,
# and no hour-long mix is the whole album
UNKNOWN_LENGTH = 240.0  # seconds; only a correction of a file that can't be read has none
FLOOR = 1e-4  # the least probability: what one song is sure of, a few others can still outvote


@dataclass(frozen=True)
class Album:
    """What the songs of an album say together.

    `genre` is None where that is not sure; `reason` says why, and `best` is still the likeliest. `agreement` is the
    share of the songs, 0..1, whose own likeliest genre that is; `genres` counts those, the most frequent first.
    `songs` are those with an answer, of `seconds` in all; `corrected` of them have the person's word. `ids` are all its
    songs in the library. `album` is "" where its songs name none: then it is the songs of `folder`.
    """

    by: By
    artist: str
    album: str
    folder: Path
    genre: str | None
    confidence: float
    probabilities: dict[str, float]
    reason: str | None
    agreement: float
    genres: dict[str, int]
    songs: int
    corrected: int
    seconds: float
    ids: tuple[int, ...] = field(repr=False, default=())

    @property
    def best(self) -> str:
        """The likeliest genre, sure or not."""
        return next(iter(self.probabilities))

    @property
    def name(self) -> str:
        """What a person calls it: the artist, or artist and album, with the folder in place of what songs don't say."""
        place = str(self.folder)
        if self.by == "artist":
            return self.artist or place
        return " - ".join(filter(None, (self.artist, self.album or place)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "artist": self.artist,
            "album": self.album,
            "folder": printable(str(self.folder)),
            "genre": self.genre,
            "best": self.best,
            "confidence": round(self.confidence, 4),
            "reason": self.reason,
            "agreement": round(self.agreement, 4),
            "genres": self.genres,
            "songs": self.songs,
            "corrected": self.corrected,
            "seconds": round(self.seconds, 3),
            "probabilities": {genre: round(p, 4) for genre, p in self.probabilities.items()},
        }


def albums(library: Library, query: str | None = None, *, by: By = "album", least: float = 0.0) -> list[Album]:
    """The albums, or artists, of which a filter picks at least one song; each answer is that of all its songs.

    They come in order of their names. Those without any answer are left out. `least` is the probability from which on
    the model is sure (`vocabulary.least`). Raises `ConfigError` for a wrong filter.
    """
    wanted = None if not query else {song.id for song in library.songs(query)}
    found = together(lambda: _read(library, SAID), by, least, named=_read(library, NAMES))
    return in_order(album for album in found if wanted is None or not wanted.isdisjoint(album.ids))


def in_order(found: Iterable[Album]) -> list[Album]:
    """Albums sorted by artist and name, those of nobody first."""
    return sorted(found, key=lambda album: (folded(album.artist), folded(album.album), str(album.folder)))


NAMES = ("id", "path", "artist", "albumartist", "album")
"""The columns that say of which album a song is."""
SAID = (*NAMES, "duration", "correction", "reason", "probabilities")
"""Those, and the columns of its answer."""


def _read(library: Library, columns: Sequence[str]) -> Iterator[Song]:
    """All songs with some of their columns alone: for albums all songs are read, twice."""
    where, _ = to_sql(None)
    selected = ", ".join(f"song.{name}" for name in columns)
    with as_library_errors(library.path):
        for row in library.db.execute(f"SELECT {selected} FROM song WHERE {where} ORDER BY song.path"):
            values = dict(zip(columns, row, strict=True))
            path, said = Path(os.fsdecode(values.pop("path"))), values.pop("probabilities", "{}")
            yield Song(path, probabilities=json.loads(said), **values)


def together(
    songs: Callable[[], Iterable[Song]], by: By, least: float = 0.0, *, named: Iterable[Song] | None = None
) -> Iterator[Album]:
    """The albums, or artists, of some songs, which are asked for twice: once who belongs together, once what they say.

    So memory grows with the number of songs only by their names. Songs are told apart by their `id`.
    `named` may be the same songs, quicker to read, without what they say.
    """
    first = [(song.id, keys(song, by)) for song in (songs() if named is None else named)]
    groups = connected([names for _, names in first])
    place = {number: group for (number, _), group in zip(first, groups, strict=True)}
    tallies: dict[int, Tally] = {}
    for song in songs():
        if song.id in place:  # else it came in between
            tallies.setdefault(place[song.id], Tally(by)).add(song)
    return (album for tally in tallies.values() if (album := tally.album(least)) is not None)


def keys(song: Song, by: By) -> list[Key]:
    """What songs must share to be of one album or artist: any of these.

    An album is known by its name and its album artist; where that is missing or says "various", by its name and its
    folder, and also by the artist, for an album in several folders. Songs without an album are one with those of the
    same artist in their folder. An artist's songs are known by the album artist, else by the artist, else they stand
    with their album.
    """
    folder, album = str(song.path.parent), folded(song.album or "").strip()
    owner, artist = known_artist(song.albumartist), known_artist(song.artist)
    if by == "artist" and (owner or artist):
        return [("artist", owner or artist)]
    if not album:
        return [("folder", folder, owner or artist)]
    if owner:
        return [("album", owner, album)]
    return [("folder", folder, album), *([("album", artist, album)] if artist else [])]


def _artist(song: Song, by: By) -> str:
    """Whose songs these are, as a person says it; an album may also be by "Various Artists"."""
    owner = song.albumartist if by == "album" or known_artist(song.albumartist) else None
    return owner or song.artist or ""


class Tally:
    """What songs of one album say together, told one after the other; only sums are kept."""

    def __init__(self, by: By) -> None:
        self._by = by
        self._ids: list[int] = []
        self._artists: Counter[str] = Counter()  # by `artist_key`
        self._spelt: dict[str, str] = {}
        self._albums: Counter[str] = Counter()
        self._folders: Counter[Path] = Counter()
        self._names: dict[str, str] = {}  # by `genre_key`, as it is spelt first
        self._logs: defaultdict[str, float] = defaultdict(float)  # by key: sum of weight * log(p / FLOOR)
        self._own: Counter[str] = Counter()
        self._weight = self._novel = self.seconds = 0.0
        self._corrected = 0

    def add(self, song: Song) -> None:
        """Take a song in; one without any answer only counts as one of the album."""
        self._ids.append(song.id or 0)
        artist = _artist(song, self._by)
        self._artists[artist_key(artist)] += 1
        self._spelt.setdefault(artist_key(artist), artist)
        self._albums[song.album or ""] += 1
        self._folders[song.path.parent] += 1
        said = {song.correction: 1.0} if song.correction else song.probabilities
        if not said:
            return
        seconds = UNKNOWN_LENGTH if song.duration is None else song.duration
        weight = min(max(seconds, SHORTEST), LONGEST)
        for genre, p in said.items():
            key = genre_key(genre)
            self._names.setdefault(key, genre)
            self._logs[key] += weight * math.log(max(p, FLOOR) / FLOOR)
        self._own[genre_key(max(said, key=lambda genre: said[genre]))] += 1
        self._weight += weight
        self._novel += weight * (not song.correction and song.reason == NOVEL)
        self.seconds += song.duration or 0.0
        self._corrected += bool(song.correction)

    def album(self, least: float) -> Album | None:
        """The answer, sure from the probability `least` on; None where no song has any."""
        if not self._own:
            return None
        probabilities = self._probabilities()
        best, confidence = next(iter(probabilities.items()))
        reason = self._doubt(confidence, least)
        n_songs = self._own.total()
        artist, n = self._artists.most_common(1)[0]
        return Album(
            by=self._by,
            artist=self._spelt[artist] if 2 * n > len(self._ids) else "",  # which is a compilation
            album=_most(self._albums) if self._by == "album" else "",
            folder=_most(self._folders),
            genre=None if reason else best,
            confidence=confidence,
            probabilities=probabilities,
            reason=reason,
            agreement=self._own[genre_key(best)] / n_songs,
            genres={self._names[key]: count for key, count in self._own.most_common()},
            songs=n_songs,
            corrected=self._corrected,
            seconds=self.seconds,
            ids=tuple(self._ids),
        )

    def _probabilities(self) -> dict[str, float]:
        """The geometric mean of the songs' probabilities, as far above `FLOOR` as they are; the likeliest first."""
        means = {key: math.exp(total / self._weight) for key, total in self._logs.items()}
        whole = sum(means.values())
        ranked = sorted(means, key=lambda key: -means[key])
        return {self._names[key]: means[key] / whole for key in ranked}

    def _doubt(self, confidence: float, least: float) -> str | None:
        if 2 * self._novel > self._weight:
            return NOVEL
        return f"{DOUBTFUL} of only {confidence:.0%}" if confidence < least else None


def _most(counts: Counter[T]) -> T:
    return counts.most_common(1)[0][0]
