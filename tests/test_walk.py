"""The walk over folders of music: what is found, in what order, and what can't be looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audio_files import FORMATS
from zhanr.config import AUDIO_SUFFIXES
from zhanr.scan.walk import find_audio, is_audio_path, walk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder "music" with six files that are called music."""
    folder = tmp_path / "music"
    folder.mkdir()
    for i, suffix in enumerate(("wav", "flac", "mp3", "ogg", "m4a", "opus")):
        (folder / f"{i}.{suffix}").touch()
    return folder


def touched(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_find_audio(tmp_path: Path) -> None:
    names = ["b.mp3", "A/x.FLAC", "a/2.wav", "a/10.ogg", ".hidden.mp3", ".git/x.mp3", "cover.jpg", "a/notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "z").symlink_to(tmp_path / "A")
    (tmp_path / "dead.mp3").symlink_to(tmp_path / "nowhere")

    def found(*paths: str) -> list[str]:
        return [p.relative_to(tmp_path).as_posix() for p in find_audio([tmp_path / p for p in paths])]

    assert found(".") == ["A/x.FLAC", "a/10.ogg", "a/2.wav", "b.mp3", "dead.mp3"]
    assert found("cover.jpg", "missing", ".hidden.mp3") == ["cover.jpg", "missing", ".hidden.mp3"]
    assert found("a/2.wav", "A", ".git", "A") == ["a/2.wav", "A/x.FLAC", ".git/x.mp3"]
    assert list(find_audio(str(tmp_path / "A"))) == [tmp_path / "A" / "x.FLAC"]


def test_a_folder_that_may_not_be_listed_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.mp3").touch()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(find_audio([tmp_path])) == [tmp_path / "closed", tmp_path / "open.mp3"]
    problems = {path: reason for listing in walk([tmp_path]) for path, reason in listing.problems.items()}
    assert problems == {str(tmp_path / "closed"): "reading it is not permitted"}


def test_is_audio_path() -> None:
    assert is_audio_path("x/Song.MP3")
    assert is_audio_path(Path("a.b.opus"))
    assert not is_audio_path("mp3")
    assert not is_audio_path(".mp3")
    assert not is_audio_path("song.txt")
    assert {f".{f.suffix}" for f in FORMATS.values()} <= AUDIO_SUFFIXES


def test_walking(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling.mp3").symlink_to(folder / "nothing.mp3")
    (folder / ".hidden.mp3").touch()
    (folder / "notes.txt").touch()
    (folder / "UPPER.MP3").touch()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.mp3")
    listings = list(walk([folder, folder, folder / "0.wav"]))
    assert [x.folder for x in listings] == [str(folder), str(folder / "a"), str(folder)]
    assert sorted(Path(p).name for p in listings[0].files) == [
        "0.wav", "1.flac", "2.mp3", "3.ogg", "4.m4a", "5.opus", "UPPER.MP3",
    ]  # fmt: skip
    assert listings[0].problems == {str(folder / "dangling.mp3"): "this is a link to a file that is not there"}
    assert not listings[2].complete


def test_a_folder_is_known_by_its_own_path_and_not_by_a_link(folder: Path, tmp_path: Path) -> None:
    touched(folder / "z" / "x.flac")
    touched(tmp_path / "outside" / "y.flac")
    (folder / "a").symlink_to(folder / "z", target_is_directory=True)
    (folder / "b").symlink_to(tmp_path / "outside", target_is_directory=True)
    assert [Path(x.folder).name for x in walk([folder])] == ["music", "z", "b"]


def test_deep_and_wide(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(500):  # deeper than a recursion may go in comfort
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "x.mp3").touch()
    assert sum(len(x.files) for x in walk([tmp_path])) == 1


def test_paths_begin_as_their_roots_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched(tmp_path / "a" / "x.mp3")
    monkeypatch.chdir(tmp_path)
    assert list(find_audio([".", "a"])) == [Path("a/x.mp3")]
    assert list(find_audio(["a/x.mp3"])) == [Path("a/x.mp3")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_that_was_named_is_told_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    (listing,) = walk([tmp_path / "pipe.mp3"])
    assert listing.problems == {str(tmp_path / "pipe.mp3"): "this is a device or a pipe, not a file"}
    assert list(find_audio([tmp_path])) == []


def test_what_macos_packs_beside_files_is_no_music(tmp_path: Path) -> None:
    touched(tmp_path / "__MACOSX" / "x.mp3")
    touched(tmp_path / "x.mp3")
    assert list(find_audio([tmp_path])) == [tmp_path / "x.mp3"]
