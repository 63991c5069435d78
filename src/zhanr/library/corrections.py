"""The person's word on many songs: what it would change, to be looked at first, and then all of it or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zhanr.library.columns import Song
from zhanr.library.store import Library, as_library_errors
from zhanr.words import genre_key, printable


class Change(NamedTuple):
    """A new word on a song: `before` was the last one, `after` the new one (None: no word), `answer` the genre shown.

    `location` is the song's path as a text.
    """

    id: int
    location: str
    answer: str | None
    before: str | None
    after: str | None


def corrected(library: Library, songs: Sequence[Song], genre: str) -> list[Change]:
    """Let songs be of a genre, as the library spells it; those of which that was said already are left out."""
    word = spelling(library, genre, songs)
    return [_change(song, word) for song in songs if song.correction != word]


def accepted(library: Library, songs: Iterable[Song]) -> list[Change]:
    """Let songs be of the genre that the model finds likeliest, but for those of which a person has spoken."""
    words: dict[str, str] = {}
    changes = []
    for song in songs:
        best = song.genre or song.best
        if best is not None and song.correction is None:
            word = words.get(best) or words.setdefault(best, spelling(library, best))
            changes.append(_change(song, word))
    return changes


def cleared(songs: Iterable[Song]) -> list[Change]:
    """Take the person's word on songs back."""
    return [_change(song, None) for song in songs if song.correction is not None]


def carry_out(library: Library, changes: Iterable[Change]) -> int:
    """Make changes, all or none; how many were made. A song on which the word is another one by now is left alone."""
    rows = [(change.after, change.id, change.before) for change in changes]
    with library.transaction():
        statement = "UPDATE song SET correction = ? WHERE id = ? AND correction IS ?"
        return library.db.executemany(statement, rows).rowcount if rows else 0


def spelling(library: Library, genre: str, songs: Iterable[Song] = ()) -> str:
    """How the library spells a genre: as most songs do, else as its model does, else as it is given.

    "Hip-Hop", "hip hop" and "hiphop" are one genre (see `words.genre_key`), and shall stay one. The `songs` that are
    about to be changed don't count, so that all of a genre can be respelt.
    """
    plain = " ".join(printable(genre).split())
    others = Counter(library.genres())
    others.subtract(song.answer for song in songs if song.answer and not song.missing_since)
    known = [*(name for name, count in others.most_common() if count > 0), *_labels(library)]
    return next((name for name in known if genre_key(name) == genre_key(plain)), plain)


def _labels(library: Library) -> list[str]:
    """The genres of the model that classified most of the songs."""
    with as_library_errors(library.path):
        row = library.db.execute(
            "SELECT probabilities FROM song WHERE model_sha256 IS ? AND best IS NOT NULL LIMIT 1",
            (library.main_model(),),
        ).fetchone()
    return list(json.loads(row[0])) if row else []


def _change(song: Song, word: str | None) -> Change:
    return Change(song.id or 0, song.location, song.answer, song.correction, word)
