"""The plugin of beets in a real library of beets, run as its users run it: `beet import`, `beet zhanr`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import mutagen
import numpy as np
import pytest

import tag_files
from tiny import N_BINS, tiny_model
from zhanr.card import StyleLabel
from zhanr.tags.formats import read_genres

N_SONGS = 30
GENRE = ("TCON", "genre", "\xa9gen", "WM/Genre", "Genre")

pytest.importorskip("beets")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that is sure of everything being jazz."""
    weights = np.tile(np.array([0, 50, 0], np.float32), (N_BINS, 1))
    return tiny_model(tmp_path / "tiny.onnx", weights=weights)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Ten songs in each of three formats, five of each without a genre."""
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(N_SONGS):
        suffix = ("mp3", "flac", "m4a")[i % 3]
        path = folder / f"{i:02d}.{suffix}"
        path.write_bytes(tag_files.sound("alac" if suffix == "m4a" else suffix))
        file = mutagen.File(path, easy=True)
        file.update({"title": [f"song {i}"], "artist": ["somebody"], "album": ["an album"]})
        if i >= N_SONGS // 2:
            file["genre"] = ["Turbo Folk"]
        file.save()
    return folder


def beet(home: Path, *arguments: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "beets", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"BEETSDIR": str(home), "HOME": str(home)},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def settle(home: Path, model: Path, **options: object) -> None:
    """A configuration of beets that leaves the files where they are."""
    home.mkdir(exist_ok=True)
    lines = [f"  {name}: {value}" for name, value in ({"model": model} | options).items()]
    text = "\n".join(["plugins: zhanr", "import:", "  copy: no", "  autotag: no", "zhanr:", *lines, ""])
    (home / "config.yaml").write_text(text, encoding="utf-8")


def genres(home: Path, *query: str) -> list[str]:
    return beet(home, "ls", "-f", "$title|$genres|$zhanr_confidence", *query).splitlines()


def tags(folder: Path) -> Mapping[str, dict[str, str]]:
    """Every tag but the genre, as mutagen reads it, by file."""
    return {
        path.name: {str(k): str(v) for k, v in dict(mutagen.File(path).tags).items() if str(k) not in GENRE}
        for path in sorted(folder.iterdir())
    }


def test_import_and_writing(tmp_path: Path, music: Path, model: Path) -> None:
    home, before = tmp_path / "beets", tags(music)
    settle(home, model)
    beet(home, "import", "-q", music)
    lines = genres(home)
    assert len(lines) == N_SONGS
    assert sum(line.endswith("|Jazz|1.00") for line in lines) == N_SONGS // 2
    assert sum(line.endswith("|Turbo Folk|1.00") for line in lines) == N_SONGS // 2
    assert tags(music) == before
    shown = beet(home, "zhanr", "--force", "--policy", "add", "--pretend")
    assert shown.count("-> Turbo Folk; Jazz") == N_SONGS // 2
    assert genres(home) == lines
    beet(home, "zhanr", "--force", "--policy", "add")
    assert sum("|Turbo Folk; Jazz|" in line for line in genres(home)) == N_SONGS // 2
    assert tags(music) == before
    for path in sorted(music.iterdir())[N_SONGS // 2 :]:
        assert mutagen.File(path, easy=True)["genre"] == ["Turbo Folk", "Jazz"]


def test_genres_are_replaced_and_styles_kept_in_a_field_of_beets(tmp_path: Path, music: Path) -> None:
    home, before = tmp_path / "beets", tags(music)
    weights = np.tile(np.array([0, 50, 0], np.float32), (N_BINS, 1))
    styles = (StyleLabel("bebop", 0.0), StyleLabel("never", 0.999))  # least probabilities
    settle(home, tiny_model(tmp_path / "styles.onnx", weights=weights, styles=styles), policy="replace", auto="no")
    beet(home, "import", "-q", music)
    beet(home, "zhanr")
    assert [line.split("|")[1] for line in genres(home)] == ["Jazz"] * N_SONGS
    assert beet(home, "ls", "-f", "$zhanr_styles", "zhanr_styles:bebop").split() == ["bebop"] * N_SONGS
    assert not beet(home, "ls", "zhanr_styles:never")
    assert beet(home, "ls", "-a", "-f", "$genres").strip() == "Jazz"
    assert [read_genres(path) for path in sorted(music.iterdir())] == [("Jazz",)] * N_SONGS
    assert tags(music) == before


def test_it_goes_on_where_it_was_and_one_bad_file_stops_nothing(tmp_path: Path, music: Path, model: Path) -> None:
    home = tmp_path / "beets"
    settle(home, model, auto="no")
    beet(home, "import", "-q", music)
    assert not any("Jazz" in line for line in genres(home))
    beet(home, "zhanr", "title:song 0")
    assert beet(home, "zhanr", "--pretend").count("\n") == N_SONGS - 1
    (music / "01.flac").write_bytes(b"no music")
    assert "01.flac" in beet(home, "zhanr", "--nowrite")
    assert sum("|Jazz|" in line for line in genres(home)) == N_SONGS // 2 - 1
    assert "genre" not in mutagen.File(music / "02.m4a", easy=True)
    assert mutagen.File(music / "00.mp3", easy=True)["genre"] == ["Jazz"]
    assert beet(home, "ls", "-a", "-f", "$genres").strip() == "Turbo Folk"


def test_where_it_is_not_sure_nothing_is_set(tmp_path: Path, music: Path) -> None:
    home = tmp_path / "beets"
    settle(home, tiny_model(tmp_path / "unsure.onnx", confidence=1.1))
    beet(home, "import", "-q", music)
    lines = genres(home)
    assert not any("Jazz" in line or "Rock" in line or "Classical" in line for line in lines)
    assert not any(line.endswith("|") for line in lines)
    settle(home, tmp_path / "nowhere.onnx")
    assert "nowhere.onnx" in beet(home, "zhanr", "--force", code=1)
