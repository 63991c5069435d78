"""The library remembers its model: nothing has to be told twice, and no two vocabularies are mixed unasked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiny import tiny_model
from zhanr import settings
from zhanr.bundle import Bundle, load_bundle
from zhanr.errors import ConfigError
from zhanr.library import Library, Song, memory
from zhanr.vocabulary import advice, find, model_for, model_for_files, note


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "data" / "library.sqlite"))
    monkeypatch.delenv("ZHANR_MODEL", raising=False)


@pytest.fixture
def library() -> Iterator[Library]:
    with Library.open() as library:
        yield library


@pytest.fixture
def mine(tmp_path: Path) -> Bundle:
    return load_bundle(tiny_model(tmp_path / "mine.onnx"))


@pytest.fixture
def other(tmp_path: Path) -> Bundle:
    return load_bundle(tiny_model(tmp_path / "other.onnx", seed=1))


def scanned(library: Library, bundle: Bundle, *, name: str = "a.mp3") -> None:
    library.add(Song(Path("/music") / name, best="jazz", genre="jazz", model_sha256=bundle.sha256))
    note(library, bundle)


def test_a_new_library_takes_the_settings_and_a_scanned_one_keeps_its_own(
    library: Library, mine: Bundle, other: Bundle
) -> None:
    assert model_for(library).reference == "default"
    settings.change("model", str(mine.path))
    assert model_for(library).sha256 == mine.sha256
    scanned(library, mine)
    settings.change("model", str(other.path))
    assert model_for(library).sha256 == mine.sha256
    assert model_for(library, again=True).sha256 == other.sha256


def test_another_model_needs_a_word(library: Library, mine: Bundle, other: Bundle) -> None:
    scanned(library, mine)
    wanted = str(other.path)
    with pytest.raises(ConfigError, match=re.escape(f"`zhanr scan --again --model {wanted} FOLDER`")):
        model_for(library, wanted, mix=False)
    assert model_for(library, wanted, mix=True).sha256 == other.sha256
    note(library, other, mix=True)
    assert model_for(library).sha256 == mine.sha256
    assert model_for(library, wanted, again=True).sha256 == other.sha256
    note(library, other)
    assert model_for(library).sha256 == other.sha256


def test_a_variable_is_as_good_as_an_option(
    library: Library, mine: Bundle, other: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned(library, mine)
    monkeypatch.setenv("ZHANR_MODEL", str(other.path))
    with pytest.raises(ConfigError, match="has genres of its own"):
        model_for(library, mix=False)
    assert model_for(library, again=True).sha256 == other.sha256


def test_what_was_learnt_is_put_in_place_by_the_next_scan_of_all(library: Library, mine: Bundle, other: Bundle) -> None:
    scanned(library, mine)
    memory.plan(library, str(other.path))
    assert model_for(library).sha256 == mine.sha256, "new songs get the genres that the library has"
    assert model_for(library, again=True).sha256 == other.sha256
    note(library, other)
    assert memory.planned(library) is None
    assert memory.model_of(library) == (other.sha256, str(other.path))


def test_a_model_is_found_by_its_hash_where_another_has_taken_its_name(library: Library, mine: Bundle) -> None:
    scanned(library, mine)
    saved = library.path.with_name("own.12345678.onnx")
    saved.write_bytes(mine.path.read_bytes())
    tiny_model(mine.path, seed=5)
    assert model_for(library).path == saved
    saved.unlink()
    with pytest.raises(ConfigError, match="which can't be found any more"):
        model_for(library)
    assert model_for(library, again=True).path == mine.path, "the newest of that name"


def test_a_library_of_before_finds_its_model_among_the_built_in_ones(library: Library) -> None:
    built_in = load_bundle("paper")
    library.add(Song(Path("/music/a.mp3"), best="jazz", model_sha256=built_in.sha256))
    known = memory.model_of(library)
    assert known == (built_in.sha256, "")
    assert find(library, known) == built_in.path
    assert model_for(library).reference == "paper"


def test_a_library_of_the_first_default_model_is_told(library: Library) -> None:
    library.add(Song(Path("/music/a.mp3"), best="jazz", model_sha256=load_bundle("gtzan").sha256))
    assert "scan --again --model default" in str(advice(library))


def test_one_of_todays_model_is_not(library: Library) -> None:
    library.add(Song(Path("/music/a.mp3"), best="jazz", model_sha256=load_bundle("default").sha256))
    assert advice(library) is None


def test_files_outside_get_the_genres_of_the_library(library: Library, mine: Bundle, other: Bundle) -> None:
    assert model_for_files() is None
    settings.change("model", "paper")
    assert model_for_files() == "paper"
    scanned(library, mine)
    assert model_for_files() == str(mine.path)
    assert model_for_files(str(other.path)) == str(other.path)


def test_all_anew_takes_the_default_where_the_librarys_own_model_is_gone(library: Library, mine: Bundle) -> None:
    scanned(library, mine)
    mine.path.unlink()
    assert model_for(library, again=True).reference == "default"
