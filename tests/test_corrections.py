"""The person's word on many songs: what it changes, one spelling a genre, all or nothing; and the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from zhanr.cli import app
from zhanr.errors import LibraryError
from zhanr.library import Library, Song
from zhanr.library.corrections import Change, accepted, carry_out, cleared, corrected, spelling

LABELS = ("jazz", "metal", "hiphop")


def song(name: str, genre: str | None, best: str = "metal", **more: Any) -> Song:
    probabilities = dict.fromkeys(LABELS, 0.2) | {best: 0.6}
    return Song(
        Path(f"/music/{name}.mp3"),
        genre=genre,
        best=best,
        confidence=0.6,
        probabilities=probabilities,
        model_sha256="m",
        **more,
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library.open(tmp_path / "library.sqlite")
    library.add(
        song("a", "metal"),
        song("b", None),
        song("c", None, "jazz"),
        song("d", "jazz", "jazz", correction="Polka"),
        Song(Path("/music/e.mp3"), error="this is not a music file"),
    )
    return library


def words(library: Library) -> dict[str, str | None]:
    return {s.path.stem: s.correction for s in library.songs()}


def test_a_genre_for_all_that_do_not_say_so_already(library: Library) -> None:
    library.correct("/music/a.mp3", "metal")
    changes = corrected(library, list(library.songs()), "METAL")
    assert [c.location[-5] for c in changes] == ["b", "c", "d", "e"]
    assert {(c.before, c.after) for c in changes} == {(None, "metal"), ("Polka", "metal")}
    assert carry_out(library, changes) == 4
    assert set(words(library).values()) == {"metal"}
    assert corrected(library, list(library.songs()), "metal") == []


def test_the_likeliest_is_accepted_where_a_person_has_said_nothing(library: Library) -> None:
    assert carry_out(library, accepted(library, library.songs())) == 3
    assert words(library) == {"a": "metal", "b": "metal", "c": "jazz", "d": "Polka", "e": None}
    assert carry_out(library, cleared(library.songs("genre=metal"))) == 2
    assert words(library) == {"a": None, "b": None, "c": "jazz", "d": "Polka", "e": None}


def test_one_genre_however_it_is_spelt(library: Library) -> None:
    assert spelling(library, "METAL") == "metal", "as the songs say"
    assert spelling(library, "Hip-Hop") == "hiphop", "as the model says, though no song is"
    assert spelling(library, " polka ") == "Polka", "as the person has said"
    assert spelling(library, "Turbo  Folk") == "Turbo Folk", "a new one"
    library.add(*(song(f"old{i}", "jazz", correction="Hip Hop") for i in range(3)))
    assert spelling(library, "hiphop") == "Hip Hop", "what stands there counts more than the model"
    library.add(song("f", "hiphop", "hiphop"))
    assert [c.after for c in accepted(library, library.songs("path~/f."))] == ["Hip Hop"]


def test_all_of_a_genre_can_be_respelt(library: Library) -> None:
    library.add(song("f", "jazz", correction="Polka"))
    polkas = list(library.songs("genre=polka"))
    assert {c.after for c in corrected(library, polkas, "POLKA!")} == {"POLKA!"}
    assert corrected(library, polkas[:1], "POLKA!") == [], "the others say Polka"


def test_all_or_nothing_and_no_word_that_was_said_meanwhile(library: Library) -> None:
    changes = corrected(library, list(library.songs()), "jazz")
    library.correct("/music/a.mp3", "hiphop")
    wrong = [*changes, Change(1, "x", None, None, {})]  # type: ignore[arg-type]
    with pytest.raises(LibraryError):
        carry_out(library, wrong)
    assert words(library) == {"a": "hiphop", "b": None, "c": None, "d": "Polka", "e": None}
    assert carry_out(library, changes) == 4
    assert words(library)["a"] == "hiphop"


# -- the command


def run(library: Library, *arguments: str, code: int = 0, answer: str | None = None) -> Result:
    done = CliRunner().invoke(app, ["library", "correct", *arguments, "--library", str(library.path)], input=answer)
    assert done.exit_code == code, done.output
    return done


def test_a_filter_is_shown_before_it_is_carried_out(library: Library) -> None:
    shown = run(library, "--where", "!error", "--genre", "Jazz", "--dry-run")
    for part in ("1  metal -> jazz", "2  not sure -> jazz", "1  Polka (your word) -> jazz", "/music/a.mp3"):
        assert part in shown.stdout
    assert "NOTHING WAS CHANGED" in shown.stderr
    assert words(library)["a"] is None
    said = json.loads(run(library, "--where", "!error", "--genre", "Jazz", "--yes", "--json").stdout)
    assert said == {"songs": 4, "to_change": 4, "changed": 4, "corrections": [{"genre": "jazz", "songs": 4}]}
    assert "4  stay as they are" in run(library, "--where", "!error", "--genre", "jazz", "--yes").stdout
    assert "4 songs changed" in run(library, "--where", "", "--clear", "--yes").stdout
    assert "4 songs changed" in run(library, "--where", "", "--accept-best", "-y").stdout


@pytest.mark.parametrize(("answer", "code", "word"), [("y\n", 0, "jazz"), ("n\n", 1, None), ("", 1, None)])
def test_at_a_terminal_it_asks(
    library: Library, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, word: str | None
) -> None:
    monkeypatch.setattr("zhanr.cli.output.can_ask", lambda: True)
    run(library, "--where", "path~/a.", "--genre", "jazz", code=code, answer=answer)
    assert words(library)["a"] == word


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "", "--genre", "jazz"], "--yes, or --dry-run"),
        (["--where", "", "jazz"], "either a song"),
        (["--where", "", "--yes"], "either a genre"),
        (["--where", "", "--genre", " ", "--yes"], "either a genre"),
        (["/music/a.mp3", "jazz", "--accept-best"], "either a genre"),
    ],
)
def test_what_is_wrong_is_said(library: Library, arguments: Sequence[str], message: str) -> None:
    assert message in " ".join(run(library, *arguments, code=2).stderr.replace("│", " ").split())


def test_a_single_song_takes_the_spelling_too(library: Library) -> None:
    assert "metal (your word)" in run(library, "/music/c.mp3", "METAL").stdout
    assert words(library)["c"] == "metal"
    library.add(replace(song("g", None), missing_since=1.0))
    run(library, "/music/g.mp3", "--accept-best")
    found = library.song("/music/g.mp3")
    assert found is not None
    assert found.correction == "metal"
