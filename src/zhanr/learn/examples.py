"""What a library teaches: the songs that a person gave a genre, as examples to learn from."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zhanr.bundle import Bundle
from zhanr.card import Card
from zhanr.errors import ConfigError
from zhanr.library import Library, Song
from zhanr.library.agreement import Names, given_genre
from zhanr.words import connected, genre_key, known_artist

LEAST_SONGS, LEAST_GROUPS = 5, 2
"""What a genre needs to be learnt: so many songs, and of so many artists (or albums): of one, none is left to test."""


class Lesson(NamedTuple):
    """A song, the genre that a person gave it, and the group of songs that it must not be parted from."""

    song: Song
    genre: str
    group: str


class Past(NamedTuple):
    """What the old model itself was taught: embeddings (n, d), numbers of its labels (n,), groups, and who they are."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    groups: tuple[str, ...]
    ids: frozenset[str]


@dataclass(frozen=True, eq=False)
class Examples:
    """What a library teaches: embeddings (n, d) with genre numbers (n,), and who belongs together.

    `old` is the genre that the old model says, in the new names, None where it means none of them. `left_out` counts
    songs by genres that have too few; `lost_*` are the genre, group, old answer and embedding of each, on which the new
    model can only be wrong. `ids` are what a model's card keeps of its songs, by which `past` is found
    again; that is None where the old model was not taught by this library. `means` translates the old model's labels.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    genres: tuple[str, ...]
    groups: tuple[str, ...]
    old: tuple[str | None, ...]
    old_knows: tuple[str, ...]
    n_corrections: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    lost_genres: tuple[str, ...] = ()
    lost_groups: tuple[str, ...] = ()
    lost_old: tuple[str | None, ...] = ()
    lost_x: NDArray[np.float32] | None = None
    sha256: str = ""
    ids: tuple[str, ...] = ()
    past: Past | None = None
    means: Mapping[str, str | None] = field(default_factory=dict)


def collect(library: Library, parent: Bundle, *, trust_tags: bool = False, query: str | None = None) -> Examples:
    """Gather what the library teaches under the model `parent`. Raises `ConfigError` where that is too little."""
    before = _taught_before(parent.card)
    songs = _songs(library, parent, query, before, trust_tags=trust_tags)
    groups = dict(zip((song.id for song in songs), group_songs(songs), strict=True))
    lessons = _lessons(songs, groups, trust_tags=trust_tags)
    genres = _learnable(lessons)
    if len(genres) < 2:
        raise ConfigError(_too_little(library, parent, Counter(lesson.genre for lesson in lessons)))
    means = _meant(parent.card.labels, {lesson.genre for lesson in lessons})
    taught = [lesson for lesson in lessons if lesson.genre in genres]
    lost = [lesson for lesson in lessons if lesson.genre not in genres]
    return Examples(
        x=_embeddings(_songs_of(taught)),
        y=np.array([genres.index(lesson.genre) for lesson in taught], np.int64),
        genres=genres,
        groups=_groups_of(taught),
        old=_said(taught, means),
        old_knows=tuple(sorted(filter(None, set(means.values())))),
        n_corrections=sum(song.correction is not None for song in _songs_of(lessons)),
        left_out=dict(Counter(lesson.genre for lesson in lost)),
        lost_genres=tuple(lesson.genre for lesson in lost),
        lost_groups=_groups_of(lost),
        lost_old=_said(lost, means),
        lost_x=_embeddings(_songs_of(lost)) if lost else None,
        sha256=_sha256(taught),
        ids=tuple(map(identity, _songs_of(taught))),
        past=_past(songs, groups, parent.card.labels, before),
        means=means,
    )


def _songs(
    library: Library, parent: Bundle, query: str | None, before: Mapping[str, str], *, trust_tags: bool
) -> list[Song]:
    """The songs that a model classified, and that teach now or have taught before."""
    known = (s for s in library.songs(query, embeddings=True, order="path") if s.model_sha256 == parent.sha256)
    return [s for s in known if given_genre(s, trust_tags=trust_tags) or identity(s) in before]


def _songs_of(lessons: Iterable[Lesson]) -> list[Song]:
    return [lesson.song for lesson in lessons]


def _groups_of(lessons: Iterable[Lesson]) -> tuple[str, ...]:
    return tuple(lesson.group for lesson in lessons)


def identity(song: Song) -> str:
    """What a model's card keeps of a song that it learnt from: part of the hash of its sound, or of its path."""
    return (song.content_hash or hashlib.sha256(song.location.encode("utf-8", "replace")).hexdigest())[:16]


