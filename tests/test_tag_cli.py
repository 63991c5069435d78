"""`zhanr tag` as a user runs it: plan, trial, write, undo."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from command import lines, zhanr
from tag_files import id3_tag, put, rewritten, state
from tiny import LABELS, tiny_model
from zhanr.audio.payload import payload_sha256
from zhanr.bundle import load_bundle
from zhanr.library import Library, Song, memory
from zhanr.library.albums import albums
from zhanr.tags.formats import read_genres
from zhanr.tags.journal import Journal, new_path
from zhanr.tags.plan import read_plan


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of four songs: sure, not so sure, not sure at all, and one that has gone."""
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "data" / "library.sqlite"))
    music = tmp_path / "music"
    music.mkdir()
    answers = {"flac-bare": ("jazz", 0.95), "mp3-bare": ("rock", 0.7), "opus": (None, 0.9), "m4a-bare": ("jazz", 0.9)}
    with Library.open() as opened:
        for name, (genre, confidence) in answers.items():
            path = put(music, name)
            status = path.stat()
            probabilities = {genre or "jazz": confidence, "rock": 1 - confidence}
            opened.add(
                Song(
                    path,
                    status.st_size,
                    status.st_mtime_ns,
                    content_hash=payload_sha256(path),
                    genre=genre,
                    best=genre or "jazz",
                    confidence=confidence,
                    probabilities=probabilities | {genre or "jazz": confidence},
                    reason=None if genre else "not sure",
                )
            )
    return music


def test_from_the_library_to_the_files_and_back(library: Path, tmp_path: Path) -> None:
    made, before = tmp_path / "plan.csv", state(library)
    (library / "m4a-bare.m4a").unlink()
    del before[str(library / "m4a-bare.m4a")]
    rows = lines(zhanr("tag", "plan", "-o", made, "--threshold", "0.8", "--all", "--json", code=1))
    assert [(Path(r["path"]).stem, r["write"], r["genres"]) for r in rows if "write" in r and "path" in r] == [
        ("flac-bare", True, ["Jazz"]),
        ("mp3-bare", False, ["Rock"]),
        ("opus", False, ["Jazz"]),
    ]
    assert [r["error"] for r in rows if "error" in r] != []
    assert rows[-1] == {"plan": str(made), "write": 1, "left": 2, "failed": 1}
    trial = zhanr("tag", "apply", made)
    assert "NOTHING WAS WRITTEN" in trial.stderr
    assert "--write" in trial.stderr
    assert state(library) == before
    *written, last = lines(zhanr("tag", "apply", made, "--write", "--json"))
    assert [(o["status"], o["genres"]) for o in written] == [("written", ["Jazz"])]
    assert last["written"] == 1
    assert Path(last["journal"]).is_file()
    assert state(library) != before
    assert [o["status"] for o in lines(zhanr("tag", "undo", "--json"))] == ["restored"]
    assert state(library) == before
    assert "nothing to undo" in zhanr("tag", "undo", "last", code=1).stderr


def test_a_plan_is_not_overwritten_and_stale_songs_are_left_out(library: Path, tmp_path: Path) -> None:
    made = tmp_path / "plan.csv"
    retagged, changed = library / "flac-bare.flac", library / "mp3-bare.mp3"
    retagged.write_bytes(rewritten(retagged.read_bytes(), ("Unknown",)))
    changed.write_bytes(id3_tag() + changed.read_bytes()[:-4000])
    rules = ("--threshold", "0.5", "--no-genre", "unknown", "--policy", "empty")
    done = zhanr("tag", "plan", retagged, changed, "--library", os.environ["ZHANR_LIBRARY"], "-o", made, *rules, code=1)
    assert "changed since it was scanned" in done.stderr
    assert [r.path for r in read_plan(made)] == [retagged]
    assert "--force" in zhanr("tag", "plan", "-o", made, code=1).stderr
    assert len(read_plan(made)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["--threshold", "jaz=0.5"],
        ["--threshold", "2"],
        ["--whitelist", ","],
        ["--map", "absent.toml"],
        ["--also", "-1"],
    ],
)
def test_wrong_rules_are_told_before_anything_is_read(library: Path, tmp_path: Path, wrong: list[str]) -> None:
    assert library.is_dir()
    assert zhanr("tag", "plan", "-o", tmp_path / "plan.csv", *wrong, code=1).stderr.startswith("zhanr: ")
    assert not (tmp_path / "plan.csv").exists()


def test_from_the_files_where_there_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "library.sqlite"))
    music, model = tmp_path / "music", tiny_model(tmp_path / "tiny.onnx")
    music.mkdir()
    paths = [put(music, n) for n in ("mp3", "flac-bare")]
    (music / "empty.ogg").touch()
    made = tmp_path / "plan.csv"
    options = ("--model", model, "--policy", "add", "--threshold", "0", "--case", "upper")
    assert "empty" in zhanr("tag", "plan", music, "-o", made, *options, code=1).stderr
    rows = {r.path: r for r in read_plan(made)}
    assert list(rows) == sorted(paths)
    assert rows[paths[0]].genres[0] == "Old Genre"
    assert {r.genres[-1] for r in rows.values()} <= {label.upper() for label in LABELS}
    assert "NOTHING WAS WRITTEN" in zhanr("tag", "apply", made).stderr
    assert "To take it back" in zhanr("tag", "apply", made, "--write").stdout
    assert "2 done" in zhanr("tag", "apply", made, "--write").stdout
    assert [read_genres(p) for p in paths] == [rows[p].genres for p in paths]
    assert "2 restored" in zhanr("tag", "undo", made).stdout
    assert read_genres(paths[0]) == ("Old Genre",)


