"""Long lists of songs: what a filter picks, in what order, and what is read of it; and which songs to review first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zhanr.errors import ConfigError
from zhanr.library import Library, Song
from zhanr.library.columns import ORDERS
from zhanr.library.review import queue
from zhanr.library.views import genres_of, songs_of, stamp, view


def song(name: str, genre: str | None = "jazz", confidence: float = 0.9, **more: Any) -> Song:
    best = genre or "rock"
    probabilities = {"jazz": 0.0, "rock": 0.0, "pop": 0.0} | {best: confidence}
    values: dict[str, Any] = {"genre": genre, "best": best, "confidence": confidence, "probabilities": probabilities}
    return Song(Path(f"/music/{name}"), model_sha256="m1", **(values | more))


SONGS = (
    song("b.mp3", "jazz", 0.9, title="beta", artist="Zoe", duration=100.0, tag_genre="Jazz"),
    song("a.mp3", "rock", 0.5, title="Alpha", duration=300.0, tag_genre="Smooth Jazz"),
    song("c.mp3", None, 0.4, title="gamma"),
    song("d.mp3", "rock", 0.99, artist="anna", tag_genre="Jazz"),
    song("f.mp3", None, 0.2, title="Delta", tag_genre="Pop"),
    Song(Path("/music/e.mp3"), error="this is not a music file"),
    song("gone.mp3", missing_since=1.0),
)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library.open(tmp_path / "library.sqlite")
    library.add(*SONGS)
    return library


def names(library: Library, *values: str | None, **more: str) -> list[str]:
    return [s.path.stem for s in songs_of(library, view(library, *values, **more).ids) if s is not None]


def test_a_view_holds_what_the_list_command_lists(library: Library) -> None:
    for query in (None, "genre=rock", "confidence<0.6", "missing", "!tagged", "artist~zo"):
        assert names(library, query) == [s.path.stem for s in library.songs(query)]


def test_a_view_counts_answers_and_what_has_none(library: Library) -> None:
    library.correct("/music/e.mp3", "pop")  # a person has heard what could not be read
    library.correct("/music/b.mp3", "rock")
    found = view(library)
    assert (found.genres, found.unsure, found.failed, len(found)) == ({"rock": 3, "pop": 1}, 2, 0, 6)
    library.correct("/music/e.mp3", None)
    assert (view(library).failed, view(library, "error").genres) == (1, {})
    assert list(view(library).genres.items()) == [("rock", 3)]


def test_views_are_ordered_without_case_and_what_has_no_value_comes_last(library: Library) -> None:
    assert names(library, None, order="title") == ["a", "b", "f", "c", "d", "e"]
    assert names(library, None, order="-title") == ["c", "f", "b", "a", "d", "e"]
    assert names(library, None, order="artist")[:2] == ["d", "b"]
    assert names(library, None, order="-duration")[:2] == ["a", "b"]
    assert names(library, None, order="-confidence") == ["d", "b", "a", "c", "f", "e"]
    assert names(library, None, order="-path") == ["f", "e", "d", "c", "b", "a"]
    for order in ORDERS:
        assert sorted(names(library, None, order=order)) == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize("order", ["song.path", "path; DROP TABLE song", "", "--path", "embedding"])
def test_nothing_else_can_be_ordered_by(library: Library, order: str) -> None:
    with pytest.raises(ConfigError, match="nothing to sort by"):
        view(library, order=order)


def test_a_wrong_filter_is_an_error(library: Library) -> None:
    with pytest.raises(ConfigError, match="no field"):
        view(library, "colour=red")


def test_a_view_stays_as_it_was_while_others_write(library: Library) -> None:
    found = view(library, "genre=rock")
    with Library.open(library.path) as other:
        other.correct("/music/a.mp3", "pop")
        other.db.execute("DELETE FROM song WHERE path = ?", (b"/music/d.mp3",))
    now = songs_of(library, found.ids)
    assert [s and (s.path.stem, s.answer) for s in now] == [("a", "pop"), None]
    assert genres_of(library, found.ids) == ["pop", None]


def test_the_fingerprint_changes_with_every_write(library: Library, tmp_path: Path) -> None:
    seen = [stamp(library.path)]
    assert stamp(library.path) == seen[0]
    for genre in ("pop", "rock", None):
        library.correct("/music/a.mp3", genre)
        seen.append(stamp(library.path))
    library.close()
    seen.append(stamp(library.path))  # the log has gone into the file
    assert len(set(seen)) == 5
    assert stamp(tmp_path / "none.sqlite") == ""


def test_the_review_begins_with_doubt_and_disagreement(library: Library) -> None:
    found = queue(library)
    ordered = [s.path.stem for s in songs_of(library, found.ids) if s]
    # a: 0.5 and its tag says jazz; f: 0.2, not sure; c: 0.4, not sure; d: sure, but its tag says jazz; b: sure, agrees
    assert ordered == ["a", "f", "c", "d", "b"]
    assert found.doubtful == 4


def test_the_review_leaves_out_what_has_a_word_or_no_answer(library: Library) -> None:
    library.correct("/music/f.mp3", "pop")
    assert len(queue(library).ids) == 4
    assert [s.path.stem for s in songs_of(library, queue(library, "genre=rock").ids) if s] == ["a", "d"]
    with pytest.raises(ConfigError):
        queue(library, "nonsense=1")