def _taught_before(card: Card) -> dict[str, str]:
    """The label, by `identity`, of each song that a library taught a model; empty for models of other origin."""
    lessons = card.training.get("data", {}).get("library", {}).get("lessons", {})
    return {name: genre for genre, names in lessons.items() for name in names}


def _past(
    songs: Sequence[Song], groups: Mapping[int | None, str], labels: Sequence[str], before: Mapping[str, str]
) -> Past | None:
    """What is still there of what the old model was taught, in order of its labels, and of paths within each."""
    known = [song for song in songs if before.get(identity(song)) in labels and song.embedding is not None]
    if not known:
        return None
    known.sort(key=lambda song: before[identity(song)])
    names = [identity(song) for song in known]
    numbers = np.array([labels.index(before[name]) for name in names], np.int64)
    return Past(_embeddings(known), numbers, tuple(groups[song.id] for song in known), frozenset(names))


def _embeddings(songs: Iterable[Song]) -> NDArray[np.float32]:
    return np.stack([song.embedding for song in songs if song.embedding is not None])


def _said(lessons: Sequence[Lesson], means: Mapping[str, str | None]) -> tuple[str | None, ...]:
    """What the old model says of each song, in the person's genres."""
    return tuple(means.get(lesson.song.best or "") for lesson in lessons)


def _lessons(songs: Sequence[Song], groups: Mapping[int | None, str], *, trust_tags: bool) -> list[Lesson]:
    """The songs with a genre of the person's, in order of genres, and of paths within each."""
    usable = (song for song in songs if song.embedding is not None)
    given = [(song, genre) for song in usable if (genre := given_genre(song, trust_tags=trust_tags))]
    spelling = _spellings([(genre, bool(song.correction)) for song, genre in given])
    lessons = [Lesson(song, spelling[genre_key(genre)], groups[song.id]) for song, genre in given]
    return sorted(lessons, key=lambda lesson: lesson.genre)


def _learnable(lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """The genres, sorted, of which there are enough songs, by enough artists or from enough albums."""
    songs = Counter(lesson.genre for lesson in lessons)
    groups = Counter(genre for genre, _ in {(lesson.genre, lesson.group) for lesson in lessons})
    return tuple(g for g in sorted(songs) if songs[g] >= LEAST_SONGS and groups[g] >= LEAST_GROUPS)


def _meant(labels: Iterable[str], genres: Iterable[str]) -> dict[str, str | None]:
    """Which of the person's genres each of a model's labels means; None where none, or more than one."""
    names, known = Names({}), tuple(sorted(genres))
    found = {label: names.meant(label, known) for label in labels}
    return {label: next(iter(meant)) if len(meant) == 1 else None for label, meant in found.items()}


def _sha256(lessons: Sequence[Lesson]) -> str:
    """A hash of which songs have which genres."""
    rows = sorted(f"{song.content_hash or song.location} {genre}" for song, genre, _ in lessons)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "replace")).hexdigest()


def group_songs(songs: Sequence[Song]) -> list[str]:
    """One name per song, equal for songs that must not be divided: of an artist, an album, or one recording.

    A song that says neither artist nor album stands alone, unless a copy of it says more.
    """
    return [str(group) for group in connected([_keys(song) for song in songs])]


def _keys(song: Song) -> list[tuple[str, str]]:
    keys = []
    if artist := known_artist(song.artist):
        keys.append(("artist", artist))
    if song.album:  # with its folder: many albums are called "Greatest Hits"
        keys.append(("album", f"{song.path.parent} {song.album.casefold()}"))
    if song.content_hash:
        keys.append(("sound", song.content_hash))
    return keys


def _spellings(words: Sequence[tuple[str, bool]]) -> dict[str, str]:
    """One spelling for "Hip-Hop", "hip hop" and "hiphop": that of most corrections, else of most tags."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, corrected in words:
        counts[genre_key(word)][word] += 1_000_000 if corrected else 1
    return {key: min(c, key=lambda w: (-c[w], w)) for key, c in counts.items()}


def _too_little(library: Library, parent: Bundle, have: Counter[str]) -> str:
    if (main := library.main_model()) not in (None, parent.sha256) and not have:
        return (
            f"the library was scanned with another model ({str(main)[:8]}...) than {parent.card.name} "
            f"({parent.sha256[:8]}...); name that model with --model, or run `zhanr scan --again`"
        )
    listed = ", ".join(f"{genre} {count}" for genre, count in sorted(have.items())) or "none"
    return (
        f"a model needs two genres at least, each with {LEAST_SONGS} songs of {LEAST_GROUPS} artists or albums "
        f"(there are: {listed}); correct more songs with `zhanr library correct`, or trust the tags with --trust-tags"
    )