def test_one_genre_for_all_songs_of_an_album(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(tmp_path / "tiny.onnx", confidence=0.8)
    with Library.open() as opened:
        jazz = {"flac-bare": 0.95, "mp3-bare": 0.3, "m4a-bare": 0.9, "opus": 0.9}
        for one in list(opened.songs()):
            p = {"jazz": jazz[one.path.stem], "rock": 1 - jazz[one.path.stem]}
            opened.add(replace(one, artist="A", album="B", model_sha256="m", probabilities=p))
        opened.correct(library / "m4a-bare.m4a", "Polka")
        memory.remember(opened, memory.Model("m", "gone.onnx"))
    made = tmp_path / "plan.csv"
    assert "can't be found" in zhanr("tag", "plan", "-o", made, "--by", "album", code=1).stderr
    with Library.open() as opened:
        sha256 = load_bundle(model).sha256
        opened.add(*(replace(s, model_sha256=sha256) for s in opened.songs()))
        memory.remember(opened, memory.Model(sha256, str(model)))
        (album,) = albums(opened, least=0.8)
        assert (album.best, album.genre) == ("jazz", None)
    assert "1 to write" in zhanr("tag", "plan", "-o", made, "--by", "album", "--policy", "replace").stdout
    assert [r.genres for r in read_plan(made)] == [("Polka",)]
    with Library.open() as opened:
        opened.correct(library / "opus.opus", "jazz")
    monkeypatch.setenv("ZHANR_BY", "album")
    plan = ("tag", "plan", "-o", made, "--policy", "replace", "--threshold", "0", "--force")
    assert "4 to write" in zhanr(*plan).stdout
    rows = {r.path.stem: r for r in read_plan(made)}
    assert {name: row.genres for name, row in rows.items()} == {
        "flac-bare": ("Jazz",),
        "mp3-bare": ("Jazz",),
        "m4a-bare": ("Polka",),
        "opus": ("Jazz",),
    }
    assert rows["mp3-bare"].reason == "the album's, it had no genre"
    zhanr(*plan, "--by", "track")
    assert {r.path.stem: r.genres for r in read_plan(made)}["mp3-bare"] == ("Rock",)


def test_albums_of_files_that_are_in_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "library.sqlite"))
    music, model = tmp_path / "music", tiny_model(tmp_path / "tiny.onnx")
    (music / "one").mkdir(parents=True)
    for name in ("mp3-bare", "flac-bare"):
        put(music / "one", name)
    put(music, "opus")
    (music / "empty.ogg").touch()
    by = ("--by", "album", "--model", model)
    rows = lines(zhanr("classify", music, *by, "--json", code=1))
    assert sorted(row["songs"] for row in rows if "songs" in row) == [1, 2]
    assert [Path(row["path"]).name for row in rows if "error" in row] == ["empty.ogg"]
    assert "2 albums, 2 with a genre" in zhanr("classify", music, *by, code=1).stdout
    assert "not for --by" in zhanr("classify", music, *by, "--timeline", code=2).stderr
    made = tmp_path / "plan.csv"
    zhanr("tag", "plan", music, "-o", made, *by, "--threshold", "0", "--policy", "replace", code=1)
    genres = {r.path.name: r.genres for r in read_plan(made)}
    assert genres["mp3-bare.mp3"] == genres["flac-bare.flac"]
    assert {r.reason.partition(",")[0] for r in read_plan(made)} == {"the album's"}


def test_nothing_is_written_or_undone_while_another_run_writes(library: Path, tmp_path: Path) -> None:
    made = tmp_path / "plan.csv"
    zhanr("tag", "plan", "--output", made)
    before = state(library)
    with Journal.create(new_path(Path("app.csv")), None, ()):  # as the application does
        refused = zhanr("tag", "apply", made, "--write", code=1)
        assert "another zhanr is writing files just now" in refused.stderr
        zhanr("tag", "apply", made)  # a trial writes nothing, and may be made
    assert state(library) == before
    zhanr("tag", "apply", made, "--write")
    written = state(library)
    assert written != before
    with Journal.create(new_path(Path("app.csv")), None, ()):
        assert "another zhanr is writing files just now" in zhanr("tag", "undo", code=1).stderr
    assert state(library) == written
    zhanr("tag", "undo")
    assert {path: data for path, (data, _) in state(library).items()} == {p: d for p, (d, _) in before.items()}


def test_of_two_runs_at_once_one_writes(library: Path, tmp_path: Path) -> None:
    made = tmp_path / "plan.csv"
    zhanr("tag", "plan", "--output", made)
    command = [sys.executable, "-W", "error", "-m", "zhanr", "tag", "apply", str(made), "--write"]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [(*run.communicate(), run.returncode) for run in runs]
    assert all(code == 0 or "another zhanr is writing" in errors for _, errors, code in said)
    assert any("2 written" in out for out, _, _ in said)
    assert sum("2 written" in out for out, _, _ in said) == 1
    assert read_genres(library / "flac-bare.flac") == ("Jazz",)


def test_an_undo_says_that_a_run_of_the_same_plan_before_it_is_not_taken_back(library: Path, tmp_path: Path) -> None:
    made, before = tmp_path / "plan.csv", state(library)
    zhanr("tag", "plan", "-o", made, "--threshold", "0.5")
    text = made.read_text(encoding="utf-8-sig")
    made.write_text("\n".join(line.replace("yes,", "no,") if "flac" in line else line for line in text.split("\n")))
    zhanr("tag", "apply", made, "--write")
    made.write_text(text)
    zhanr("tag", "apply", made, "--write")  # as after one that was stopped
    done = zhanr("tag", "undo")
    assert f"1 other run of the same plan is not taken back: zhanr tag undo {made}" in done.stderr.replace("\n", "")
    assert state(library) != before
    assert "other" not in zhanr("tag", "undo", made).stderr
    assert state(library) == before
